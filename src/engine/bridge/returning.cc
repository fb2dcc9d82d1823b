// A mark is a NULL of the column's type under an alias that no column has: \x01, which column, the name it gets.
#include "engine/bridge/returning.h"

#include <array>

#include "duckdb/parser/expression/cast_expression.hpp"
#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/statement/delete_statement.hpp"
#include "duckdb/parser/statement/explain_statement.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/merge_into_statement.hpp"
#include "duckdb/parser/statement/update_statement.hpp"
#include "duckdb/parser/tableref/basetableref.hpp"
#include "row/schema.h"

namespace kalamdb::engine {
namespace {

using duckdb::LogicalType;
using duckdb::StatementType;

constexpr char kMark = '\x01';

struct SystemColumn {
  std::string_view name;
  char kind;
  duckdb::LogicalTypeId type;
};
constexpr std::array kSystemColumns = {SystemColumn{"_seq", 's', duckdb::LogicalTypeId::BIGINT},
                                       SystemColumn{"_updated", 'u', duckdb::LogicalTypeId::TIMESTAMP},
                                       SystemColumn{"_deleted", 'd', duckdb::LogicalTypeId::BOOLEAN},
                                       SystemColumn{"_version", 'v', duckdb::LogicalTypeId::INTEGER},
                                       SystemColumn{"_user_id", 'o', duckdb::LogicalTypeId::VARCHAR},
                                       SystemColumn{"_id", 'i', duckdb::LogicalTypeId::BIGINT}};

using Expressions = duckdb::vector<duckdb::unique_ptr<duckdb::ParsedExpression>>;

const duckdb::TableRef* TargetRef(const duckdb::SQLStatement& statement) {
  switch (statement.type) {
    case StatementType::UPDATE_STATEMENT: return statement.Cast<duckdb::UpdateStatement>().table.get();
    case StatementType::DELETE_STATEMENT: return statement.Cast<duckdb::DeleteStatement>().table.get();
    case StatementType::MERGE_INTO_STATEMENT: return statement.Cast<duckdb::MergeIntoStatement>().target.get();
    default: return nullptr;
  }
}

Expressions* ReturningOf(duckdb::SQLStatement& statement) {
  switch (statement.type) {
    case StatementType::INSERT_STATEMENT: return &statement.Cast<duckdb::InsertStatement>().returning_list;
    case StatementType::UPDATE_STATEMENT: return &statement.Cast<duckdb::UpdateStatement>().returning_list;
    case StatementType::DELETE_STATEMENT: return &statement.Cast<duckdb::DeleteStatement>().returning_list;
    case StatementType::MERGE_INTO_STATEMENT: return &statement.Cast<duckdb::MergeIntoStatement>().returning_list;
    default: return nullptr;
  }
}

// What MERGE did differs from row to row, and its rows come action by action.
bool IsKnown(char kind, StatementType statement, bool hidden_id) {
  const bool merge = statement == StatementType::MERGE_INTO_STATEMENT;
  if (kind == 'i') return hidden_id && !merge;
  return kind != 'd' || !merge;
}

// NULLs for the system columns among the items; EXPLAIN shows them under their plain names.
void PutNulls(duckdb::SQLStatement& statement, const catalog::Table& table, bool marked) {
  Expressions* returning = ReturningOf(statement);
  if (returning == nullptr) return;
  const bool hidden_id = table.schema()->size() > 0 && table.schema()->column(0).hidden;
  for (auto& item : *returning) {
    if (item->GetExpressionClass() != duckdb::ExpressionClass::COLUMN_REF) continue;
    const std::string name = item->Cast<duckdb::ColumnRefExpression>().GetColumnName();
    for (const SystemColumn& column : kSystemColumns) {
      if (row::FoldName(name) != column.name || !IsKnown(column.kind, statement.type, hidden_id)) continue;
      const std::string shown = item->GetAlias().empty() ? std::string(column.name) : item->GetAlias();
      auto null = duckdb::make_uniq<duckdb::ConstantExpression>(duckdb::Value());
      item = duckdb::make_uniq<duckdb::CastExpression>(LogicalType(column.type), std::move(null));
      item->SetAlias(marked ? std::string{kMark, column.kind} + shown : shown);
      break;
    }
  }
}

}  // namespace

catalog::TablePtr TargetTable(const duckdb::SQLStatement& statement, const catalog::Snapshot& snapshot,
                              const std::string& request_namespace) {
  std::string ns, name;
  if (statement.type == StatementType::EXPLAIN_STATEMENT)
    return TargetTable(*statement.Cast<duckdb::ExplainStatement>().stmt, snapshot, request_namespace);
  if (statement.type == StatementType::INSERT_STATEMENT) {
    ns = statement.Cast<duckdb::InsertStatement>().schema;
    name = statement.Cast<duckdb::InsertStatement>().table;
  } else if (const auto* ref = TargetRef(statement);
             ref != nullptr && ref->type == duckdb::TableReferenceType::BASE_TABLE) {
    ns = ref->Cast<duckdb::BaseTableRef>().schema_name;
    name = ref->Cast<duckdb::BaseTableRef>().table_name;
  }
  return name.empty() ? nullptr : snapshot.FindTable(ns.empty() ? request_namespace : ns, name);
}

void MarkSystemColumns(duckdb::SQLStatement& statement, const catalog::Table& table) {
  if (statement.type == StatementType::EXPLAIN_STATEMENT)
    return PutNulls(*statement.Cast<duckdb::ExplainStatement>().stmt, table, false);
  PutNulls(statement, table, true);
}

ReturningFiller::ReturningFiller(duckdb::vector<duckdb::string>* names) {
  if (names == nullptr) return;
  for (size_t i = 0; i < names->size(); ++i) {
    std::string& name = (*names)[i];
    if (name.size() < 2 || name[0] != kMark) continue;
    marked_.push_back({i, name[1]});
    name.erase(0, 2);
  }
}

void ReturningFiller::Fill(const ReturnedFacts& facts, duckdb::DataChunk* chunk) {
  for (const Marked& mark : marked_) {
    duckdb::Vector& column = chunk->data[mark.column];
    switch (mark.kind) {
      case 's': column.Reference(duckdb::Value::BIGINT(static_cast<int64_t>(facts.seq.value))); break;
      case 'u': column.Reference(duckdb::Value::TIMESTAMP(duckdb::timestamp_t(facts.updated))); break;
      case 'd': column.Reference(duckdb::Value::BOOLEAN(facts.deleted)); break;
      case 'v': column.Reference(duckdb::Value::INTEGER(facts.version)); break;
      case 'o':
        column.Reference(facts.owner ? duckdb::Value(*facts.owner) : duckdb::Value(LogicalType::VARCHAR));
        break;
      default: {
        duckdb::Vector ids(LogicalType::BIGINT, chunk->size());
        for (size_t i = 0; i < chunk->size(); ++i)
          duckdb::FlatVector::GetData<int64_t>(ids)[i] = given_ + i < facts.ids.size() ? facts.ids[given_ + i] : 0;
        column.Reference(ids);
      }
    }
  }
  given_ += chunk->size();
}

}  // namespace kalamdb::engine
