// A text becomes statements: cut at semicolons, each given to our grammar first and to the engine's parser else.
#include <algorithm>
#include <set>

#include "duckdb/parser/parser.hpp"
#include "duckdb/parser/statement/delete_statement.hpp"
#include "duckdb/parser/statement/explain_statement.hpp"
#include "duckdb/parser/statement/insert_statement.hpp"
#include "duckdb/parser/statement/merge_into_statement.hpp"
#include "duckdb/parser/statement/update_statement.hpp"
#include "engine/front/allow_list.h"
#include "engine/front/command_parser.h"
#include "engine/front/error_mapping.h"
#include "engine/front/own_types.h"
#include "engine/front/statement.h"
#include "engine/front/tokens.h"
#include "engine/front/with_work.h"

namespace kalamdb::engine {

Error Statement::Relocate(Error error) const {
  if (error.position > 0) {
    error.position -=
        std::count_if(inserted_.begin(), inserted_.end(), [&](int64_t at) { return at < error.position; });
  }
  return error;
}

Error Shifted(Error error, int64_t by) {
  if (error.position > 0) error.position = std::max<int64_t>(error.position + by, 0);
  return error;
}

class StatementBuilder {
 public:
  // The statement of tokens [begin, end), which is not empty.
  static Result<std::shared_ptr<const Statement>> Build(const SqlText& sql, size_t begin, size_t end) {
    StatementBuilder builder(sql, begin, end);
    RETURN_IF_ERROR(builder.Run());
    return std::shared_ptr<const Statement>(std::move(builder.statement_));
  }

 private:
  StatementBuilder(const SqlText& sql, size_t begin, size_t end)
      : sql_(sql), begin_(begin), end_(end), statement_(std::make_shared<Statement>()) {}

  Status Run() {
    const uint32_t from = sql_.tokens[begin_].begin;
    statement_->text_ = sql_.text.substr(from, sql_.tokens[end_ - 1].end - from);
    statement_->offset_ = sql_.Position(from) - 1;
    RETURN_IF_ERROR(CheckJunctions());
    RETURN_IF_ERROR(CheckWith());
    RETURN_IF_ERROR(CollectParameters());
    CommandCursor cursor(sql_, begin_, end_);
    const Token first = cursor.token();
    for (const char* word : {"begin", "start", "commit", "end", "rollback", "abort"}) {
      if (sql_.IsWord(first, word)) statement_->transaction_control_ = true;
    }
    auto command =
        ParseCommand(cursor, [this](size_t begin, size_t end) -> Result<std::shared_ptr<const ParsedStatement>> {
          ASSIGN_OR_RETURN(auto inner, Build(sql_, begin, end));
          return std::shared_ptr<const ParsedStatement>(std::move(inner));
        });
    if (!command.ok()) {
      if (command.error().code == ErrorCode::kInvalidSql) return std::move(command).error();
      statement_->command_ = Unsupported{command.error().message, command.error().hint};
      statement_->refusal_ = std::move(command).error();
      return {};
    }
    if (!*command) return ParseTree();
    statement_->command_ = **std::move(command);
    return DescribeCommand();
  }

  // The engine's parser copies the conditions before each AND and OR of a chain: its time grows with the square.
  Status CheckJunctions() const {
    size_t junctions = 0;
    for (size_t i = begin_; i < end_; ++i) {
      const Token& token = sql_.tokens[i];
      if (token.end - token.begin > 3 || (!sql_.IsWord(token, "and") && !sql_.IsWord(token, "or"))) continue;
      if (++junctions <= kMostJunctions) continue;
      return Error{ErrorCode::kTooLarge,
                   "the statement has more than " + std::to_string(kMostJunctions) + " AND and OR"}
          .WithHint("Use IN, or join with a list of values.");
    }
    return {};
  }

  Status CheckWith() const {
    if (WithWork(sql_, begin_, end_) <= kMostWithTokens) return {};
    return Error{ErrorCode::kTooLarge, "the queries of WITH are too many, or stand within each other too deeply"}
        .WithHint(
            "A list of 100 is fine, and so are 5 levels. Put the inner ones into the outermost list, or make views.");
  }

