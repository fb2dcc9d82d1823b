// Schemas: their rules, and finding columns.
#include "row/schema.h"

#include <algorithm>
#include <unordered_set>

namespace kalamdb::row {
namespace {

std::string CheckKey(const std::vector<Column>& columns) {
  std::vector<bool> taken(columns.size() + 1);
  size_t count = 0;
  for (const Column& column : columns) {
    if (!column.IsKey()) continue;
    if (column.key_position > columns.size() || taken[column.key_position]) {
      return "column " + column.name + " has a wrong key position";
    }
    if (!column.type.CanBeKey())
      return "column " + column.name + " of type " + column.type.ToSql() + " cannot be a key";
    if (column.nullable) return "key column " + column.name + " is nullable";
    taken[column.key_position] = true;
    ++count;
  }
  if (count == 0) return "there is no key column";
  for (size_t position = 1; position <= count; ++position) {
    if (!taken[position]) return "key position " + std::to_string(position) + " is missing";
  }
  return {};
}

}  // namespace

std::string Schema::Check(const std::vector<Column>& columns) {
  if (columns.empty() || columns.size() > kMaxColumns) {
    return "a table has 1 to " + std::to_string(kMaxColumns) + " columns, not " + std::to_string(columns.size());
  }
  std::unordered_set<int32_t> ids;
  std::unordered_set<std::string> names;
  for (const Column& column : columns) {
    if (!ids.insert(column.id.value).second) return "column id " + std::to_string(column.id.value) + " is there twice";
    if (!names.insert(FoldName(column.name)).second) return "column " + column.name + " is there twice";
    if (!column.type.IsValid()) return "column " + column.name + " has a wrong type";
  }
  return CheckKey(columns);
}

Schema::Schema(SchemaVersion version, std::vector<Column> columns) : version_(version), columns_(std::move(columns)) {
  KALAM_CHECK(Check(columns_).empty());
  for (size_t ordinal = 0; ordinal < columns_.size(); ++ordinal) {
    const Column& column = columns_[ordinal];
    by_name_.emplace_back(FoldName(column.name), static_cast<uint16_t>(ordinal));
    if (column.IsKey()) key_ordinals_.push_back(static_cast<uint16_t>(ordinal));
  }
  std::sort(by_name_.begin(), by_name_.end());
  std::sort(key_ordinals_.begin(), key_ordinals_.end(),
            [&](uint16_t a, uint16_t b) { return columns_[a].key_position < columns_[b].key_position; });
}

std::optional<size_t> Schema::FindByName(std::string_view name) const {
  const std::string folded = FoldName(name);
  const auto at = std::lower_bound(by_name_.begin(), by_name_.end(), folded,
                                   [](const auto& entry, const std::string& wanted) { return entry.first < wanted; });
  if (at == by_name_.end() || at->first != folded) return std::nullopt;
  return at->second;
}

std::optional<size_t> Schema::FindById(ColumnId id) const {
  for (size_t ordinal = 0; ordinal < columns_.size(); ++ordinal) {
    if (columns_[ordinal].id == id) return ordinal;
  }
  return std::nullopt;
}

}  // namespace kalamdb::row
