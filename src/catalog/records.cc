// Bytes of the records of tables, views and namespaces. The grammar is in docs/formats/catalog.md; golden bytes hold
// it.
#include "catalog/record_bytes.h"
#include "catalog/table.h"

namespace kalamdb::catalog {
namespace {

constexpr uint8_t kTableFormat = 0x02;
constexpr uint8_t kTableFormatWithVersions = 0x01;
constexpr uint8_t kVersionFormat = 0x01;
constexpr uint8_t kViewFormat = 0x01;
constexpr uint8_t kNamespaceFormat = 0x01;

Error Damaged(std::string_view what, std::string_view why) {
  return Error{ErrorCode::kStorageUnavailable,
               "a record of a " + std::string(what) + " in the catalog is damaged: " + std::string(why)}
      .WithHint("Restore the catalog from a backup.");
}

// A format from a newer server, or bytes that end too early or too late.
Status CheckWhole(std::string_view what, const RecordReader& reader, uint8_t newest) {
  if (reader.format() != newest) {
    return Damaged(what, "format " + std::to_string(reader.format()) + " is not known to this version");
  }
  if (!reader.Done()) return Damaged(what, "its length is wrong");
  return {};
}

void PutOptions(const TableOptions& options, RecordWriter* out) {
  out->Varint(options.flush_rows);
  out->Varint(options.flush_interval_s);
  out->Byte(options.deleted_retention_s ? 1 : 0);
  out->Varint(options.deleted_retention_s.value_or(0));
  out->Varint(options.ttl_seconds);
  out->Byte(static_cast<uint8_t>(options.scope));
  out->Byte(static_cast<uint8_t>(options.access_level));
  out->Byte(static_cast<uint8_t>(options.compression));
  out->String(options.storage_id);
}

TableOptions GetOptions(RecordReader* in) {
  TableOptions options;
  options.flush_rows = in->Varint();
  options.flush_interval_s = in->Varint();
  const bool has_retention = in->Byte() != 0;
  const uint64_t retention = in->Varint();
  options.deleted_retention_s = has_retention ? std::optional(retention) : std::nullopt;
  options.ttl_seconds = in->Varint();
  options.scope = static_cast<Scope>(in->Byte());
  options.access_level = static_cast<AccessLevel>(in->Byte());
  options.compression = static_cast<Compression>(in->Byte());
  options.storage_id = in->String();
  return options;
}

template <typename Enum>
bool IsBetween(Enum value, Enum first, Enum last) {
  return value >= first && value <= last;
}

bool AreKnown(TableKind kind, const TableOptions& options) {
  return IsBetween(kind, TableKind::kUser, TableKind::kStream) &&
         IsBetween(options.scope, Scope::kUser, Scope::kShared) &&
         IsBetween(options.access_level, AccessLevel::kPublicWrite, AccessLevel::kDba) &&
         IsBetween(options.compression, Compression::kZstd, Compression::kSnappy);
}

void PutColumnIds(const std::vector<ColumnId>& ids, RecordWriter* out) {
  out->Varint(ids.size());
  for (ColumnId id : ids) out->Signed(id.value);
}

std::vector<ColumnId> GetColumnIds(RecordReader* in) {
  std::vector<ColumnId> ids;
  for (uint64_t n = in->Count(); n > 0 && in->ok(); --n) ids.emplace_back(static_cast<int32_t>(in->Signed()));
  return ids;
}

// Without its number and format byte.
Result<VersionRecord> GetVersion(RecordReader* in) {
  VersionRecord version;
  version.info.created_at = in->Signed();
  version.info.changed_by = in->String();
  version.info.changes = in->String();
  const std::string_view bytes = in->String();
  if (!in->ok()) return Damaged("schema version", "its length is wrong");
  ASSIGN_OR_RETURN(version.schema, row::DecodeSchema(bytes));
  version.info.version = version.schema->version();
  return version;
}

Status GetVersions(uint64_t count, RecordReader* in, Table* table) {
  for (uint64_t n = 1; n <= count; ++n) {
    ASSIGN_OR_RETURN(VersionRecord version, GetVersion(in));
    if (version.info.version.value != n) return Damaged("table", "its schema versions are not consecutive");
    table->versions.push_back(std::move(version.info));
    table->schemas.push_back(std::move(version.schema));
  }
  return {};
}

}  // namespace

std::string EncodeTable(const Table& table) {
  RecordWriter out(kTableFormat);
  out.Varint(table.id.value);
  out.String(table.namespace_name);
  out.String(table.name);
  out.Byte(static_cast<uint8_t>(table.kind));
  PutOptions(table.options, &out);
  out.Varint(table.owner.value);
  out.String(table.owner_name);
  out.Signed(table.created_at);
  out.Signed(table.updated_at);
  out.String(table.comment);
  out.Signed(table.next_column_id.value);
  out.Varint(table.write_version.value);
  out.Varint(table.checks.size());
  for (const CheckConstraint& check : table.checks) {
    out.String(check.name);
    out.String(check.expression.text);
    PutColumnIds(check.expression.columns, &out);
  }
  KALAM_CHECK(table.schemas.size() == table.versions.size());
  out.Varint(table.schemas.size());
  return out.Take();
}

std::string EncodeVersion(const Table& table, SchemaVersion version) {
  KALAM_CHECK(version.is_set() && version <= table.version());
  const VersionInfo& info = table.versions[version.value - 1];
  RecordWriter out(kVersionFormat);
  out.Signed(info.created_at);
  out.String(info.changed_by);
  out.String(info.changes);
  out.String(row::EncodeSchema(*table.schemas[version.value - 1]));
  return out.Take();
}

Result<VersionRecord> DecodeVersion(std::string_view bytes) {
  RecordReader in(bytes);
  if (in.format() != kVersionFormat) return CheckWhole("schema version", in, kVersionFormat).error();
  ASSIGN_OR_RETURN(VersionRecord version, GetVersion(&in));
  RETURN_IF_ERROR(CheckWhole("schema version", in, kVersionFormat));
  return version;
}

Result<TableRecord> DecodeTable(std::string_view bytes) {
  RecordReader in(bytes);
  const uint8_t format = in.format();
  if (format != kTableFormat && format != kTableFormatWithVersions)
    return CheckWhole("table", in, kTableFormat).error();
  auto table = std::make_shared<Table>();
  table->id = TableId(static_cast<uint32_t>(in.Varint()));
  table->namespace_name = in.String();
  table->name = in.String();
  table->kind = static_cast<TableKind>(in.Byte());
  table->options = GetOptions(&in);
  table->owner = UserId(in.Varint());
  table->owner_name = in.String();
  table->created_at = in.Signed();
  table->updated_at = in.Signed();
  table->comment = in.String();
  table->next_column_id = ColumnId(static_cast<int32_t>(in.Signed()));
  table->write_version = SchemaVersion(static_cast<uint32_t>(in.Varint()));
  for (uint64_t n = in.Count(); n > 0 && in.ok(); --n) {
    CheckConstraint check;
    check.name = in.String();
    check.expression.text = in.String();
    check.expression.columns = GetColumnIds(&in);
    table->checks.push_back(std::move(check));
  }
  table->versions_in_record = format == kTableFormatWithVersions;
  const uint64_t versions = table->versions_in_record ? in.Count() : in.Varint();
  if (in.ok() && versions == 0) return Damaged("table", "it has no schema version");
  if (table->versions_in_record) RETURN_IF_ERROR(GetVersions(versions, &in, table.get()));
  RETURN_IF_ERROR(CheckWhole("table", in, format));
  if (!table->id.is_set() || !AreKnown(table->kind, table->options)) return Damaged("table", "a field has no meaning");
  return TableRecord{std::move(table), versions};
}

std::string EncodeView(const View& view) {
  RecordWriter out(kViewFormat);
  out.Varint(view.id);
  out.String(view.namespace_name);
  out.String(view.name);
  out.Varint(view.owner.value);
  out.String(view.owner_name);
  out.String(view.select_sql);
  out.Varint(view.depends_on_tables.size());
  for (const auto& [table, columns] : view.depends_on_tables) {
    out.Varint(table.value);
    PutColumnIds(columns, &out);
  }
  out.Varint(view.depends_on_views.size());
  for (uint32_t id : view.depends_on_views) out.Varint(id);
  out.Varint(view.column_names.size());
  for (const std::string& name : view.column_names) out.String(name);
  out.Signed(view.created_at);
  return out.Take();
}

Result<ViewPtr> DecodeView(std::string_view bytes) {
  RecordReader in(bytes);
  if (in.format() != kViewFormat) return CheckWhole("view", in, kViewFormat).error();
  auto view = std::make_shared<View>();
  view->id = static_cast<uint32_t>(in.Varint());
  view->namespace_name = in.String();
  view->name = in.String();
  view->owner = UserId(in.Varint());
  view->owner_name = in.String();
  view->select_sql = in.String();
  for (uint64_t n = in.Count(); n > 0 && in.ok(); --n) {
    const TableId table(static_cast<uint32_t>(in.Varint()));
    view->depends_on_tables.emplace_back(table, GetColumnIds(&in));
  }
  for (uint64_t n = in.Count(); n > 0 && in.ok(); --n) {
    view->depends_on_views.push_back(static_cast<uint32_t>(in.Varint()));
  }
  for (uint64_t n = in.Count(); n > 0 && in.ok(); --n) view->column_names.emplace_back(in.String());
  view->created_at = in.Signed();
  RETURN_IF_ERROR(CheckWhole("view", in, kViewFormat));
  if (view->id == 0) return Damaged("view", "a field has no meaning");
  return ViewPtr(std::move(view));
}

std::string EncodeNamespace(const Namespace& ns) {
  RecordWriter out(kNamespaceFormat);
  out.String(ns.name);
  out.Varint(ns.options.size());
  for (const auto& [name, value] : ns.options) {
    out.String(name);
    out.String(value);
  }
  out.Signed(ns.created_at);
  return out.Take();
}

Result<NamespacePtr> DecodeNamespace(std::string_view bytes) {
  RecordReader in(bytes);
  if (in.format() != kNamespaceFormat) return CheckWhole("namespace", in, kNamespaceFormat).error();
  auto ns = std::make_shared<Namespace>();
  ns->name = in.String();
  for (uint64_t n = in.Count(); n > 0 && in.ok(); --n) {
    const std::string name(in.String());
    ns->options.emplace_back(name, in.String());
  }
  ns->created_at = in.Signed();
  RETURN_IF_ERROR(CheckWhole("namespace", in, kNamespaceFormat));
  return NamespacePtr(std::move(ns));
}

}  // namespace kalamdb::catalog
