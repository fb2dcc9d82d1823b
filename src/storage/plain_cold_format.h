// A ColdFileFormat without Parquet, for tests of storage: rows one behind the other, user (8) | length (4) | row,
// little-endian.
#pragma once

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "row/row_codec.h"
#include "storage/change_log_format.h"
#include "storage/cold_file.h"

namespace kalamdb::storage {

class PlainColdFormat final : public ColdFileFormat {
 public:
  explicit PlainColdFormat(std::string cold_dir) : cold_dir_(std::move(cold_dir)) {}

  Result<std::unique_ptr<ColdFileWriter>> NewWriter(const ColdFileOptions& options) override {
    return std::unique_ptr<ColdFileWriter>(std::make_unique<Writer>(options));
  }

  Status ReadRows(const catalog::Table& table, const SegmentRecord& segment, std::span<const uint32_t> numbers,
                  std::vector<std::string>* rows) override {
    size_t next = 0;
    RETURN_IF_ERROR(ReadAll(table, segment, [&](uint32_t number, UserId, std::string_view row) {
      if (next < numbers.size() && numbers[next] == number) {
        rows->emplace_back(row);
        ++next;
      }
      return next < numbers.size();
    }));
    if (next == numbers.size()) return {};
    return Error{ErrorCode::kStorageUnavailable, "segment " + std::to_string(segment.id.value) + " has no such row"};
  }

  Status ReadAll(const catalog::Table& /*table*/, const SegmentRecord& segment,
                 const std::function<bool(uint32_t, UserId, std::string_view)>& visit) override {
    auto file = ReadFile(JoinPath(cold_dir_, segment.path), 1 << 30);
    if (!file.ok()) {
      return Error{ErrorCode::kStorageUnavailable,
                   "segment " + std::to_string(segment.id.value) + ": " + file.error().message};
    }
    std::string_view rest = *file;
    for (uint32_t number = 0; rest.size() >= 12; ++number) {
      UserId user(ReadLittle64(rest));
      size_t size = ReadLittle32(rest.substr(8));
      std::string row(rest.substr(12, size));
      if (segment.bulk) row::StampRow(row.data(), segment.min_seq, segment.min_updated);
      rest.remove_prefix(12 + size);
      if (!visit(number, user, row)) break;
    }
    return {};
  }

 private:
  class Writer final : public ColdFileWriter {
   public:
    explicit Writer(const ColdFileOptions& options) : path_(options.path), out_(options.path, std::ios::binary) {}
    ~Writer() override {
      if (!finished_) (void)RemoveFile(path_);
    }
    Status Append(UserId user, std::string_view row) override {
      std::string head = LittleEndian64(user.value) + LittleEndian32(static_cast<uint32_t>(row.size()));
      out_ << head << row;
      info_.bytes += head.size() + row.size();
      ++info_.rows;
      return {};
    }
    Result<ColdFileInfo> Finish() override {
      out_.close();
      RETURN_IF_ERROR(SyncFile(path_));
      finished_ = true;
      return info_;
    }

   private:
    const std::string path_;
    std::ofstream out_;
    ColdFileInfo info_;
    bool finished_ = false;
  };

  const std::string cold_dir_;
};

}  // namespace kalamdb::storage
