// Expressions outside of a query: DEFAULTs folded to constants, DEFAULTs and CHECKs bound to see that they mean
// something.
//
// Thread-safe: one connection of the engine behind a lock. Sees DuckDB: private to engine/.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/mutex.h"
#include "duckdb.hpp"
#include "engine/bridge/bridge.h"
#include "row/schema.h"
#include "row/value.h"

namespace kalamdb::engine {

class Expressions {
 public:
  explicit Expressions(Bridge* bridge) : bridge_(bridge) {}

  // The value of a default as of now, in the column's type. Errors: kTypeMismatch, kInvalidSql, kUnsupported for one
  // that is different for each row or user.
  Result<row::Value> FoldDefault(const std::string& canonical, const row::Type& type) EXCLUDES(mutex_);

  // Whether a default can be stored in a column. Errors as above, but generators and session functions are fine.
  Status CheckDefault(const std::string& canonical, const row::Column& column) EXCLUDES(mutex_);

  // A CHECK over these columns, by names, as text by ids ("#3"). Errors: kColumnNotFound, kInvalidSql, kUnsupported
  // (not deterministic), kTypeMismatch.
  Result<std::string> BindCheck(const std::string& canonical, const std::vector<row::Column>& columns) EXCLUDES(mutex_);

 private:
  Bridge* const bridge_;
  Mutex mutex_;

  struct Session;
  Session& Open() REQUIRES(mutex_);
  template <typename Body>
  auto Run(Body body) -> decltype(body(std::declval<Session&>()));

  std::shared_ptr<Session> session_ GUARDED_BY(mutex_);
};

}  // namespace kalamdb::engine
