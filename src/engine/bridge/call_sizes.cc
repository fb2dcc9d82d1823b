// The functions that can make much out of little, and how much.
#include "engine/bridge/call_sizes.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>

namespace kalamdb::engine {
namespace {

using duckdb::LogicalTypeId;
using duckdb::PhysicalType;

constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kBytesOfCharacter = 4;  // the most in UTF-8
constexpr uint64_t kCounted = 1u << 10;    // replace: below it the bound will do

uint64_t Times(uint64_t a, uint64_t b) {
  uint64_t product = 0;
  return __builtin_mul_overflow(a, b, &product) ? kMost : product;
}
uint64_t Plus(uint64_t a, uint64_t b) {
  uint64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? kMost : sum;
}
uint64_t CountOf(int64_t n) { return n > 0 ? static_cast<uint64_t>(n) : 0; }

// What all arguments hold together: concat, ||, list_concat.
uint64_t Together(const CallArguments& call, size_t row) {
  uint64_t sum = 0;
  for (size_t i = 0; i < call.columns(); ++i) sum = Plus(sum, call.Bytes(i, row));
  return sum;
}

uint64_t TogetherWithSeparators(const CallArguments& call, size_t row) {
  return Plus(Together(call, row), Times(call.Bytes(0, row), call.columns()));
}

uint64_t Repeated(const CallArguments& call, size_t row) {
  return Times(call.Bytes(0, row), CountOf(call.Integer(1, row)));
}

uint64_t Padded(const CallArguments& call, size_t row) {
  const std::string_view pad = call.Text(2, row);
  const bool ascii = std::all_of(pad.begin(), pad.end(), [](char c) { return static_cast<signed char>(c) >= 0; });
  return Plus(call.Bytes(0, row), Times(CountOf(call.Integer(1, row)), ascii ? 1 : kBytesOfCharacter));
}

uint64_t Resized(const CallArguments& call, size_t row) {
  const auto& element = duckdb::ListType::GetChildType(call.type(0));
  return Times(duckdb::GetTypeIdSize(element.InternalType()), CountOf(call.Integer(1, row)));
}

// range and generate_series over numbers or times: 8 bytes an element.
uint64_t Series(const CallArguments& call, size_t row) {
  const auto as_number = [&](size_t column) {
    if (call.type(column).InternalType() != PhysicalType::INTERVAL)
      return static_cast<long double>(call.Integer(column, row));
    if (call.IsNull(column, row)) return 0.0L;
    const auto& step = call.At<duckdb::interval_t>(column, row);
    constexpr long double kDay = 86'400'000'000.0L;
    return static_cast<long double>(step.micros) + kDay * step.days + 28 * kDay * step.months;
  };
  const long double from = call.columns() > 1 ? as_number(0) : 0;
  const long double to = as_number(call.columns() > 1 ? 1 : 0);
  const long double step = call.columns() > 2 ? as_number(2) : 1;
  if (step == 0) return 0;
  const long double count = (to - from) / step + 1;
  if (count <= 0) return 0;
  return count > 1e18L ? kMost : Times(static_cast<uint64_t>(count), sizeof(int64_t));
}

// A template of format or printf: each number in it may be a width or a precision, each place may take the largest
// argument, and a width may itself be an argument.
uint64_t Formatted(const CallArguments& call, size_t row) {
  const std::string_view text = call.Text(0, row);
  uint64_t size = text.size(), number = 0, places = 0, depth = 0;
  bool width_is_argument = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      number = Plus(Times(number, 10), static_cast<uint64_t>(c - '0'));
      continue;
    }
    size = Plus(size, number);
    number = 0;
    if (c == '{' && ++depth > 1) width_is_argument = true;
    if (c == '}' && depth > 0) --depth;
    if (c == '*') width_is_argument = true;
    if (c == '{' || c == '%') ++places;
  }
  size = Plus(size, number);
  uint64_t largest = 0;
  for (size_t i = 1; i < call.columns(); ++i) {
    largest = std::max(largest, call.Bytes(i, row));
    if (width_is_argument && call.IsNumber(i))
      size = Plus(size, Times(CountOf(std::abs(std::max<int64_t>(call.Integer(i, row), -INT64_MAX))), places));
  }
  return Plus(size, Times(largest, places));
}

