// Matches the shapes: SELECT by key and by ranges of the key, INSERT of values, UPDATE and DELETE by key.
#include "engine/fast/compile.h"

#include <algorithm>

#include "duckdb/parser/expression/between_expression.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/comparison_expression.hpp"
#include "duckdb/parser/expression/conjunction_expression.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/result_modifier.hpp"
#include "duckdb/parser/statement/delete_statement.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
#include "duckdb/parser/statement/update_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "duckdb/parser/tableref/expressionlistref.hpp"
#include "engine/fast/operands.h"
#include "engine/fast/resolve.h"
#include "engine/fast/text_shape.h"
#include "storage/commit.h"

namespace kalamdb::engine {
namespace {

using duckdb::ExpressionClass;
using duckdb::ExpressionType;
using duckdb::ParsedExpression;
using duckdb::StatementType;

// The plain table of a FROM, UPDATE or DELETE; nullptr for anything else.
const duckdb::BaseTableRef* PlainTable(const duckdb::TableRef* table) {
  if (table == nullptr || table->type != duckdb::TableReferenceType::BASE_TABLE || table->sample ||
      !table->column_name_alias.empty())
    return nullptr;
  const auto& base = table->Cast<duckdb::BaseTableRef>();
  return base.at_clause || !base.catalog_name.empty() ? nullptr : &base;
}

const duckdb::SelectNode* PlainSelect(const duckdb::QueryNode& node) {
  if (node.type != duckdb::QueryNodeType::SELECT_NODE || !node.cte_map.map.empty()) return nullptr;
  const auto& select = node.Cast<duckdb::SelectNode>();
  if (!select.groups.group_expressions.empty() || !select.groups.grouping_sets.empty() || select.having ||
      select.qualify || select.sample || select.aggregate_handling != duckdb::AggregateHandling::STANDARD_HANDLING ||
      PlainTable(select.from_table.get()) == nullptr) {
    return nullptr;
  }
  for (const auto& expression : select.select_list) {
    if (expression->GetExpressionClass() != ExpressionClass::COLUMN_REF &&
        expression->GetExpressionClass() != ExpressionClass::STAR)
      return nullptr;
  }
  return &select;
}

class Compiler {
 public:
  Compiler(const duckdb::SQLStatement& tree, catalog::TablePtr table, FastPlan* plan)
      : tree_(tree), table_(std::move(table)), plan_(plan) {}

  bool Run() {
    switch (tree_.type) {
      case StatementType::SELECT_STATEMENT: return Select(*PlainSelect(*tree_.Cast<duckdb::SelectStatement>().node));
      case StatementType::INSERT_STATEMENT: return Insert(tree_.Cast<duckdb::InsertStatement>());
      case StatementType::UPDATE_STATEMENT: return Update(tree_.Cast<duckdb::UpdateStatement>());
      case StatementType::DELETE_STATEMENT: return Delete(tree_.Cast<duckdb::DeleteStatement>());
      default: return false;
    }
  }

 private:
  const row::Schema& schema() const { return *table_->schema(); }
  const row::Column& KeyColumn(size_t i) const { return schema().column(schema().key_ordinals()[i]); }
  size_t key_size() const { return schema().key_ordinals().size(); }

  // --- WHERE ---

  // Splits ANDs; each part must compare a column of the key with an operand.
  bool Where(const TableScope& scope, const ParsedExpression& expression) {
    if (expression.GetExpressionClass() == ExpressionClass::CONJUNCTION) {
      const auto& conjunction = expression.Cast<duckdb::ConjunctionExpression>();
      if (expression.GetExpressionType() != ExpressionType::CONJUNCTION_AND) return false;
      for (const auto& child : conjunction.children) {
        if (!Where(scope, *child)) return false;
      }
      return true;
    }
    if (expression.GetExpressionClass() == ExpressionClass::BETWEEN) {
      const auto& between = expression.Cast<duckdb::BetweenExpression>();
      return Term(scope, ExpressionType::COMPARE_GREATERTHANOREQUALTO, *between.input, *between.lower) &&
             Term(scope, ExpressionType::COMPARE_LESSTHANOREQUALTO, *between.input, *between.upper);
    }
    if (expression.GetExpressionClass() != ExpressionClass::COMPARISON) return false;
    const auto& comparison = expression.Cast<duckdb::ComparisonExpression>();
    if (scope.Column(*comparison.left))
      return Term(scope, expression.GetExpressionType(), *comparison.left, *comparison.right);
    return Term(scope, duckdb::FlipComparisonExpression(expression.GetExpressionType()), *comparison.right,
                *comparison.left);
  }

