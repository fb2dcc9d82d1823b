// Which version a row is written in.
#include "storage/upgrading_writer.h"

#include <algorithm>
#include <utility>

#include "row/row_codec.h"

namespace kalamdb::storage {

UpgradingWriter::UpgradingWriter(const StorageContext& context, catalog::TablePtr table, ReadViewPtr durable)
    : context_(context),
      table_(std::move(table)),
      durable_(std::move(durable)),
      upgrader_(*table_),
      newest_(context, {.table = table_, .schema = table_->schema(), .durable = durable_}) {}

Status UpgradingWriter::Append(std::string_view row_key, std::string_view row) {
  const Result<std::string_view> upgraded = upgrader_.Upgrade(row, &scratch_);
  if (upgraded.ok()) return newest_.Append(row_key, *upgraded);
  if (upgraded.error().code != ErrorCode::kTypeMismatch) return upgraded.error();
  const uint32_t version = row::RowVersion(row).value;
  std::unique_ptr<SegmentWriter>& old = old_[version];
  if (old == nullptr) {
    const SegmentWriterOptions options{.table = table_, .schema = table_->schemas[version - 1], .durable = durable_};
    old = std::make_unique<SegmentWriter>(context_, options);
  }
  return old->Append(row_key, row);
}

Status UpgradingWriter::Cut() {
  for (const auto& [version, old] : old_) RETURN_IF_ERROR(old->Cut());
  return newest_.Cut();
}

Status UpgradingWriter::Finish() {
  for (const auto& [version, old] : old_) RETURN_IF_ERROR(old->Finish());
  return newest_.Finish();
}

template <typename Visit>
void UpgradingWriter::ForEach(Visit visit) const {
  visit(newest_);
  for (const auto& [version, old] : old_) visit(*old);
}

std::vector<SegmentId> UpgradingWriter::ids() const {
  std::vector<SegmentId> all;
  ForEach([&](const SegmentWriter& writer) { all.insert(all.end(), writer.ids().begin(), writer.ids().end()); });
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<SegmentRecord> UpgradingWriter::segments() const {
  std::vector<SegmentRecord> all;
  ForEach(
      [&](const SegmentWriter& writer) { all.insert(all.end(), writer.segments().begin(), writer.segments().end()); });
  return all;
}

std::vector<std::shared_ptr<SegmentFile>> UpgradingWriter::files() const {
  std::vector<std::shared_ptr<SegmentFile>> all;
  ForEach([&](const SegmentWriter& writer) { all.insert(all.end(), writer.files().begin(), writer.files().end()); });
  return all;
}

std::vector<SegmentId> UpgradingWriter::kept_old() const {
  std::vector<SegmentId> kept;
  for (const auto& [version, old] : old_) kept.insert(kept.end(), old->ids().begin(), old->ids().end());
  return kept;
}

uint64_t UpgradingWriter::rows() const {
  uint64_t rows = 0;
  ForEach([&](const SegmentWriter& writer) { rows += writer.rows(); });
  return rows;
}

uint64_t UpgradingWriter::bytes() const {
  uint64_t bytes = 0;
  ForEach([&](const SegmentWriter& writer) { bytes += writer.bytes(); });
  return bytes;
}

void UpgradingWriter::Keep() {
  newest_.Keep();
  for (const auto& [version, old] : old_) old->Keep();
}

}  // namespace kalamdb::storage
