// Writes values as text.
#include "row/text_form.h"

#include <algorithm>
#include <array>

#include "row/ascii.h"

namespace kalamdb::row {
namespace {

struct CivilDate {
  int64_t year;
  int month, day;
};

// Days since 1970-01-01 as a date: eras of 400 years that begin on a 1st of March.
CivilDate CivilFromDays(int64_t days) {
  const int64_t shifted = days + 719'468;
  const int64_t era = (shifted >= 0 ? shifted : shifted - 146'096) / 146'097;
  const int64_t day_of_era = shifted - era * 146'097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t march_month = (5 * day_of_year + 2) / 153;
  const int day = static_cast<int>(day_of_year - (153 * march_month + 2) / 5 + 1);
  const int month = static_cast<int>(march_month < 10 ? march_month + 3 : march_month - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

void AppendPadded(uint64_t value, size_t digits, std::string* out) {
  const std::string text = std::to_string(value);
  if (text.size() < digits) out->append(digits - text.size(), '0');
  out->append(text);
}

// The date without its era mark; true where the year is before 1.
bool AppendDateDigits(int64_t days, std::string* out) {
  const CivilDate date = CivilFromDays(days);
  const bool before_christ = date.year <= 0;
  AppendPadded(static_cast<uint64_t>(before_christ ? 1 - date.year : date.year), 4, out);
  out->push_back('-');
  AppendPadded(static_cast<uint64_t>(date.month), 2, out);
  out->push_back('-');
  AppendPadded(static_cast<uint64_t>(date.day), 2, out);
  return before_christ;
}

bool AppendInfinity(int64_t value, int64_t infinite, std::string* out) {
  if (value == infinite) out->append("infinity");
  if (value == -infinite) out->append("-infinity");
  return value == infinite || value == -infinite;
}

}  // namespace

void AppendDecimal(Int128 unscaled, uint8_t scale, std::string* out) {
  std::array<char, 48> digits;  // from the back
  size_t at = digits.size();
  auto rest = unscaled < 0 ? -static_cast<unsigned __int128>(unscaled) : static_cast<unsigned __int128>(unscaled);
  size_t written = 0;
  while (rest != 0 || written <= scale) {
    if (written == scale && scale != 0) digits[--at] = '.';
    if (rest <= UINT64_MAX) {
      const auto narrow = static_cast<uint64_t>(rest);
      digits[--at] = static_cast<char>('0' + narrow % 10);
      rest = narrow / 10;
    } else {
      digits[--at] = static_cast<char>('0' + static_cast<int>(rest % 10));
      rest /= 10;
    }
    ++written;
  }
  if (unscaled < 0) digits[--at] = '-';
  out->append(digits.data() + at, digits.size() - at);
}

void AppendDate(int64_t days, std::string* out) {
  if (AppendInfinity(days, kInfiniteDays, out)) return;
  if (AppendDateDigits(days, out)) out->append(" (BC)");
}

void AppendTime(int64_t micros, std::string* out) {
  const int64_t seconds = micros / kMicrosPerSecond;
  AppendPadded(static_cast<uint64_t>(seconds / 3'600), 2, out);
  out->push_back(':');
  AppendPadded(static_cast<uint64_t>(seconds / 60 % 60), 2, out);
  out->push_back(':');
  AppendPadded(static_cast<uint64_t>(seconds % 60), 2, out);
  const int64_t fraction = micros % kMicrosPerSecond;
  if (fraction == 0) return;
  out->push_back('.');
  AppendPadded(static_cast<uint64_t>(fraction), 6, out);
  while (out->back() == '0') out->pop_back();
}

void AppendTimestamp(int64_t micros, std::string* out) {
  if (AppendInfinity(micros, kInfiniteMicros, out)) return;
  int64_t days = micros / kMicrosPerDay;
  int64_t within = micros % kMicrosPerDay;
  if (within < 0) {
    within += kMicrosPerDay;
    --days;
  }
  const bool before_christ = AppendDateDigits(days, out);
  if (before_christ) out->append(" (BC)");
  out->push_back(' ');
  AppendTime(within, out);
}

void AppendUuid(Int128 uuid, std::string* out) {
  const auto bits = static_cast<unsigned __int128>(uuid);
  std::array<char, 36> text;
  size_t at = 0;
  for (int nibble = 31; nibble >= 0; --nibble) {
    if (at == 8 || at == 13 || at == 18 || at == 23) text[at++] = '-';
    text[at++] = kHexDigits[static_cast<unsigned>(bits >> (nibble * 4)) & 0xF];
  }
  out->append(text.data(), text.size());
}

void AppendHex(std::string_view bytes, std::string* out) {
  for (char c : bytes) {
    out->push_back(kHexDigits[static_cast<uint8_t>(c) >> 4]);
    out->push_back(kHexDigits[static_cast<uint8_t>(c) & 0xF]);
  }
}

}  // namespace kalamdb::row
