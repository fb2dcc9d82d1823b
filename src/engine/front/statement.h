// A parsed statement: one of our commands, or a tree of the engine. Private to engine/: sees DuckDB.
//
// Immutable but for what is remembered about it: `fast`, where the fast path keeps what it compiled, and the last
// signature. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "duckdb.hpp"
#include "duckdb/parser/sql_statement.hpp"
#include "engine/bridge/column_casts.h"
#include "engine/command.h"
#include "engine/engine.h"
#include "engine/fast/plan_slot.h"

namespace kalamdb::engine {

inline constexpr size_t kMostJunctions = 10'000;  // AND and OR of a statement

// Types a statement asks of its parameters, as bound under one generation of the catalog and one namespace.
struct BoundSignature {
  uint64_t catalog_generation = 0;
  std::string namespace_name;
  duckdb::vector<duckdb::LogicalType> parameter_types;
  ParameterTargets parameter_targets;
};

// A base table as the text names it; an empty namespace means the request's (or a CTE's name).
struct TableReference {
  std::string namespace_name, name;
  int64_t position = 0;  // characters from 1; 0 = none
};

class Statement final : public ParsedStatement {
 public:
  const Command* command() const override { return command_ ? &*command_ : nullptr; }
  bool returns_rows() const override { return returns_rows_; }
  QueryType query_type() const override { return query_type_; }
  std::string_view text() const override { return text_; }
  const std::vector<uint32_t>& parameters() const override { return parameters_; }
  int64_t offset() const override { return offset_; }
  bool is_transaction_control() const override { return transaction_control_; }

  const duckdb::SQLStatement* tree() const { return tree_.get(); }         // nullptr for commands
  const std::optional<Error>& refusal() const { return refusal_; }         // what its execution answers, whatever else
  const std::vector<TableReference>& reads() const { return reads_; }      // tables it reads, CTE names left out
  const std::optional<TableReference>& target() const { return target_; }  // of INSERT, UPDATE, DELETE, MERGE
  bool explain_analyze() const { return explain_analyze_; }
  bool names_history() const { return names_history_; }            // AT (…)
  const std::string& engine_text() const { return engine_text_; }  // what the tree was parsed from
  // An error's position in engine_text() as one in text().
  Error Relocate(Error error) const;
  size_t ByteSize() const { return 512 + text_.size() * 8; }

  PlanSlot& fast() const { return fast_; }
  // The last signature; nullptr: none yet.
  std::shared_ptr<const BoundSignature> signature() const { return signature_.load(); }
  void set_signature(std::shared_ptr<const BoundSignature> signature) const { signature_.store(std::move(signature)); }

 private:
  friend class StatementBuilder;
  std::string text_, engine_text_;
  int64_t offset_ = 0;
  std::optional<Command> command_;
  duckdb::unique_ptr<duckdb::SQLStatement> tree_;
  std::vector<int64_t> inserted_;  // positions in engine_text() of characters that text() has not
  std::optional<Error> refusal_;
  std::vector<uint32_t> parameters_;
  std::vector<TableReference> reads_;
  std::optional<TableReference> target_;
  QueryType query_type_ = QueryType::kOther;
  bool returns_rows_ = false, transaction_control_ = false, explain_analyze_ = false, names_history_ = false;
  mutable PlanSlot fast_;
  mutable std::atomic<std::shared_ptr<const BoundSignature>> signature_;
};

// The error's position, moved: it was one in a part of the text. A position that is not one stays so.
Error Shifted(Error error, int64_t by);

// Parses a whole text. Errors: kInvalidSql with position (in the whole text), kEmptySql.
Result<ScriptPtr> ParseScript(std::string_view sql);

// Parses exactly one statement of the engine's grammar made by ourselves or already checked. Errors: kInvalidSql.
Result<std::shared_ptr<const Statement>> ParseEngineStatement(std::string_view sql);

}  // namespace kalamdb::engine
