// Bytes of a schema; the grammar stands in docs/formats/schema.md.
#include <optional>

#include "row/byte_order.h"
#include "row/schema.h"
#include "row/value_bytes.h"

namespace kalamdb::row {
namespace {

constexpr char kSchemaFormat = 0x01;
constexpr uint8_t kColumnNullable = 0x01;
constexpr uint8_t kColumnHidden = 0x02;
constexpr uint8_t kColumnHasInitialDefault = 0x04;
constexpr uint8_t kKnownColumnFlags = kColumnNullable | kColumnHidden | kColumnHasInitialDefault;

template <typename T>
void AppendLittle(T value, std::string* out) {
  char bytes[sizeof(T)];
  StoreLittle(bytes, value);
  out->append(bytes, sizeof(T));
}

void AppendBlob(std::string_view bytes, std::string* out) {
  AppendLittle(static_cast<uint32_t>(bytes.size()), out);
  out->append(bytes);
}

void AppendColumn(const Column& column, std::string* out) {
  uint8_t flags = 0;
  if (column.nullable) flags |= kColumnNullable;
  if (column.hidden) flags |= kColumnHidden;
  if (!column.initial_default.is_null()) flags |= kColumnHasInitialDefault;
  AppendLittle(column.id.value, out);
  AppendLittle(static_cast<uint8_t>(column.type.kind()), out);
  AppendLittle(column.type.scale(), out);
  AppendLittle(column.type.length(), out);
  AppendLittle(flags, out);
  AppendLittle(column.key_position, out);
  AppendLittle(column.added_in.value, out);
  AppendBlob(column.name, out);
  AppendBlob(column.write_default, out);
  AppendBlob(column.comment, out);
  if (column.initial_default.is_null()) return;
  std::string payload;
  AppendPayload(column.type, column.initial_default, &payload);
  AppendBlob(payload, out);
}

// Reads from the front; once something is missing, everything after is too.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T Little() {
    const std::string_view bytes = Take(sizeof(T));
    return bytes.empty() ? T{} : LoadLittle<T>(bytes.data());
  }
  std::string_view Blob() { return Take(Little<uint32_t>()); }
  bool failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view Take(size_t size) {
    if (failed_ || size > rest_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool failed_ = false;
};

Error DamagedSchema(std::string_view what) {
  return Error{ErrorCode::kStorageUnavailable, "a stored schema is damaged: " + std::string(what)};
}

std::optional<Column> ReadColumn(Reader* in) {
  Column column;
  column.id = ColumnId(in->Little<int32_t>());
  const auto kind = static_cast<TypeKind>(in->Little<uint8_t>());
  const auto scale = in->Little<uint8_t>();
  column.type = Type::Raw(kind, in->Little<uint32_t>(), scale);
  const auto flags = in->Little<uint8_t>();
  column.nullable = (flags & kColumnNullable) != 0;
  column.hidden = (flags & kColumnHidden) != 0;
  column.key_position = in->Little<uint16_t>();
  column.added_in = SchemaVersion(in->Little<uint32_t>());
  column.name = in->Blob();
  column.write_default = in->Blob();
  column.comment = in->Blob();
  if (in->failed() || (flags & ~kKnownColumnFlags) != 0 || !column.type.IsValid()) return std::nullopt;
  if ((flags & kColumnHasInitialDefault) != 0) {
    const std::string_view payload = in->Blob();
    if (in->failed() || !PayloadFits(column.type, payload)) return std::nullopt;
    column.initial_default = PayloadValue(column.type, payload);
  }
  return column;
}

}  // namespace

std::string EncodeSchema(const Schema& schema) {
  std::string out(1, kSchemaFormat);
  AppendLittle(schema.version().value, &out);
  AppendLittle(static_cast<uint16_t>(schema.size()), &out);
  for (const Column& column : schema.columns()) AppendColumn(column, &out);
  return out;
}

Result<SchemaPtr> DecodeSchema(std::string_view bytes) {
  if (bytes.empty() || bytes[0] != kSchemaFormat) return DamagedSchema("unknown format");
  Reader in(bytes.substr(1));
  const auto version = SchemaVersion(in.Little<uint32_t>());
  const auto count = in.Little<uint16_t>();
  std::vector<Column> columns;
  for (uint16_t i = 0; i < count; ++i) {
    auto column = ReadColumn(&in);
    if (!column) return DamagedSchema("column " + std::to_string(i + 1));
    columns.push_back(*std::move(column));
  }
  if (in.failed() || !in.at_end()) return DamagedSchema("wrong length");
  if (const std::string problem = Schema::Check(columns); !problem.empty()) return DamagedSchema(problem);
  return std::make_shared<const Schema>(version, std::move(columns));
}

}  // namespace kalamdb::row