uint64_t OccurrencesOf(std::string_view what, std::string_view text) {
  uint64_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

uint64_t Replaced(const CallArguments& call, size_t row) {
  const std::string_view text = call.Text(0, row), from = call.Text(1, row), to = call.Text(2, row);
  if (from.empty() || to.size() <= from.size()) return text.size();
  const uint64_t growth = to.size() - from.size();
  const uint64_t at_most = Plus(text.size(), Times(text.size() / from.size(), growth));
  if (at_most <= kCounted) return at_most;
  return Plus(text.size(), Times(OccurrencesOf(from, text), growth));
}

// If every character matched; a reference to a group gives at most the text again.
uint64_t ReplacedByPattern(const CallArguments& call, size_t row) {
  const std::string_view text = call.Text(0, row), to = call.Text(2, row);
  const auto references = static_cast<uint64_t>(std::count(to.begin(), to.end(), '\\'));
  return Plus(Times(text.size(), references + 1), Times(text.size() + 1, to.size()));
}

uint64_t Bits(const CallArguments& call, size_t row) { return CountOf(call.Integer(1, row)) / 8; }

uint64_t Drawn(const CallArguments& call, size_t row) {
  return call.columns() < 4 ? 0 : Times(CountOf(call.Integer(3, row)), 3);
}

// A table of one number for each pair of characters.
uint64_t Pairs(const CallArguments& call, size_t row) {
  return Times(Times(call.Bytes(0, row), call.Bytes(1, row)), sizeof(uint64_t));
}

// Compares each character with each: no memory, but time, which is told in bytes read.
uint64_t Comparisons(const CallArguments& call, size_t row) {
  constexpr uint64_t kComparisonsInTheTimeOfAByte = 4;
  return Times(call.Bytes(0, row), call.Bytes(1, row)) / kComparisonsInTheTimeOfAByte;
}

// A node of a hash table or a tree for each element.
uint64_t Distinct(const CallArguments& call, size_t row) {
  constexpr uint64_t kBytesOfNode = 48;
  uint64_t size = 0;
  for (size_t i = 0; i < call.columns(); ++i) size = Plus(size, Times(call.Elements(i, row), kBytesOfNode));
  return size;
}

struct NamedSize {
  std::string_view name;
  CallSize size;
};

constexpr NamedSize kSizes[] = {
    {"&&", Distinct},
    {"<@", Distinct},
    {"@>", Distinct},
    {"array_cat", Together},
    {"array_concat", Together},
    {"array_distinct", Distinct},
    {"array_has_all", Distinct},
    {"array_has_any", Distinct},
    {"array_intersect", Distinct},
    {"array_resize", Resized},
    {"array_unique", Distinct},
    {"bar", Drawn},
    {"bitstring", Bits},
    {"concat", Together},
    {"concat_ws", TogetherWithSeparators},
    {"damerau_levenshtein", Pairs},
    {"editdist3", Comparisons},
    {"format", Formatted},
    {"generate_series", Series},
    {"jaro_similarity", Comparisons},
    {"jaro_winkler_similarity", Comparisons},
    {"levenshtein", Comparisons},
    {"list_cat", Together},
    {"list_concat", Together},
    {"list_distinct", Distinct},
    {"list_has_all", Distinct},
    {"list_has_any", Distinct},
    {"list_intersect", Distinct},
    {"list_resize", Resized},
    {"list_unique", Distinct},
    {"lpad", Padded},
    {"printf", Formatted},
    {"range", Series},
    {"regexp_replace", ReplacedByPattern},
    {"repeat", Repeated},
    {"replace", Replaced},
    {"rpad", Padded},
    {"||", Together},
};

}  // namespace

CallArguments::CallArguments(duckdb::DataChunk& input) : types_(input.GetTypes()), formats_(input.ColumnCount()) {
  for (size_t i = 0; i < input.ColumnCount(); ++i) input.data[i].ToUnifiedFormat(input.size(), formats_[i]);
}

