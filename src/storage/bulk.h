// Bulk statements: rows written as segments before the commit, which only registers them.
//
// BulkWriter is one thread's. Rows carry no _seq: the segment records hold the commit's. Keys that change meanwhile are
// watched: a conflict found at commit is kMoved, a duplicate key is kUniqueViolation naming the key.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "catalog/table.h"
#include "storage/read_view.h"
#include "storage/rows.h"
#include "storage/segment.h"

namespace kalamdb::storage {

class Watch;  // keys changed in a table since a view; the committer fills it
class SegmentWriter;

struct BulkCommit {
  catalog::TablePtr table;
  UserId user;
  std::vector<SegmentRecord> segments;                  // seq and updated are filled in by the committer
  std::vector<std::shared_ptr<SegmentFile>> files;      // of the segments, in their order
  std::vector<std::pair<std::string, Place>> replaced;  // soft-deleted rows whose keys come again
  std::shared_ptr<Watch> watch;
  std::shared_ptr<SegmentWriter> writer;  // owns the files until the commit keeps them
  uint64_t rows = 0;
};

class BulkWriter {
 public:
  virtual ~BulkWriter() = default;  // without a commit: files go away, key-index entries when they are compacted
  // `row`: encoded, unstamped, of the table's newest schema. keys_are_fresh: the server generated the key just now, so
  // it is neither looked up nor compared.
  virtual Status Append(std::string_view row_key, std::string_view row, bool keys_are_fresh) = 0;
  virtual uint64_t rows() const = 0;
  // Closes files, makes the key index durable; hand the result to CommitRequest::bulk.
  virtual Result<std::shared_ptr<BulkCommit>> Finish() = 0;
};

}  // namespace kalamdb::storage
