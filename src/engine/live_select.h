// A subscription's SELECT, compiled: which table, which rows, which columns, and how a row is judged and written.
//
// LiveSelect is immutable and thread-safe; it belongs to one version of its table (Rebind makes the next). An evaluator
// is one thread's. Judging and writing use the engine's own expression executor, so that live and SELECT cannot
// disagree.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/identity.h"
#include "base/error.h"
#include "base/ids.h"
#include "catalog/table.h"
#include "engine/result.h"
#include "row/value.h"
#include "storage/read_view.h"

namespace kalamdb::engine {

struct ExecuteContext;

struct LiveColumn {
  std::string name;
  std::string data_type_json;
  bool primary_key = false, not_null = false;
  std::string initial_default_json;  // what rows the client holds read an added column as; "null" where none
};

// `column = constant`, a conjunct of the WHERE: the registry's index works on these.
struct EqualityTerm {
  ColumnId column;
  row::Value value;  // of the column's current type
};

class LiveSelect;
using LiveSelectPtr = std::shared_ptr<const LiveSelect>;

// Judges rows in batches and writes them as JSON. Not thread-safe; cheap to keep, 1–3 µs to make.
class LiveEvaluator {
 public:
  virtual ~LiveEvaluator() = default;
  // matched[i] = the predicate is true for rows[i] (encoded, of any version of the table). No predicate: all true.
  // Errors: that of the first row the predicate fails on (a cast …): the subscription ends with it.
  virtual Status Match(std::span<const std::string_view> rows, std::vector<bool>* matched) = 0;
  // Appends the row as the subscription shows it: {"id":"1",…,"_seq":"42"}: its columns, always the key and _seq.
  // Errors as above.
  virtual Status AppendRow(std::string_view row, std::string* json) = 0;
  // For an update: the old values of the changed columns of the subscription, the key, and the old row's own _seq.
  virtual Status AppendOldValues(std::string_view old_row, std::string_view new_row, std::string* json) = 0;
};

class LiveSelect {
 public:
  virtual ~LiveSelect() = default;
  virtual const catalog::TablePtr& table() const = 0;
  virtual const std::vector<LiveColumn>& columns()
      const = 0;  // as the ack's schema: selected, then key columns not selected
  virtual const std::vector<ColumnId>& named_columns()
      const = 0;  // named in SELECT or WHERE (not by `*`): what DROP RESTRICT asks
  virtual const std::vector<EqualityTerm>& equalities() const = 0;
  virtual bool has_residual() const = 0;  // something of the WHERE is not an equality term
  virtual const std::string& group_key()
      const = 0;  // same key = same table version, predicate, constants and projection
  virtual std::unique_ptr<LiveEvaluator> NewEvaluator() const = 0;

  struct SnapshotOptions {
    uint64_t last_rows = 0;  // 0 = all, in key order; else the newest n by _seq, ordered by _seq, ties by key
    const std::atomic<bool>* cancelled = nullptr;
  };
  // The rows at `view` as objects, to `sink` (form kObject). Blocks: workers only.
  virtual Status ReadSnapshot(const storage::ReadViewPtr& view, const auth::Identity& identity,
                              const SnapshotOptions& options, RowSink* sink) const = 0;

  // The same subscription over another version of the table: `*` takes new columns, named ones follow by id.
  // Errors: kColumnNotFound where a named column is gone; kTypeMismatch … where the predicate no longer binds.
  virtual Result<LiveSelectPtr> Rebind(catalog::TablePtr table) const = 0;
  // The same in some microseconds, without the engine's binder; nullptr where Rebind must be asked: a named column is
  // gone or has another type. Never blocks.
  virtual LiveSelectPtr RebindSame(catalog::TablePtr /*table*/) const { return nullptr; }
};

}  // namespace kalamdb::engine
