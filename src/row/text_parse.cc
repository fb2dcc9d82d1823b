// Reads values from text.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <system_error>

#include "row/ascii.h"
#include "row/text_form.h"

namespace kalamdb::row {
namespace {

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = ToLower(c);
  return lower;
}

// Takes the text from the front, piece by piece.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool Take(char wanted) {
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool Take(std::string_view wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }
  // Between `least` and `most` digits as a number.
  std::optional<int64_t> Digits(size_t least, size_t most) {
    int64_t value = 0;
    size_t count = 0;
    while (count < most && count < rest_.size() && IsDigit(rest_[count])) value = value * 10 + (rest_[count++] - '0');
    if (count < least) return std::nullopt;
    rest_.remove_prefix(count);
    return value;
  }
  // Digits behind a point as µs; what is finer is cut off.
  std::optional<int64_t> Fraction() {
    if (rest_.empty() || !IsDigit(rest_.front())) return std::nullopt;
    int64_t micros = 0;
    for (int64_t unit = 100'000; !rest_.empty() && IsDigit(rest_.front()); unit /= 10) {
      micros += (rest_.front() - '0') * unit;
      rest_.remove_prefix(1);
    }
    return micros;
  }
  char Front() const { return rest_.empty() ? '\0' : rest_.front(); }
  bool AtEnd() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool IsLeapYear(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int64_t DaysInMonth(int64_t year, int64_t month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeapYear(year) ? 29 : kDays[month - 1];
}

int64_t DaysFromCivil(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

std::optional<int64_t> ScanDate(Scanner* in) {
  const auto year = in->Digits(1, 7);
  if (!year || !in->Take('-')) return std::nullopt;
  const auto month = in->Digits(1, 2);
  if (!month || !in->Take('-')) return std::nullopt;
  const auto day = in->Digits(1, 2);
  if (!day) return std::nullopt;
  int64_t civil_year = *year;
  if (in->Take(" (BC)")) {
    if (civil_year == 0) return std::nullopt;
    civil_year = 1 - civil_year;
  }
  if (*month < 1 || *month > 12 || *day < 1 || *day > DaysInMonth(civil_year, *month)) return std::nullopt;
  const int64_t days = DaysFromCivil(civil_year, *month, *day);
  if (days < kMinDays || days > kMaxDays) return std::nullopt;
  return days;
}

std::optional<int64_t> ScanTime(Scanner* in) {
  const auto hours = in->Digits(1, 2);
  if (!hours || !in->Take(':')) return std::nullopt;
  const auto minutes = in->Digits(2, 2);
  if (!minutes) return std::nullopt;
  std::optional<int64_t> seconds = 0, fraction = 0;
  if (in->Take(':')) {
    seconds = in->Digits(2, 2);
    if (!seconds) return std::nullopt;
    if (in->Take('.')) fraction = in->Fraction();
    if (!fraction) return std::nullopt;
  }
  if (*hours > 24 || *minutes > 59 || *seconds > 59) return std::nullopt;
  const int64_t micros = ((*hours * 60 + *minutes) * 60 + *seconds) * kMicrosPerSecond + *fraction;
  if (micros > kMicrosPerDay) return std::nullopt;
  return micros;
}

// µs to take off for UTC.
std::optional<int64_t> ScanZone(Scanner* in) {
  if (in->Take('Z') || in->Take('z') || in->Take("UTC") || in->Take(" UTC")) return 0;
  const char sign = in->Front();
  if (!in->Take('+') && !in->Take('-')) return std::nullopt;
  const auto hours = in->Digits(2, 2);
  if (!hours) return std::nullopt;
  std::optional<int64_t> minutes = 0, seconds = 0;
  const bool colon = in->Take(':');
  if (colon || IsDigit(in->Front())) {
    minutes = in->Digits(2, 2);
    if (minutes && colon && in->Take(':')) seconds = in->Digits(2, 2);
  }
  if (!minutes || !seconds || *hours > 15 || *minutes > 59 || *seconds > 59) return std::nullopt;
  const int64_t micros = ((*hours * 60 + *minutes) * 60 + *seconds) * kMicrosPerSecond;
  return sign == '-' ? -micros : micros;
}

std::optional<int64_t> ParseInfinite(std::string_view text, int64_t infinite) {
  const std::string lower = text.size() > 9 ? std::string() : Lower(text);
  if (lower == "infinity") return infinite;
  if (lower == "-infinity") return -infinite;
  return std::nullopt;
}

// std::from_chars reports a number that is too large and one that is too small alike; only the first is an error.
template <typename Number>
std::optional<Number> ParseFloating(std::string_view text) {
  std::string_view body = text;
  if (body.starts_with('+')) body.remove_prefix(1);
  if (body.empty() || (body.size() != text.size() && body.front() == '-')) return std::nullopt;
  Number value = 0;
  const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), value);
  if (error == std::errc::invalid_argument || end != body.data() + body.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    const double wide = std::strtod(std::string(body).c_str(), nullptr);
    if (std::abs(wide) >= 1) return std::nullopt;
    return static_cast<Number>(wide);
  }
  return value;
}

// The digits of a decimal number with its exponent: value = 0.d1d2d3… · 10^point.
struct DecimalDigits {
  bool negative = false;
  std::string digits;  // without leading zeros
  int64_t point = 0;
};

std::optional<int64_t> ScanExponent(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (text.empty() || !std::all_of(text.begin(), text.end(), IsDigit)) return std::nullopt;
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  const int64_t value = text.size() > 9 ? 1'000'000'000 : *ParseInteger(text);
  return negative ? -value : value;
}

std::optional<DecimalDigits> ScanDecimal(std::string_view text) {
  DecimalDigits number;
  number.negative = text.starts_with('-');
  if (number.negative || text.starts_with('+')) text.remove_prefix(1);
  bool any = false, behind_point = false;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    if (text[at] == '.' && !behind_point) {
      behind_point = true;
      continue;
    }
    if (!IsDigit(text[at])) break;
    any = true;
    if (text[at] != '0' || !number.digits.empty())
      number.digits.push_back(text[at]);
    else if (behind_point)
      --number.point;
    if (!behind_point && !number.digits.empty()) ++number.point;
  }
  if (!any) return std::nullopt;
  if (at == text.size()) return number;
  if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
  const auto exponent = ScanExponent(text.substr(at + 1));
  if (!exponent) return std::nullopt;
  number.point += *exponent;
  return number;
}

}  // namespace