  bool Term(const TableScope& scope, ExpressionType comparison, const ParsedExpression& column,
            const ParsedExpression& value) {
    const auto ordinal = scope.Column(column);
    if (!ordinal || !schema().column(*ordinal).IsKey()) return false;
    const size_t position = schema().column(*ordinal).key_position - 1u;
    auto operand = ComparedOperand(value, schema().column(*ordinal).type);
    if (!operand) return false;
    Terms& terms = terms_[position];
    switch (comparison) {
      case ExpressionType::COMPARE_EQUAL: return SetOnce(&terms.equal, *std::move(operand));
      case ExpressionType::COMPARE_GREATERTHAN: return SetOnce(&terms.lower, FastBound{*std::move(operand), false});
      case ExpressionType::COMPARE_GREATERTHANOREQUALTO:
        return SetOnce(&terms.lower, FastBound{*std::move(operand), true});
      case ExpressionType::COMPARE_LESSTHAN: return SetOnce(&terms.upper, FastBound{*std::move(operand), false});
      case ExpressionType::COMPARE_LESSTHANOREQUALTO:
        return SetOnce(&terms.upper, FastBound{*std::move(operand), true});
      default: return false;
    }
  }

  template <typename T>
  static bool SetOnce(std::optional<T>* to, T value) {
    if (to->has_value()) return false;
    *to = std::move(value);
    return true;
  }

  // Equalities with a prefix of the key, then at most a range of the next column, then nothing.
  bool TakeKey() {
    size_t position = 0;
    for (; position < key_size() && terms_[position].equal; ++position) {
      if (terms_[position].lower || terms_[position].upper) return false;
      plan_->key.push_back(*terms_[position].equal);
    }
    if (position == key_size()) return true;
    plan_->lower = terms_[position].lower;
    plan_->upper = terms_[position].upper;
    for (size_t rest = position; rest < key_size(); ++rest) {
      if (terms_[rest].equal) return false;
      if (rest > position && (terms_[rest].lower || terms_[rest].upper)) return false;
    }
    return true;
  }

  bool WholeKey(const TableScope& scope, const duckdb::unique_ptr<ParsedExpression>& where) {
    terms_.resize(key_size());
    return where && Where(scope, *where) && TakeKey() && plan_->key.size() == key_size();
  }

  // --- SELECT ---

  bool Select(const duckdb::SelectNode& select) {
    const duckdb::BaseTableRef& base = *PlainTable(select.from_table.get());
    const TableScope scope(table_, base.alias);
    if (!scope.Columns(select.select_list, true, plan_)) return false;
    terms_.resize(key_size());
    if (select.where_clause && !(Where(scope, *select.where_clause))) return false;
    if (!TakeKey()) return false;
    for (const auto& modifier : select.modifiers) {
      if (modifier->type == duckdb::ResultModifierType::ORDER_MODIFIER) {
        if (!Order(scope, select, modifier->Cast<duckdb::OrderModifier>())) return false;
      } else if (modifier->type == duckdb::ResultModifierType::LIMIT_MODIFIER) {
        if (!Limit(modifier->Cast<duckdb::LimitModifier>())) return false;
      } else {
        return false;
      }
    }
    if (plan_->key.size() == key_size()) {
      plan_->kind = FastPlan::Kind::kSelectKey;
      return !plan_->limit && !plan_->offset;
    }
    plan_->kind = FastPlan::Kind::kSelectRange;
    // A whole scan belongs to the engine.
    return plan_->limit || !plan_->key.empty() || (plan_->lower && plan_->upper);
  }