  Status CollectParameters() {
    std::set<uint32_t> numbers;
    uint32_t automatic = 0;
    bool numbered = false;
    for (size_t i = begin_; i < end_; ++i) {
      const Token& token = sql_.tokens[i];
      if (token.kind != TokenKind::kParameter) continue;
      const std::string_view raw = sql_.Raw(token);
      uint32_t number = 0;
      if (raw == "?") {
        number = ++automatic;
      } else {
        numbered = true;
        for (const char c : raw.substr(1))
          number = c >= '0' && c <= '9' && number < 100'000 ? number * 10 + static_cast<uint32_t>(c - '0') : 1'000'000;
      }
      if (number == 0 || number > 65'535) {
        return Error{ErrorCode::kInvalidSql, "parameters are numbered: $1, $2 … $65535"}.WithHint("").At(
            PositionOf(statement_->text_, token.begin - sql_.tokens[begin_].begin));
      }
      if (numbered && automatic > 0) {
        return Error{ErrorCode::kInvalidSql, "a statement names its parameters by ? or by $1, $2 …, not by both"}
            .WithHint("")
            .At(PositionOf(statement_->text_, token.begin - sql_.tokens[begin_].begin));
      }
      numbers.insert(number);
    }
    statement_->parameters_.assign(numbers.begin(), numbers.end());
    return {};
  }

  Status DescribeCommand() {
    Statement& s = *statement_;
    if (const auto* unsupported = std::get_if<Unsupported>(&*s.command_)) {
      s.refusal_ = Error{ErrorCode::kUnsupported, unsupported->what, unsupported->hint};
    } else if (const auto* create = std::get_if<CreateTable>(&*s.command_)) {
      s.query_type_ = QueryType::kCreateTable;
      return AdoptQuery(create->as_select);
    } else if (const auto* view = std::get_if<CreateView>(&*s.command_)) {
      return AdoptQuery(view->select);
    } else if (const auto* copy = std::get_if<CopyTable>(&*s.command_)) {
      return AdoptQuery(copy->select);
    } else if (std::holds_alternative<AlterTable>(*s.command_)) {
      s.query_type_ = QueryType::kAlterTable;
    } else if (std::holds_alternative<Describe>(*s.command_)) {
      s.query_type_ = QueryType::kDescribeTable;
      s.returns_rows_ = true;
    } else if (std::holds_alternative<Show>(*s.command_) || std::holds_alternative<StorageJob>(*s.command_)) {
      s.returns_rows_ = true;
    } else if (const auto* as = std::get_if<ExecuteAs>(&*s.command_)) {
      s.returns_rows_ = as->statement->returns_rows();
      s.query_type_ = as->statement->query_type();
    }
    return {};
  }

  // A command around a query reads what the query reads, and is refused what the query is.
  Status AdoptQuery(const std::string& select) {
    if (select.empty()) return {};
    ASSIGN_OR_RETURN(const auto query, ParseEngineStatement(select));
    statement_->refusal_ = query->refusal();
    statement_->reads_ = query->reads();
    return {};
  }

  // Words that the engine's grammar reserves and ours does not: the namespace `default`, and a column called `at`.
  bool NeedsQuotes(size_t i) const {
    const Token& token = sql_.tokens[i];
    const auto next_is = [&](const char* symbol) { return i + 1 < end_ && sql_.IsSymbol(sql_.tokens[i + 1], symbol); };
    if (sql_.IsWord(token, "default")) return next_is(".");
    if (!sql_.IsWord(token, "at") || next_is("(")) return false;
    return i + 1 >= end_ || !sql_.IsWord(sql_.tokens[i + 1], "time");
  }

  // The text for the engine's parser.
  Status MakeEngineText() {
    const uint32_t from = sql_.tokens[begin_].begin;
    std::string& text = statement_->engine_text_;
    size_t copied = from;
    int64_t inserted = 0;  // characters
    for (size_t i = begin_; i < end_; ++i) {
      const Token& token = sql_.tokens[i];
      if (i + 2 < end_ && sql_.IsWord(token, "at") && sql_.IsSymbol(sql_.tokens[i + 1], "(") &&
          sql_.IsWord(sql_.tokens[i + 2], "seq")) {
        return Error{ErrorCode::kUnsupported, "reading at an earlier point (AT) is not offered yet"};
      }
      if (!NeedsQuotes(i)) continue;
      text += sql_.text.substr(copied, token.begin - copied);
      const std::string word = sql_.Value(token);
      const int64_t position = sql_.Position(token.begin) - sql_.Position(from) + 1 + inserted;
      statement_->inserted_.push_back(position);
      statement_->inserted_.push_back(position + static_cast<int64_t>(word.size()) + 1);
      inserted += 2;
      text += "\"" + word + "\"";
      copied = token.end;
    }
    text += sql_.text.substr(copied, sql_.tokens[end_ - 1].end - copied);
    return {};
  }

