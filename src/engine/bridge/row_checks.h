// What a row must satisfy before it is written: NOT NULL, lengths, CHECKs. The first row in order that does not is
// named.
//
// One thread's.
#pragma once

#include <optional>
#include <vector>

#include "base/error.h"
#include "catalog/table.h"
#include "duckdb.hpp"
#include "duckdb/execution/expression_executor.hpp"
#include "duckdb/planner/bound_constraint.hpp"
#include "engine/bridge/chunk_codec.h"
#include "engine/front/value_places.h"

namespace kalamdb::engine {

class RowChecks {
 public:
  // `constraints`: bound in the order of table.checks (then the key).
  RowChecks(duckdb::ClientContext& context, catalog::TablePtr table,
            const duckdb::vector<duckdb::unique_ptr<duckdb::BoundConstraint>>& constraints);

  // `rows` holds the batch (loaded); `chunk` the same rows with the engine's columns. The first row is number
  // `first_row` (from 1). Errors: kNotNullViolation, kTypeMismatch, kCheckViolation; those of evaluating a CHECK are
  // thrown.
  Status Check(const RowEncoder& rows, duckdb::DataChunk& chunk, uint64_t first_row);
  // The one value that made the last Check fail; nullopt: a CHECK, which may see more.
  const std::optional<ValuePlace>& violated() const { return violated_; }

 private:
  Status CheckColumn(const RowEncoder& rows, size_t ordinal, size_t count, size_t* worst, std::optional<Error>* error,
                     uint64_t first_row);

  const catalog::TablePtr table_;
  std::vector<duckdb::unique_ptr<duckdb::ExpressionExecutor>> checks_;
  std::optional<ValuePlace> violated_;
  std::vector<size_t> to_check_;  // ordinals with NOT NULL, a length, or numbers
};

// Characters of UTF-8 text.
size_t CountCharacters(std::string_view text);

}  // namespace kalamdb::engine