  bool Limit(const duckdb::LimitModifier& limit) {
    if (limit.limit) {
      plan_->limit = CountOperand(*limit.limit);
      if (!plan_->limit) return false;
    }
    if (limit.offset) {
      plan_->offset = CountOperand(*limit.offset);
      if (!plan_->offset) return false;
    }
    return true;
  }

  // Key columns in key order, all in one direction; those that are fixed may stand anywhere.
  bool Order(const TableScope& scope, const duckdb::SelectNode& select, const duckdb::OrderModifier& order) {
    for (const auto& expression : select.select_list) {
      if (!expression->GetAlias().empty()) return false;  // an alias hides a column in ORDER BY
    }
    size_t next = plan_->key.size();
    std::optional<bool> reverse;
    for (const auto& node : order.orders) {
      if (next >= key_size()) break;
      const auto ordinal = scope.Column(*node.expression);
      if (!ordinal || !schema().column(*ordinal).IsKey()) return false;
      const size_t position = schema().column(*ordinal).key_position - 1u;
      if (position < plan_->key.size()) continue;
      const bool descending = node.type == duckdb::OrderType::DESCENDING;
      if (position != next || (reverse && *reverse != descending)) return false;
      reverse = descending;
      ++next;
    }
    plan_->reverse = reverse.value_or(false);
    return true;
  }

  // --- writes ---

  bool Returning(const TableScope& scope, const duckdb::vector<duckdb::unique_ptr<ParsedExpression>>& list) {
    plan_->returning = !list.empty();
    return scope.Columns(list, false, plan_);
  }

  // The ordinals of the columns that each row of VALUES gives, in its order.
  bool GivenColumns(const duckdb::InsertStatement& insert, std::vector<size_t>* given) {
    std::vector<bool> seen(schema().size());
    if (insert.columns.empty()) {
      for (size_t i = 0; i < schema().size(); ++i) {
        if (!schema().column(i).hidden) given->push_back(i);
      }
      return true;
    }
    for (const std::string& name : insert.columns) {
      const auto ordinal = schema().FindByName(name);
      if (!ordinal || seen[*ordinal] || schema().column(*ordinal).hidden) return false;
      seen[*ordinal] = true;
      given->push_back(*ordinal);
    }
    return true;
  }

  bool Rows(const duckdb::InsertStatement& insert) {
    std::vector<size_t> given;
    if (!GivenColumns(insert, &given)) return false;
    std::vector<std::optional<FastOperand>> defaults(schema().size());
    for (size_t i = 0; i < schema().size(); ++i) defaults[i] = DefaultOperand(schema().column(i));
    std::vector<int> source(schema().size(), -1);
    for (size_t i = 0; i < given.size(); ++i) source[given[i]] = static_cast<int>(i);
    if (insert.default_values) source.assign(schema().size(), -1);
    const auto values =
        insert.default_values ? duckdb::optional_ptr<duckdb::ExpressionListRef>() : insert.GetValuesList();
    plan_->row_count = values ? values->values.size() : 1;
    if (plan_->row_count > storage::kBulkRows) return false;
    plan_->cells.reserve(plan_->row_count * schema().size());
    for (size_t r = 0; r < plan_->row_count; ++r) {
      if (values && values->values[r].size() != given.size()) return false;
      for (size_t i = 0; i < schema().size(); ++i) {
        auto operand = source[i] < 0
                           ? defaults[i]
                           : StoredOperand(*values->values[r][static_cast<size_t>(source[i])], schema().column(i));
        if (!operand) return false;
        plan_->cells.push_back(*std::move(operand));
      }
    }
    for (const uint16_t ordinal : schema().key_ordinals()) {
      bool all = true;
      for (size_t r = 0; r < plan_->row_count; ++r) all = all && plan_->cells[r * schema().size() + ordinal].IsFresh();
      plan_->fresh_key = plan_->fresh_key || all;
    }
    return true;
  }

