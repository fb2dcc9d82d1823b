// Tables: their names, how old rows read, and stored expressions as text.
#include "catalog/table.h"

#include "catalog/sql_text.h"

namespace kalamdb::catalog {

std::string StoredExpression::ToText(const row::Schema& schema) const {
  std::string printed;
  for (size_t i = 0; i < text.size();) {
    const SqlPart part = NextPart(text, i);
    const int id = ColumnIdOf(part);
    const auto ordinal = id == 0 ? std::nullopt : schema.FindById(ColumnId(id));
    if (ordinal) {
      printed += QuoteIdentifier(schema.column(*ordinal).name);
    } else {
      printed += part.text;
    }
    i += part.text.size();
  }
  return printed;
}

std::string Table::QualifiedName() const { return QuoteIdentifier(namespace_name) + "." + QuoteIdentifier(name); }

Result<row::ProjectionPtr> Table::ProjectionFrom(SchemaVersion from) const {
  if (!from.is_set() || from.value > schemas.size()) {
    return Error{ErrorCode::kStorageUnavailable, "a row of table " + QualifiedName() + " names schema version " +
                                                     std::to_string(from.value) + ", but the newest is " +
                                                     std::to_string(schemas.size())};
  }
  return projections->Get(schemas[from.value - 1], schema());
}

}  // namespace kalamdb::catalog
