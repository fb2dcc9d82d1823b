// SQL text: cutting, parsing and the walk over the tree give statements, or an error whose position lies within the
// text.
#include "base/error.h"
#include "engine/front/statement.h"
#include "fuzz.h"

namespace kalamdb::fuzz {

void Run(std::string_view text) {
  const auto script = engine::ParseScript(text);
  if (!script.ok()) {
    KALAM_CHECK(script.error().code != ErrorCode::kInternal);
    KALAM_CHECK(script.error().position >= 0 && script.error().position <= static_cast<int64_t>(text.size()) + 2);
    return;
  }
  KALAM_CHECK(!(*script)->empty());
  for (const engine::StatementPtr& one : **script) {
    const auto& statement = static_cast<const engine::Statement&>(*one);
    KALAM_CHECK(text.find(statement.text()) != std::string_view::npos);
    KALAM_CHECK(statement.command() != nullptr || statement.tree() != nullptr || statement.refusal().has_value());
    if (statement.refusal()) KALAM_CHECK(statement.refusal()->code != ErrorCode::kInternal);
  }
}

}  // namespace kalamdb::fuzz
