// Collects the names of the tables and views that a statement reads or changes, then visits its column references.
#include "engine/bridge/spell_names.h"

#include <algorithm>
#include <map>

#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/merge_into_statement.hpp"
#include "duckdb/parser/statement/update_statement.hpp"
#include "engine/bridge/qualify_names.h"
#include "row/schema.h"

namespace kalamdb::engine {
namespace {

bool IsPlain(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

class Speller {
 public:
  void Learn(const std::string& name) {
    if (!IsPlain(name)) spelled_.emplace(row::FoldName(name), name);
  }
  void Learn(const catalog::Snapshot& snapshot, const std::string& ns, const std::string& name) {
    if (const auto table = snapshot.FindTable(ns, name)) {
      for (const row::Column& column : table->schema()->columns()) Learn(column.name);
    } else if (const auto view = snapshot.FindView(ns, name)) {
      for (const std::string& column : view->column_names) Learn(column);
    }
  }
  bool knows_any() const { return !spelled_.empty(); }

  void Spell(std::string& name) const {
    if (IsPlain(name)) return;
    if (const auto found = spelled_.find(row::FoldName(name)); found != spelled_.end()) name = found->second;
  }
  void Spell(duckdb::vector<duckdb::string>& names) const {
    for (auto& name : names) Spell(name);
  }
  void Spell(duckdb::unique_ptr<duckdb::UpdateSetInfo>& info) const {
    if (info) Spell(info->columns);
  }

 private:
  std::map<std::string, std::string> spelled_;  // folded → as it was made
};

// Names of columns that are no expressions.
void SpellTargets(duckdb::SQLStatement& statement, const Speller& speller) {
  switch (statement.type) {
    case duckdb::StatementType::INSERT_STATEMENT: {
      auto& insert = statement.Cast<duckdb::InsertStatement>();
      speller.Spell(insert.columns);
      if (!insert.on_conflict_info) return;
      speller.Spell(insert.on_conflict_info->indexed_columns);
      return speller.Spell(insert.on_conflict_info->set_info);
    }
    case duckdb::StatementType::UPDATE_STATEMENT:
      return speller.Spell(statement.Cast<duckdb::UpdateStatement>().set_info);
    case duckdb::StatementType::MERGE_INTO_STATEMENT: {
      auto& merge = statement.Cast<duckdb::MergeIntoStatement>();
      speller.Spell(merge.using_columns);
      for (auto& entry : merge.actions) {
        for (auto& action : entry.second) {
          speller.Spell(action->insert_columns);
          speller.Spell(action->update_info);
        }
      }
      return;
    }
    default: return;
  }
}

}  // namespace

void SpellNames(duckdb::SQLStatement& statement, const catalog::Snapshot& snapshot,
                const std::string& request_namespace) {
  if (IsPlain(statement.query)) return;
  Speller speller;
  ForEachTable(statement, [&](const std::string& ns, const std::string& name) {
    speller.Learn(snapshot, ns.empty() ? request_namespace : ns, name);
  });
  if (!speller.knows_any()) return;
  ForEachExpression(statement, [&](duckdb::unique_ptr<duckdb::ParsedExpression>& expression) {
    if (expression->GetExpressionClass() != duckdb::ExpressionClass::COLUMN_REF) return;
    speller.Spell(expression->Cast<duckdb::ColumnRefExpression>().column_names);
  });
  SpellTargets(statement, speller);
}

}  // namespace kalamdb::engine