  Status ParseTree() {
    Statement& s = *statement_;
    if (const Status made = MakeEngineText(); !made.ok()) {
      s.command_ = Unsupported{made.error().message, made.error().hint};
      s.refusal_ = made.error();
      return {};
    }
    try {
      duckdb::ParserOptions options;
      options.preserve_identifier_case = false;
      duckdb::Parser parser(options);
      parser.ParseQuery(s.engine_text_);
      if (parser.statements.size() != 1)
        return Error{ErrorCode::kInvalidSql, "syntax error: this is not one statement"}.WithHint("").At(1);
      s.tree_ = std::move(parser.statements[0]);
      NameOwnTypes(*s.tree_);
    } catch (const std::exception& e) {
      return s.Relocate(MapException(e, s.engine_text_));
    }
    DescribeTree(*s.tree_);
    try {
      AllowResult allowed = CheckAllowed(*s.tree_, s.engine_text_);
      s.refusal_ = std::move(allowed.refusal);
      if (s.refusal_) s.refusal_ = s.Relocate(*std::move(s.refusal_));
      s.reads_ = std::move(allowed.reads);
      s.target_ = std::move(allowed.target);
      if (s.target_ && s.target_->position == 0) s.target_->position = PositionBehindInto();
      s.names_history_ = allowed.names_history;
    } catch (const std::exception& e) {
      s.refusal_ = MapException(e);
    }
    return {};
  }

  // Where INSERT names its table, which its tree does not say: in engine_text(); 0 = not found.
  int64_t PositionBehindInto() const {
    size_t i = begin_;
    while (i < end_ && !sql_.IsWord(sql_.tokens[i], "into")) ++i;
    if (i + 1 >= end_) return 0;
    int64_t position = sql_.Position(sql_.tokens[i + 1].begin) - sql_.Position(sql_.tokens[begin_].begin) + 1;
    for (const int64_t at : statement_->inserted_) position += at < position ? 1 : 0;
    return position;
  }

  void DescribeTree(const duckdb::SQLStatement& tree) {
    Statement& s = *statement_;
    using Type = duckdb::StatementType;
    switch (tree.type) {
      case Type::SELECT_STATEMENT:
        s.query_type_ = QueryType::kSelect;
        s.returns_rows_ = true;
        break;
      case Type::EXPLAIN_STATEMENT:
        s.returns_rows_ = true;
        s.explain_analyze_ = tree.Cast<duckdb::ExplainStatement>().explain_type == duckdb::ExplainType::EXPLAIN_ANALYZE;
        break;
      case Type::INSERT_STATEMENT:
        s.query_type_ = QueryType::kInsert;
        s.returns_rows_ = !tree.Cast<duckdb::InsertStatement>().returning_list.empty();
        break;
      case Type::UPDATE_STATEMENT:
        s.query_type_ = QueryType::kUpdate;
        s.returns_rows_ = !tree.Cast<duckdb::UpdateStatement>().returning_list.empty();
        break;
      case Type::DELETE_STATEMENT:
        s.query_type_ = QueryType::kDelete;
        s.returns_rows_ = !tree.Cast<duckdb::DeleteStatement>().returning_list.empty();
        break;
      case Type::MERGE_INTO_STATEMENT:
        s.query_type_ = QueryType::kUpdate;
        s.returns_rows_ = !tree.Cast<duckdb::MergeIntoStatement>().returning_list.empty();
        break;
      default: break;
    }
  }

  const SqlText& sql_;
  const size_t begin_, end_;
  std::shared_ptr<Statement> statement_;
};

Result<ScriptPtr> ParseScript(std::string_view text) {
  ASSIGN_OR_RETURN(const SqlText sql, Tokenize(text));
  auto script = std::make_shared<std::vector<StatementPtr>>();
  for (size_t begin = 0; begin < sql.tokens.size();) {
    size_t end = begin;
    while (sql.tokens[end].kind != TokenKind::kEnd && !sql.IsSymbol(sql.tokens[end], ";")) ++end;
    if (end > begin) {
      auto statement = StatementBuilder::Build(sql, begin, end);
      if (!statement.ok()) {
        Error error = std::move(statement).error();
        if (error.position > 0) error.position += sql.Position(sql.tokens[begin].begin) - 1;
        return error;
      }
      script->push_back(*std::move(statement));
    }
    begin = end + 1;
  }
  if (script->empty()) return Error{ErrorCode::kEmptySql, "the text holds no statement"};
  return ScriptPtr(std::move(script));
}

Result<std::shared_ptr<const Statement>> ParseEngineStatement(std::string_view text) {
  ASSIGN_OR_RETURN(const SqlText sql, Tokenize(text));
  if (sql.tokens.size() < 2) return Error{ErrorCode::kInvalidSql, "a statement is missing"};
  ASSIGN_OR_RETURN(auto statement, StatementBuilder::Build(sql, 0, sql.tokens.size() - 1));
  if (statement->command() != nullptr) {
    return statement->refusal() ? *statement->refusal() : Error{ErrorCode::kInvalidSql, "only a query can stand here"};
  }
  return statement;
}

}  // namespace kalamdb::engine
