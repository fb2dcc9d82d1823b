// What storage asks of the format of cold files. The engine implements it with Parquet; storage knows no Parquet.
//
// A file holds the columns of one schema version (field id = column id), then `_user` BIGINT (internal id; per-user
// tables only), `_seq` BIGINT, `_updated` TIMESTAMP (both absent in bulk files), `_deleted` BOOLEAN and `_version` INT
// (absent in bulk files, and of a table that has had one version only), under the reserved field ids below, with
// key-value metadata: table id, schema version, min and max seq. Thread-safe; a writer is one thread's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "catalog/table.h"
#include "storage/segment.h"

namespace kalamdb::storage {

inline constexpr int32_t kFieldIdUser = 0x7ff00001;
inline constexpr int32_t kFieldIdSeq = 0x7ff00002;
inline constexpr int32_t kFieldIdUpdated = 0x7ff00003;
inline constexpr int32_t kFieldIdDeleted = 0x7ff00004;
inline constexpr int32_t kFieldIdVersion = 0x7ff00005;

struct ColdFileOptions {
  std::string path;  // absolute; ends in .tmp, the caller renames
  catalog::TablePtr table;
  row::SchemaPtr schema;  // version of the file: every appended row has it already
  bool bulk = false;      // no _seq, no _updated
};

struct ColdFileInfo {
  uint64_t rows = 0, bytes = 0, checksum = 0, footer_bytes = 0;
  std::vector<std::pair<ColumnId, uint64_t>> null_counts;
};

class ColdFileWriter {
 public:
  virtual ~ColdFileWriter() = default;  // without Finish(): the file is removed
  // Appends a row of the file's schema version (encoded). Errors: kStorageUnavailable (disk full …).
  virtual Status Append(UserId user, std::string_view row) = 0;
  // Completes, fsyncs and closes the file.
  virtual Result<ColdFileInfo> Finish() = 0;
};

class ColdFileFormat {
 public:
  virtual ~ColdFileFormat() = default;
  virtual Result<std::unique_ptr<ColdFileWriter>> NewWriter(const ColdFileOptions& options) = 0;

  // Encoded rows (under the segment's schema version, header complete) for the given row numbers, ascending; `rows[i]`
  // belongs to numbers[i]. Checks the file's checksum at its first use in this process. Errors: kStorageUnavailable
  // naming the segment.
  virtual Status ReadRows(const catalog::Table& table, const SegmentRecord& segment, std::span<const uint32_t> numbers,
                          std::vector<std::string>* rows) = 0;

  // One such row where it is still in memory: no file is read, nothing waits. False: ReadRows must be asked.
  virtual bool FindCachedRow(const SegmentRecord& /*segment*/, uint32_t /*number*/, std::string* /*row*/) {
    return false;
  }

  // Every row in file order: number, user, encoded row. Stops on false. For compaction, checks and bulk change replay.
  virtual Status ReadAll(const catalog::Table& table, const SegmentRecord& segment,
                         const std::function<bool(uint32_t number, UserId user, std::string_view row)>& visit) = 0;
};

}  // namespace kalamdb::storage
