// Constraint checks over batches of rows.
#include "engine/bridge/row_checks.h"

#include "duckdb/planner/constraints/bound_check_constraint.hpp"

namespace kalamdb::engine {
namespace {

std::string RowName(uint64_t number) { return "row " + std::to_string(number) + ": "; }

}  // namespace

size_t CountCharacters(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

RowChecks::RowChecks(duckdb::ClientContext& context, catalog::TablePtr table,
                     const duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>>& constraints)
    : table_(std::move(table)) {
  for (const auto& constraint : constraints) {
    if (constraint->type != duckdb::ConstraintType::CHECK) continue;
    const auto& check = constraint->Cast<duckdb::BoundCheckConstraint>();
    checks_.push_back(duckdb::make_uniq<duckdb::ExpressionExecutor>(context, *check.expression));
  }
  const row::Schema& schema = *table_->schema();
  for (size_t ordinal = 0; ordinal < schema.size(); ++ordinal) {
    const auto& column = schema.column(ordinal);
    const bool bounded = column.type.kind() == row::TypeKind::kText && column.type.length() != 0;
    const bool embedding = column.type.kind() == row::TypeKind::kEmbedding;
    if (!column.nullable || column.IsKey() || bounded || embedding) to_check_.push_back(ordinal);
  }
}

// Keeps in *error the violation of the first row before *worst.
Status RowChecks::CheckColumn(const RowEncoder& rows, size_t ordinal, size_t count, size_t* worst,
                              std::optional<Error>* error, uint64_t first_row) {
  const auto& column = table_->schema()->column(ordinal);
  const bool required = !column.nullable || column.IsKey();
  const uint32_t limit = column.type.kind() == row::TypeKind::kText ? column.type.length() : 0;
  const bool embedding = column.type.kind() == row::TypeKind::kEmbedding;
  for (size_t i = 0; i < count && i < *worst; ++i) {
    if (rows.IsNull(ordinal, i)) {
      if (!required) continue;
      *worst = i;
      *error = Error{ErrorCode::kNotNullViolation, RowName(first_row + i) + "column " + column.name + " of " +
                                                       table_->QualifiedName() + " is NOT NULL, but the value is NULL"};
    } else if (embedding && rows.HasNullNumber(ordinal, i)) {
      *worst = i;
      *error = Error{ErrorCode::kTypeMismatch, RowName(first_row + i) + "the value of column " + column.name + " of " +
                                                   table_->QualifiedName() + " holds a NULL, " + column.type.ToSql() +
                                                   " holds numbers"};
    } else if (limit != 0 && rows.Bytes(ordinal, i).size() > limit) {
      const size_t characters = CountCharacters(rows.Bytes(ordinal, i));
      if (characters <= limit) continue;
      *worst = i;
      *error = Error{ErrorCode::kTypeMismatch, RowName(first_row + i) + "the value of column " + column.name + " of " +
                                                   table_->QualifiedName() + " has " + std::to_string(characters) +
                                                   " characters, VARCHAR(" + std::to_string(limit) + ") holds " +
                                                   std::to_string(limit)};
    } else {
      continue;
    }
    violated_ = ValuePlace{first_row + i, ordinal};
  }
  return {};
}

Status RowChecks::Check(const RowEncoder& rows, duckdb::DataChunk& chunk, uint64_t first_row) {
  size_t worst = chunk.size();
  std::optional<Error> error;
  violated_.reset();
  for (const size_t ordinal : to_check_)
    RETURN_IF_ERROR(CheckColumn(rows, ordinal, chunk.size(), &worst, &error, first_row));
  for (size_t c = 0; c < checks_.size(); ++c) {
    duckdb::Vector result(duckdb::LogicalType::INTEGER);
    checks_[c]->ExecuteExpression(chunk, result);
    duckdb::UnifiedVectorFormat format;
    result.ToUnifiedFormat(chunk.size(), format);
    const auto* values = duckdb::UnifiedVectorFormat::GetData<int32_t>(format);
    for (size_t i = 0; i < worst; ++i) {
      const size_t at = format.sel->get_index(i);
      if (!format.validity.RowIsValid(at) || values[at] != 0) continue;
      const auto& check = table_->checks[c];
      worst = i;
      violated_.reset();
      error = Error{ErrorCode::kCheckViolation, RowName(first_row + i) + "CHECK " + check.name + " of " +
                                                    table_->QualifiedName() +
                                                    " does not hold: " + check.expression.ToText(*table_->schema())};
    }
  }
  if (error) return *std::move(error);
  return {};
}

}  // namespace kalamdb::engine
