// Learns the columns of the tables and views that a statement reads or changes, then the names that it gives itself,
// then writes them all.
#include "engine/bridge/spell_names.h"

#include <algorithm>
#include <map>

#include "duckdb/parser/parsed_expression.hpp"
#include "duckdb/parser/query_node/select_node.hpp"
#include "duckdb/parser/query_node/set_operation_node.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/merge_into_statement.hpp"
#include "duckdb/parser/statement/select_statement.hpp"
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

// The SELECT list that names the columns of the result.
const duckdb::SelectNode* NamingNode(const duckdb::SQLStatement& statement) {
  if (statement.type != duckdb::StatementType::SELECT_STATEMENT) return nullptr;
  const duckdb::QueryNode* node = statement.Cast<duckdb::SelectStatement>().node.get();
  while (node->type == duckdb::QueryNodeType::SET_OPERATION_NODE)
    node = node->Cast<duckdb::SetOperationNode>().left.get();
  return node->type == duckdb::QueryNodeType::SELECT_NODE ? &node->Cast<duckdb::SelectNode>() : nullptr;
}

duckdb::vector<std::string> ShownNames(const duckdb::SQLStatement& statement) {
  duckdb::vector<std::string> names;
  const duckdb::SelectNode* node = NamingNode(statement);
  if (node == nullptr) return names;
  for (const auto& item : node->select_list) {
    if (item->GetExpressionClass() == duckdb::ExpressionClass::STAR) return {};
    names.push_back(item->GetAlias());
  }
  return names;
}

}  // namespace

duckdb::vector<std::string> SpellNames(duckdb::SQLStatement& statement, const catalog::Snapshot& snapshot,
                                       const std::string& request_namespace) {
  if (IsPlain(statement.query)) return {};
  duckdb::vector<std::string> shown = ShownNames(statement);
  Speller speller;
  ForEachTable(statement, [&](const std::string& ns, const std::string& name) {
    speller.Learn(snapshot, ns.empty() ? request_namespace : ns, name);
  });
  for (const NameUse use : {NameUse::kGives, NameUse::kRefers}) {
    ForEachName(statement, [&](const std::string& name, NameUse used) {
      if (used == use) speller.Learn(name);
    });
  }
  ForEachName(statement, [&](std::string& name, NameUse) { speller.Spell(name); });
  SpellTargets(statement, speller);
  return shown;
}

}  // namespace kalamdb::engine