bool CallArguments::IsNull(size_t column, size_t row) const {
  const auto& format = formats_[column];
  return !format.validity.RowIsValid(format.sel->get_index(row));
}

uint64_t CallArguments::Bytes(size_t column, size_t row) const {
  if (IsNull(column, row)) return 0;
  if (IsText(column)) return At<duckdb::string_t>(column, row).GetSize();
  if (!IsList(column)) return duckdb::GetTypeIdSize(types_[column].InternalType());
  const auto& element = duckdb::ListType::GetChildType(types_[column]);
  return Times(At<duckdb::list_entry_t>(column, row).length, duckdb::GetTypeIdSize(element.InternalType()));
}

uint64_t CallArguments::Elements(size_t column, size_t row) const {
  return !IsList(column) || IsNull(column, row) ? 0 : At<duckdb::list_entry_t>(column, row).length;
}

std::string_view CallArguments::Text(size_t column, size_t row) const {
  if (IsNull(column, row)) return {};
  const auto& text = At<duckdb::string_t>(column, row);
  return {text.GetData(), text.GetSize()};
}

int64_t CallArguments::Integer(size_t column, size_t row) const {
  if (IsNull(column, row)) return 0;
  switch (types_[column].InternalType()) {
    case PhysicalType::BOOL:
    case PhysicalType::INT8: return At<int8_t>(column, row);
    case PhysicalType::UINT8: return At<uint8_t>(column, row);
    case PhysicalType::INT16: return At<int16_t>(column, row);
    case PhysicalType::UINT16: return At<uint16_t>(column, row);
    case PhysicalType::INT32: return At<int32_t>(column, row);
    case PhysicalType::UINT32: return At<uint32_t>(column, row);
    case PhysicalType::INT64: return At<int64_t>(column, row);
    case PhysicalType::UINT64: return static_cast<int64_t>(std::min<uint64_t>(At<uint64_t>(column, row), INT64_MAX));
    case PhysicalType::FLOAT:
    case PhysicalType::DOUBLE: {
      const double value = types_[column].InternalType() == PhysicalType::FLOAT
                               ? static_cast<double>(At<float>(column, row))
                               : At<double>(column, row);
      if (std::isnan(value)) return 0;
      return static_cast<int64_t>(std::clamp(value, -9e18, 9e18));
    }
    case PhysicalType::INT128: {
      const auto& value = At<duckdb::hugeint_t>(column, row);
      if (value.upper == 0) return static_cast<int64_t>(std::min<uint64_t>(value.lower, INT64_MAX));
      return value.upper > 0 ? INT64_MAX : -INT64_MAX;
    }
    case PhysicalType::UINT128: return INT64_MAX;
    default: return 0;
  }
}

bool IsDistinctAggregate(std::string_view aggregate_name) {
  static constexpr std::string_view kNames[] = {"entropy", "histogram", "histogram_exact", "mode"};
  return std::find(std::begin(kNames), std::end(kNames), aggregate_name) != std::end(kNames);
}

bool MakesWhatItHolds(CallSize size) { return size == Together; }

CallSize DistinctSize() { return Distinct; }

bool IsProgram(std::string_view function_name, size_t argument) {
  static constexpr std::string_view kPatterns[] = {
      "regexp_extract",        "regexp_extract_all", "regexp_full_match",  "regexp_matches", "regexp_replace",
      "regexp_split_to_array", "str_split_regex",    "string_split_regex", "strptime",       "try_strptime"};
  if (function_name == "strftime") return true;  // its other argument is no text
  return argument == 1 && std::find(std::begin(kPatterns), std::end(kPatterns), function_name) != std::end(kPatterns);
}

bool WalksJson(std::string_view function_name) {
  return function_name.starts_with("json") || function_name.starts_with("from_json");
}

size_t JsonDepth(std::string_view text) {
  size_t depth = 0, deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

CallSize FindCallSize(std::string_view function_name) {
  const auto* found = std::find_if(std::begin(kSizes), std::end(kSizes),
                                   [&](const NamedSize& named) { return named.name == function_name; });
  return found == std::end(kSizes) ? nullptr : found->size;
}

}  // namespace kalamdb::engine