  bool Insert(const duckdb::InsertStatement& insert) {
    plan_->kind = FastPlan::Kind::kInsert;
    const std::string alias = insert.table_ref ? insert.table_ref->alias : "";
    const TableScope scope(table_, alias);
    if (!Rows(insert) || !Returning(scope, insert.returning_list)) return false;
    if (!insert.on_conflict_info) return true;
    const duckdb::OnConflictInfo& conflict = *insert.on_conflict_info;
    if (conflict.condition || (conflict.set_info && conflict.set_info->condition)) return false;
    if (conflict.action_type == duckdb::OnConflictAction::NOTHING) {
      plan_->on_conflict = FastPlan::OnConflict::kNothing;
      return conflict.indexed_columns.empty() || IsKey(conflict.indexed_columns);
    }
    if (conflict.action_type != duckdb::OnConflictAction::UPDATE || !conflict.set_info ||
        !IsKey(conflict.indexed_columns) || table_->kind == catalog::TableKind::kStream)
      return false;
    plan_->on_conflict = FastPlan::OnConflict::kUpdate;
    return Sets(*conflict.set_info, true);
  }

  bool IsKey(const duckdb::vector<std::string>& names) const {
    if (names.size() != key_size()) return false;
    std::vector<bool> seen(key_size());
    for (const std::string& name : names) {
      const auto ordinal = schema().FindByName(name);
      if (!ordinal || !schema().column(*ordinal).IsKey()) return false;
      seen[schema().column(*ordinal).key_position - 1u] = true;
    }
    return std::find(seen.begin(), seen.end(), false) == seen.end();
  }

  bool Sets(const duckdb::UpdateSetInfo& info, bool excluded) {
    std::vector<bool> seen(schema().size());
    for (size_t i = 0; i < info.columns.size(); ++i) {
      const auto ordinal = schema().FindByName(info.columns[i]);
      if (!ordinal || seen[*ordinal] || schema().column(*ordinal).IsKey()) return false;
      seen[*ordinal] = true;
      auto operand = SetOperand(*info.expressions[i], *ordinal, excluded);
      if (!operand) return false;
      plan_->sets.push_back({static_cast<uint16_t>(*ordinal), *std::move(operand)});
    }
    return true;
  }

  std::optional<FastOperand> SetOperand(const ParsedExpression& expression, size_t target, bool excluded) const {
    if (expression.GetExpressionClass() == ExpressionClass::COLUMN_REF) {
      const auto& names = expression.Cast<duckdb::ColumnRefExpression>().column_names;
      if (!excluded || names.size() != 2 || row::FoldName(names[0]) != row::FoldName("excluded")) {
        return schema().FindByName(names.back()) ? std::nullopt : StoredOperand(expression, schema().column(target));
      }
      const auto ordinal = schema().FindByName(names[1]);
      if (!ordinal || !(schema().column(*ordinal).type == schema().column(target).type)) return std::nullopt;
      FastOperand operand;
      operand.kind = FastOperand::Kind::kExcluded;
      operand.index = static_cast<uint32_t>(*ordinal);
      return operand;
    }
    return StoredOperand(expression, schema().column(target));
  }

  bool Update(const duckdb::UpdateStatement& update) {
    plan_->kind = FastPlan::Kind::kUpdate;
    const duckdb::BaseTableRef& base = *PlainTable(update.table.get());
    const TableScope scope(table_, base.alias);
    return WholeKey(scope, update.set_info->condition) && Sets(*update.set_info, false) &&
           Returning(scope, update.returning_list);
  }

  bool Delete(const duckdb::DeleteStatement& statement) {
    plan_->kind = FastPlan::Kind::kDelete;
    const duckdb::BaseTableRef& base = *PlainTable(statement.table.get());
    const TableScope scope(table_, base.alias);
    return WholeKey(scope, statement.condition) && Returning(scope, statement.returning_list);
  }

  struct Terms {
    std::optional<FastOperand> equal;
    std::optional<FastBound> lower, upper;
  };