size_t CountCharacters(std::string_view text) {
  size_t count = 0;
  for (char c : text) count += (static_cast<uint8_t>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

std::optional<int64_t> ParseInteger(std::string_view text) {
  if (text.starts_with('+')) text = text.starts_with("+-") ? std::string_view() : text.substr(1);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<Int128> ParseDecimal(std::string_view text, uint8_t width, uint8_t scale) {
  const auto number = ScanDecimal(text);
  if (!number) return std::nullopt;
  if (number->digits.empty()) return Int128{0};
  const int64_t kept = number->point + scale;  // digits of the unscaled value
  if (kept > width) return std::nullopt;
  Int128 value = 0;
  for (int64_t i = 0; i < kept; ++i) {
    const auto at = static_cast<size_t>(i);
    value = value * 10 + (at < number->digits.size() ? number->digits[at] - '0' : 0);
  }
  if (kept >= 0 && static_cast<size_t>(kept) < number->digits.size() &&
      number->digits[static_cast<size_t>(kept)] >= '5')
    ++value;
  Int128 limit = 1;
  for (int i = 0; i < width; ++i) limit *= 10;
  if (value >= limit) return std::nullopt;
  return number->negative ? -value : value;
}

std::optional<double> ParseDouble(std::string_view text) { return ParseFloating<double>(text); }
std::optional<float> ParseFloat(std::string_view text) { return ParseFloating<float>(text); }

std::optional<int64_t> ParseDate(std::string_view text) {
  if (const auto infinite = ParseInfinite(text, kInfiniteDays)) return infinite;
  Scanner in(text);
  const auto days = ScanDate(&in);
  return in.AtEnd() ? days : std::nullopt;
}

std::optional<int64_t> ParseTime(std::string_view text) {
  Scanner in(text);
  const auto micros = ScanTime(&in);
  return in.AtEnd() ? micros : std::nullopt;
}

std::optional<int64_t> ParseTimestamp(std::string_view text, ZoneUse zone) {
  if (const auto infinite = ParseInfinite(text, kInfiniteMicros)) return infinite;
  Scanner in(text);
  const auto days = ScanDate(&in);
  if (!days) return std::nullopt;
  std::optional<int64_t> within = 0, offset = 0;
  if (!in.AtEnd()) {
    if (!in.Take(' ') && !in.Take('T') && !in.Take('t')) return std::nullopt;
    within = ScanTime(&in);
    if (within && !in.AtEnd()) offset = ScanZone(&in);
  }
  if (!within || !offset || !in.AtEnd()) return std::nullopt;
  if (zone == ZoneUse::kPassOver) offset = 0;
  int64_t micros = 0;
  if (__builtin_mul_overflow(*days, kMicrosPerDay, &micros) ||
      __builtin_add_overflow(micros, *within - *offset, &micros) || !IsTimestampInRange(micros) ||
      micros == kInfiniteMicros) {
    return std::nullopt;
  }
  return micros;
}

std::optional<Int128> ParseUuid(std::string_view text) {
  const bool hyphens = text.size() == 36;
  if (!hyphens && text.size() != 32) return std::nullopt;
  unsigned __int128 bits = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (hyphens && (at == 8 || at == 13 || at == 18 || at == 23)) {
      if (c != '-') return std::nullopt;
      continue;
    }
    unsigned nibble = 0;
    if (IsDigit(c))
      nibble = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      nibble = static_cast<unsigned>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      nibble = static_cast<unsigned>(c - 'A' + 10);
    else
      return std::nullopt;
    bits = bits << 4 | nibble;
  }
  return static_cast<Int128>(bits);
}

}  // namespace kalamdb::row
