// A SELECT that was not parsed: its text has the shape of another's, whose plan serves it with its own literals.
//
// Where the fast path cannot answer, the text is parsed after all (Parsed). Immutable, thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/fast/text_shape.h"
#include "engine/front/parse_cache.h"
#include "engine/front/statement.h"

namespace kalamdb::engine {

class ShapedStatement final : public ParsedStatement {
 public:
  ShapedStatement(std::string_view text, std::shared_ptr<const Statement> model, std::vector<duckdb::Value> literals)
      : text_(text), model_(std::move(model)), literals_(std::move(literals)) {}

  const Command* command() const override { return nullptr; }
  bool returns_rows() const override { return model_->returns_rows(); }
  QueryType query_type() const override { return model_->query_type(); }
  std::string_view text() const override { return text_; }
  const std::vector<uint32_t>& parameters() const override { return model_->parameters(); }  // none
  int64_t offset() const override { return 0; }
  bool is_transaction_control() const override { return false; }

  const Statement& model() const { return *model_; }
  const std::vector<duckdb::Value>& literals() const { return literals_; }
  // Errors: as ParseScript.
  Result<StatementPtr> Parsed() const {
    ASSIGN_OR_RETURN(const ScriptPtr script, ParseScript(text_));
    return script->front();
  }

 private:
  const std::string text_;
  const std::shared_ptr<const Statement> model_;
  const std::vector<duckdb::Value> literals_;
};

// Models by the shape of their texts. Thread-safe.
class ShapeCache {
 public:
  static constexpr size_t kMaxBytes = 4u << 20;

  // A statement that needs no parser; nullptr where the text has no known shape, or its model's plan is for it alone.
  StatementPtr Find(std::string_view text, const std::optional<TextShape>& shape);
  // A parsed text as the model of its shape, where it can be one.
  void Add(std::string_view text, const std::optional<TextShape>& shape, const ScriptPtr& script);
  CacheRow stats() const { return models_.stats(); }

 private:
  ParseCache models_{kMaxBytes};
};

}  // namespace kalamdb::engine
