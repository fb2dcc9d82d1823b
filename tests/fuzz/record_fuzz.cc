// Records of catalog, users, segments, deletion bits, change log and audit: what decodes, encodes, and decodes to the
// same.
#include <string>

#include "auth/users.h"
#include "catalog/snapshot.h"
#include "fuzz.h"
#include "row/schema.h"
#include "service/audit_log.h"
#include "storage/change_log_format.h"
#include "storage/key_index.h"
#include "storage/records.h"
#include "storage/segment.h"

namespace kalamdb::fuzz {
namespace {

// One decoder and its encoder: the second encoding equals the first.
template <typename Decode, typename Encode>
void RoundTrip(std::string_view bytes, Decode decode, Encode encode) {
  const auto first = decode(bytes);
  if (!first.ok()) return;
  const std::string once = encode(*first);
  const auto second = decode(once);
  KALAM_CHECK(second.ok());
  KALAM_CHECK(encode(*second) == once);
}

constexpr size_t kMaxVersions = 1'000;

// A table's record names how many versions there are; they have records of their own.
void Table(std::string_view bytes) {
  if (const auto first = catalog::DecodeTable(bytes); !first.ok() || first->versions > kMaxVersions) return;
  RoundTrip(bytes, catalog::DecodeTable, [](const catalog::TableRecord& record) {
    catalog::Table table = *record.table;
    table.schemas.resize(record.versions);
    table.versions.resize(record.versions);
    return catalog::EncodeTable(table);
  });
}

void Version(std::string_view bytes) {
  const auto first = catalog::DecodeVersion(bytes);
  if (!first.ok() || !first->schema->version().is_set() || first->schema->version().value > kMaxVersions) return;
  RoundTrip(bytes, catalog::DecodeVersion, [](const catalog::VersionRecord& record) {
    const SchemaVersion version = record.schema->version();
    catalog::Table table;
    table.schemas.assign(version.value, record.schema);
    table.versions.assign(version.value, record.info);
    return catalog::EncodeVersion(table, version);
  });
}

void Segment(std::string_view bytes) {
  RoundTrip(bytes, storage::DecodeSegment, [](const storage::SegmentPtr& s) { return storage::EncodeSegment(*s); });
  const auto segment = storage::DecodeSegment(bytes);
  if (!segment.ok()) return;
  for (uint64_t user : {uint64_t{0}, uint64_t{9}, UINT64_MAX}) {
    const auto [first, end] = storage::RowsOfUser(**segment, UserId(user));
    KALAM_CHECK(first <= end);
  }
}

void Change(std::string_view bytes) {
  RoundTrip(bytes, storage::DecodeChange, [](const storage::ChangeEntry& entry) {
    std::string out;
    storage::EncodeChange(entry, &out);
    return out;
  });
}

// The records of a database at start, as the loader takes them: length (1), key, length (2, little-endian), value …
void Catalog(std::string_view bytes) {
  catalog::Loader loader;
  while (!bytes.empty()) {
    const size_t key_size = TakeByte(&bytes);
    const std::string_view key = bytes.substr(0, key_size);
    bytes.remove_prefix(key.size());
    const size_t low = TakeByte(&bytes);
    const std::string_view value = bytes.substr(0, low | static_cast<size_t>(TakeByte(&bytes)) << 8);
    bytes.remove_prefix(value.size());
    if (!loader.Add(key, value).ok()) return;
  }
  const auto snapshot = loader.Finish();
  if (!snapshot.ok()) return;
  for (const auto& table : (*snapshot)->Tables("")) KALAM_CHECK((*snapshot)->FindTable(table->id) == table);
}

}  // namespace

void Run(std::string_view in) {
  switch (TakeByte(&in)) {
    case 'C': RoundTrip(in, row::DecodeSchema, [](const row::SchemaPtr& s) { return row::EncodeSchema(*s); }); break;
    case 'T': Table(in); break;
    case 'E': Version(in); break;
    case 'V':
      RoundTrip(in, catalog::DecodeView, [](const catalog::ViewPtr& v) { return catalog::EncodeView(*v); });
      break;
    case 'N':
      RoundTrip(in, catalog::DecodeNamespace,
                [](const catalog::NamespacePtr& n) { return catalog::EncodeNamespace(*n); });
      break;
    case 'U': RoundTrip(in, auth::DecodeUser, [](const auth::UserPtr& u) { return auth::EncodeUser(*u); }); break;
    case 'S': Segment(in); break;
    case 'D': RoundTrip(in, storage::DecodeChunk, storage::EncodeChunk); break;
    case 'L': Change(in); break;
    case 'M':
      RoundTrip(
          in, [](std::string_view bytes) { return storage::DecodeNumbers("M", bytes); },
          [](const storage::Numbers& n) { return storage::EncodeNumbers(n.first, n.second); });
      break;
    case 'A': {
      const std::string key = service::EncodeAuditKey(5, 6);
      RoundTrip(
          in, [&key](std::string_view bytes) { return service::DecodeAudit(key, bytes); }, service::EncodeAuditValue);
      break;
    }
    default: Catalog(in);
  }
}

}  // namespace kalamdb::fuzz
