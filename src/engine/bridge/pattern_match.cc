// The matcher with one point of return, for both kinds of pattern.
#include "engine/bridge/pattern_match.h"

#include <algorithm>
#include <cmath>

#include "duckdb/function/scalar/string_functions.hpp"
#include "engine/bridge/call_sizes.h"
#include "engine/front/error_mapping.h"

namespace kalamdb::engine {
namespace {

constexpr uint64_t kStepsBetweenLooks = 1u << 20;
constexpr double kMostBacktracks = 1e9;  // of the engine's own matcher, in a pattern it has to do

// Looks for the end of the statement once in a while.
class Steps {
 public:
  explicit Steps(duckdb::ExpressionState* state) : state_(state) {}
  void Count() {
    if (++steps_ % kStepsBetweenLooks != 0 || state_ == nullptr || !state_->HasContext()) return;
    if (state_->GetContext().interrupted) throw duckdb::InterruptException();
  }

 private:
  duckdb::ExpressionState* const state_;
  uint64_t steps_ = 0;
};

// What one element of a pattern does at a place of the text.
struct Taken {
  bool matches = false;
  size_t text = 0, pattern = 0;  // bytes of each
};

// `take(text rest, pattern rest)` for all elements but the wildcard.
template <typename Take>
bool Matches(std::string_view text, std::string_view pattern, char wildcard, bool has_wildcard,
             duckdb::ExpressionState* state, Take take) {
  Steps steps(state);
  size_t at = 0, p = 0, retry_at = 0;
  std::optional<size_t> retry_p;
  while (at < text.size()) {
    steps.Count();
    if (p < pattern.size()) {
      if (has_wildcard && pattern[p] == wildcard) {
        retry_p = ++p;
        retry_at = at;
        if (p == pattern.size()) return true;
        continue;
      }
      const Taken taken = take(text.substr(at), pattern.substr(p));
      if (taken.matches) {
        at += taken.text;
        p += taken.pattern;
        continue;
      }
    }
    if (!retry_p) return false;
    p = *retry_p;
    at = ++retry_at;
  }
  while (p < pattern.size() && pattern[p] == wildcard) ++p;  // the engine: whatever the escape is
  return p == pattern.size();
}

// Wildcards with something behind them: the places where a matcher has a choice.
size_t Choices(std::string_view pattern, char wildcard) {
  while (!pattern.empty() && pattern.back() == wildcard) pattern.remove_suffix(1);
  return static_cast<size_t>(std::count(pattern.begin(), pattern.end(), wildcard));
}

void RefuseBacktracking(std::string_view text, size_t choices) {
  if (std::pow(static_cast<double>(text.size()), static_cast<double>(choices)) <= kMostBacktracks) return;
  ThrowError(Error{ErrorCode::kTooLarge,
                   "GLOB: the pattern has too many wildcards for a text of " + std::to_string(text.size()) + " bytes"});
}

// Whether the rows are for us; throws where they are for nobody.
bool IsWorthIt(PatternKind kind, const CallArguments& call, size_t rows, bool one_pattern) {
  if (one_pattern && Choices(call.Text(1, 0), kind == PatternKind::kGlob ? '*' : '%') < 2) return false;
  bool worth = false;
  for (size_t row = 0; row < rows; ++row) {
    const std::string_view pattern = call.Text(1, row);
    const size_t choices = Choices(pattern, kind == PatternKind::kGlob ? '*' : '%');
    if (kind == PatternKind::kGlob && pattern.find('[') != std::string_view::npos) {
      RefuseBacktracking(call.Text(0, row), choices);
      return false;
    }
    // A longer escape is an error that the engine words.
    if (call.columns() == 3 && call.Bytes(2, row) > 1) return false;
    worth = worth || choices > 1;
  }
  return worth;
}

void Lower(duckdb::DataChunk& input, size_t column, duckdb::ExpressionState& state) {
  static const duckdb::ScalarFunction lower = duckdb::LowerFun::GetFunction();
  duckdb::DataChunk one;
  one.InitializeEmpty({input.data[column].GetType()});
  one.data[0].Reference(input.data[column]);
  one.SetCardinality(input.size());
  duckdb::Vector lowered(duckdb::LogicalType::VARCHAR);
  lower.function(one, state, lowered);
  input.data[column].Reference(lowered);
}

}  // namespace

PatternKind PatternKindOf(std::string_view function_name, size_t arguments) {
  struct Named {
    std::string_view name;
    size_t arguments;
    PatternKind kind;
  };
  static constexpr Named kNamed[] = {
      {"~~", 2, PatternKind::kLike},       {"like_escape", 3, PatternKind::kLike},
      {"!~~", 2, PatternKind::kNotLike},   {"not_like_escape", 3, PatternKind::kNotLike},
      {"~~*", 2, PatternKind::kILike},     {"ilike_escape", 3, PatternKind::kILike},
      {"!~~*", 2, PatternKind::kNotILike}, {"not_ilike_escape", 3, PatternKind::kNotILike},
      {"~~~", 2, PatternKind::kGlob},
  };
  for (const Named& named : kNamed)
    if (named.name == function_name && named.arguments == arguments) return named.kind;
  return PatternKind::kNone;
}

bool MatchesLike(std::string_view text, std::string_view pattern, std::optional<char> escape,
                 duckdb::ExpressionState* state) {
  return Matches(text, pattern, '%', escape != '%', state,
                 [escape](std::string_view at, std::string_view element) -> Taken {
                   if (escape && element[0] == *escape) {
                     if (element.size() == 1)
                       throw duckdb::SyntaxException("Like pattern must not end with escape character!");
                     return {element[1] == at[0], 1, 2};
                   }
                   if (element[0] != '_') return {element[0] == at[0], 1, 1};
                   size_t bytes = 1;
                   while (bytes < at.size() && (static_cast<unsigned char>(at[bytes]) & 0xC0) == 0x80) ++bytes;
                   return {true, bytes, 1};
                 });
}

bool MatchesGlob(std::string_view text, std::string_view pattern, duckdb::ExpressionState* state) {
  return Matches(text, pattern, '*', true, state, [](std::string_view at, std::string_view element) -> Taken {
    if (element[0] == '?') return {true, 1, 1};
    if (element[0] != '\\') return {element[0] == at[0], 1, 1};
    return {element.size() > 1 && element[1] == at[0], 1, 2};
  });
}

bool MatchWithinBounds(PatternKind kind, duckdb::DataChunk& input, duckdb::ExpressionState& state,
                       duckdb::Vector& result) {
  const size_t rows = input.AllConstant() ? 1 : input.size();
  const bool one_pattern = input.data[1].GetVectorType() == duckdb::VectorType::CONSTANT_VECTOR;
  if (!IsWorthIt(kind, CallArguments(input), rows, one_pattern)) return false;
  duckdb::DataChunk folded;
  folded.InitializeEmpty(input.GetTypes());
  folded.Reference(input);
  if (kind == PatternKind::kILike || kind == PatternKind::kNotILike) {
    Lower(folded, 0, state);
    Lower(folded, 1, state);
  }
  const CallArguments call(folded);
  const bool negated = kind == PatternKind::kNotLike || kind == PatternKind::kNotILike;
  result.SetVectorType(duckdb::VectorType::FLAT_VECTOR);
  auto* matched = duckdb::FlatVector::GetData<bool>(result);
  for (size_t row = 0; row < rows; ++row) {
    bool null = false;
    for (size_t i = 0; i < call.columns(); ++i) null = null || call.IsNull(i, row);
    if (null) {
      duckdb::FlatVector::SetNull(result, row, true);
    } else if (kind == PatternKind::kGlob) {
      matched[row] = MatchesGlob(call.Text(0, row), call.Text(1, row), &state);
    } else {
      std::optional<char> escape;
      if (call.columns() == 3 && call.Bytes(2, row) == 1) escape = call.Text(2, row)[0];
      matched[row] = MatchesLike(call.Text(0, row), call.Text(1, row), escape, &state) != negated;
    }
  }
  if (input.AllConstant()) result.SetVectorType(duckdb::VectorType::CONSTANT_VECTOR);
  return true;
}

}  // namespace kalamdb::engine