  const duckdb::SQLStatement& tree_;
  const catalog::TablePtr table_;
  FastPlan* const plan_;
  std::vector<Terms> terms_;  // by position in the key
};

struct LiteralUse {
  FastOperand* operand;
  FastLiteral literal;
};

// Where each literal of the text is one operand of the plan with that value, the operands become literals.
void TakeLiterals(std::string_view text, FastPlan* plan) {
  const auto shape = ShapeOf(text);
  if (!shape) return;
  const row::Schema& schema = *plan->table->schema();
  std::vector<LiteralUse> uses;
  const auto use = [&](FastOperand& operand, bool count, size_t key_position) {
    if (!operand.position) return;
    const row::Type type =
        count ? row::Type::Of(row::TypeKind::kBigInt) : schema.column(schema.key_ordinals()[key_position]).type;
    uses.push_back({&operand, {count, type}});
  };
  for (size_t i = 0; i < plan->key.size(); ++i) use(plan->key[i], false, i);
  if (plan->lower) use(plan->lower->value, false, plan->key.size());
  if (plan->upper) use(plan->upper->value, false, plan->key.size());
  if (plan->limit) use(*plan->limit, true, 0);
  if (plan->offset) use(*plan->offset, true, 0);
  std::sort(uses.begin(), uses.end(),
            [](const LiteralUse& a, const LiteralUse& b) { return *a.operand->position < *b.operand->position; });
  if (uses.size() != shape->literals.size()) return;
  for (size_t i = 0; i < uses.size(); ++i) {
    const auto value = ValueOf(text, shape->literals[i]);
    if (shape->literals[i].begin != *uses[i].operand->position || !value) return;
    if (LiteralValue(*value, uses[i].literal) != uses[i].operand->constant) return;
  }
  for (size_t i = 0; i < uses.size(); ++i) {
    uses[i].operand->kind = FastOperand::Kind::kLiteral;
    uses[i].operand->index = static_cast<uint32_t>(i);
    plan->literals.push_back(std::move(uses[i].literal));
  }
}

}  // namespace

bool MayBeFast(const Statement& statement) {
  const duckdb::SQLStatement* tree = statement.tree();
  if (tree == nullptr || statement.refusal()) return false;
  switch (tree->type) {
    case StatementType::SELECT_STATEMENT: return PlainSelect(*tree->Cast<duckdb::SelectStatement>().node) != nullptr;
    case StatementType::INSERT_STATEMENT: {
      const auto& insert = tree->Cast<duckdb::InsertStatement>();
      return insert.cte_map.map.empty() && insert.column_order == duckdb::InsertColumnOrder::INSERT_BY_POSITION &&
             (insert.default_values || insert.GetValuesList());
    }
    case StatementType::UPDATE_STATEMENT: {
      const auto& update = tree->Cast<duckdb::UpdateStatement>();
      return update.cte_map.map.empty() && !update.from_table && update.set_info &&
             PlainTable(update.table.get()) != nullptr;
    }
    case StatementType::DELETE_STATEMENT: {
      const auto& erase = tree->Cast<duckdb::DeleteStatement>();
      return erase.cte_map.map.empty() && erase.using_clauses.empty() && PlainTable(erase.table.get()) != nullptr;
    }
    default: return false;
  }
}

FastPlanPtr CompileFast(const Statement& statement, const std::string& request_namespace,
                        const catalog::Snapshot& snapshot) {
  const TableReference& reference = statement.target() ? *statement.target() : statement.reads().at(0);
  auto plan = std::make_shared<FastPlan>();
  plan->namespace_name = reference.namespace_name.empty() ? request_namespace : reference.namespace_name;
  if (reference.namespace_name.empty()) plan->request_namespace = request_namespace;
  plan->table_name = reference.name;
  plan->table = snapshot.FindTable(plan->namespace_name, plan->table_name);
  if (plan->table == nullptr) return nullptr;
  plan->layout = std::make_unique<row::RowLayout>(*plan->table->schema());
  const catalog::Table& table = *plan->table;
  const bool writes = statement.target().has_value();
  const bool stream = table.kind == catalog::TableKind::kStream;
  // CHECKs need the executor; what a stream may not, the other path says.
  const bool possible = !writes || (table.checks.empty() && !(stream && statement.query_type() != QueryType::kInsert));
  if (!possible || !Compiler(*statement.tree(), plan->table, plan.get()).Run()) {
    plan->kind = FastPlan::Kind::kNone;
    plan->cells.clear();
  } else if (!writes && statement.engine_text() == statement.text()) {
    TakeLiterals(statement.text(), plan.get());
  }
  return plan;
}

}  // namespace kalamdb::engine
