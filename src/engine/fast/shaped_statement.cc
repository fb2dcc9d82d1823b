// Finding and keeping models.
#include "engine/fast/shaped_statement.h"

#include <algorithm>

#include "engine/fast/compile.h"
#include "engine/fast/plan.h"

namespace kalamdb::engine {
namespace {

// Not compiled yet, or some plan of it serves other literals.
bool MayServeOthers(const Statement& model) {
  const auto plans = model.fast().Load();
  return plans == nullptr ||
         std::any_of(plans->begin(), plans->end(), [](const FastPlanPtr& plan) { return !plan->literals.empty(); });
}

}  // namespace

StatementPtr ShapeCache::Find(std::string_view text, const std::optional<TextShape>& shape) {
  if (!shape) return nullptr;
  const ScriptPtr script = models_.Find(shape->shape);
  if (script == nullptr) return nullptr;
  auto model = std::static_pointer_cast<const Statement>(script->front());
  if (!MayServeOthers(*model)) return nullptr;
  std::vector<duckdb::Value> values;
  values.reserve(shape->literals.size());
  for (const TextLiteral& literal : shape->literals) {
    auto value = ValueOf(text, literal);
    if (!value) return nullptr;
    values.push_back(*std::move(value));
  }
  return std::make_shared<ShapedStatement>(text, std::move(model), std::move(values));
}

void ShapeCache::Add(std::string_view text, const std::optional<TextShape>& shape, const ScriptPtr& script) {
  if (!shape || script->size() != 1) return;
  const auto& statement = static_cast<const Statement&>(*script->front());
  if (statement.query_type() != QueryType::kSelect || statement.text() != text || !MayBeFast(statement)) return;
  models_.Add(shape->shape, script);
}

}  // namespace kalamdb::engine
