// Cold files as Parquet, written and read by DuckDB's own writer and reader: storage's ColdFileFormat, and what scans
// read with.
//
// Field id = column id, so that any reader finds the columns; statistics on all columns; ZSTD or SNAPPY. Thread-safe.
// Works on a DuckDB instance of its own, on which no SQL ever runs, so that locking down the other one does not concern
// it.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "duckdb.hpp"
#include "engine/engine.h"
#include "engine/parquet/cold_row_cache.h"
#include "parquet_reader.hpp"
#include "storage/cold_file.h"

namespace kalamdb::engine {

inline constexpr size_t kMaxFooters = 1'024;            // cached footers, least recently used go first
inline constexpr size_t kGroupRowsClientKeys = 10'240;  // rows of a row group: a point read decodes one
inline constexpr size_t kGroupRowsServerKeys = 102'400;
inline constexpr size_t kGroupBytes = 64u << 20;  // of encoded rows; a group of wide rows ends earlier

class ParquetFormat final : public storage::ColdFileFormat {
 public:
  // `data_dir` of the database; segment paths are relative to its cold/.
  static Result<std::unique_ptr<ParquetFormat>> Open(const std::string& data_dir);
  ~ParquetFormat() override;

  Result<std::unique_ptr<storage::ColdFileWriter>> NewWriter(const storage::ColdFileOptions& options) override;
  Status ReadRows(const catalog::Table& table, const storage::SegmentRecord& segment, std::span<const uint32_t> numbers,
                  std::vector<std::string>* rows) override;
  bool FindCachedRow(const storage::SegmentRecord& segment, uint32_t number, std::string* row) override {
    return rows_.Find(segment.id, number, row);
  }
  Status ReadAll(const catalog::Table& table, const storage::SegmentRecord& segment,
                 const std::function<bool(uint32_t number, UserId user, std::string_view row)>& visit) override;

  // A reader of the segment's file in `context`, its footer from the cache. The first use in this process checks length
  // and footer. Errors: kStorageUnavailable naming the segment.
  Result<duckdb::shared_ptr<duckdb::ParquetReader>> OpenReader(duckdb::ClientContext& context,
                                                               const storage::SegmentRecord& segment);

  // For system.cache_stats.
  CacheRow FooterCache() const;
  CacheRow RowCache() const { return rows_.stats(); }

 private:
  ParquetFormat(std::string data_dir) : data_dir_(std::move(data_dir)) {}
  Status Verify(const storage::SegmentRecord& segment, const std::string& path) const;

  struct Footer {
    duckdb::shared_ptr<duckdb::ParquetFileMetadataCache> metadata;
    uint64_t bytes = 0;
    std::list<uint64_t>::iterator recent;
  };

  const std::string data_dir_;
  ColdRowCache rows_;
  std::unique_ptr<duckdb::DuckDB> database_;
  std::unique_ptr<duckdb::Connection> connection_;
  mutable std::mutex mutex_;                      // guards what follows
  std::unordered_map<uint64_t, Footer> footers_;  // by segment id
  std::list<uint64_t> recent_;                    // most recent first
  uint64_t bytes_ = 0, hits_ = 0, misses_ = 0, evictions_ = 0;
};

// The footer of a Parquet file with its length and magic: its last bytes. Errors: kStorageUnavailable.
Result<std::string> ReadParquetFooter(const std::string& path, uint64_t file_bytes);

// kStorageUnavailable for what an exception says of a segment: never its path.
Error SegmentError(const storage::SegmentRecord& segment, const std::string& what);

}  // namespace kalamdb::engine
