// Resolves the names of a live query: columns to ids, aliases to what they stand for.
#include "engine/live/live_query.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "duckdb/parser/expression/columnref_expression.hpp"
#include "duckdb/parser/expression/constant_expression.hpp"
#include "duckdb/parser/expression/function_expression.hpp"
#include "duckdb/parser/expression/lambda_expression.hpp"
#include "duckdb/parser/expression/star_expression.hpp"
#include "duckdb/parser/parsed_expression_iterator.hpp"
#include "engine/front/tokens.h"
#include "row/json.h"

namespace kalamdb::engine {
namespace {

using duckdb::ExpressionClass;
using duckdb::ParsedExpression;
using ExpressionPtr = duckdb::unique_ptr<ParsedExpression>;

constexpr std::array<std::pair<SystemColumn, std::string_view>, 4> kSystemColumns = {{
    {SystemColumn::kSeq, "_seq"},
    {SystemColumn::kUpdated, "_updated"},
    {SystemColumn::kVersion, "_version"},
    {SystemColumn::kUserId, "_user_id"},
}};

// What is another value at another time, in another session, or at each call. Some of these the engine folds while
// binding, so that its own mark of stability is gone.
constexpr auto kUnstable = std::to_array<std::string_view>({
    "current_catalog",
    "current_database",
    "current_date",
    "current_localtime",
    "current_localtimestamp",
    "current_role",
    "current_schema",
    "current_setting",
    "current_time",
    "current_timestamp",
    "current_user",
    "currval",
    "gen_random_uuid",
    "get_current_time",
    "get_current_timestamp",
    "getvariable",
    "localtime",
    "localtimestamp",
    "nextval",
    "now",
    "random",
    "session_user",
    "setseed",
    "snowflake_id",
    "today",
    "transaction_timestamp",
    "ulid",
    "user",
    "uuid",
    "uuid_v7",
    "uuidv4",
    "uuidv7",
});

bool IsUnstable(std::string_view lower) { return std::binary_search(kUnstable.begin(), kUnstable.end(), lower); }

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool SameName(std::string_view a, std::string_view b) { return row::FoldName(a) == row::FoldName(b); }

class Resolver {
 public:
  Resolver(const catalog::Table& table, std::string_view alias, std::string_view text)
      : table_(table), alias_(alias), text_(text) {}

  Result<LiveQuery> Resolve(const duckdb::SelectNode& select) {
    for (const auto& entry : select.select_list) RETURN_IF_ERROR(AddItem(*entry));
    if (select.where_clause) {
      query_.where = select.where_clause->Copy();
      RETURN_IF_ERROR(Resolve(&query_.where));
    }
    return std::move(query_);
  }

 private:
  Error Refuse(ErrorCode code, std::string message, const ParsedExpression& at, std::string hint = {}) const {
    const duckdb::optional_idx location = at.GetQueryLocation();
    Error error{code, std::move(message), std::move(hint)};
    if (location.IsValid() && location.GetIndex() <= text_.size())
      error.position = PositionOf(text_, location.GetIndex());
    return error;
  }
  Error Unstable(const std::string& name, const ParsedExpression& at) const {
    return Refuse(ErrorCode::kUnsupported, name + " depends on time, chance or session: a live query cannot hold it",
                  at, "Pass the value as a parameter.");
  }

  Status AddItem(const ParsedExpression& entry) {
    if (entry.GetExpressionClass() == ExpressionClass::STAR) return AddStar(entry.Cast<duckdb::StarExpression>());
    LiveItem item;
    item.expression = entry.Copy();
    RETURN_IF_ERROR(Resolve(&item.expression));
    item.expression->SetAlias("");
    item.name = entry.HasAlias() ? entry.GetAlias() : NameOf(entry, *item.expression);
    query_.items.push_back(std::move(item));
    return {};
  }

  // A column goes by the table's spelling, everything else by its text, as in any SELECT.
  std::string NameOf(const ParsedExpression& entry, const ParsedExpression& resolved) const {
    if (resolved.GetExpressionClass() != ExpressionClass::COLUMN_REF) return entry.GetName();
    const ResolvedColumn column = ParseResolvedName(resolved.Cast<duckdb::ColumnRefExpression>().GetColumnName());
    if (column.system) return std::string(SystemColumnName(*column.system));
    const auto ordinal = column.stored ? table_.schema()->FindById(*column.stored) : std::nullopt;
    return ordinal ? table_.schema()->column(*ordinal).name : entry.GetName();
  }

  Status AddStar(const duckdb::StarExpression& star) {
    if (star.columns || star.expr)
      return Refuse(ErrorCode::kUnsupported, "COLUMNS(…) is not offered in a live query", star, "Name the columns.");
    if (!star.exclude_list.empty() || !star.replace_list.empty() || !star.rename_list.empty()) {
      return Refuse(ErrorCode::kUnsupported, "* with EXCLUDE, REPLACE or RENAME is not offered in a live query", star,
                    "Name the columns: `*` follows the table when it is altered.");
    }
    if (!star.relation_name.empty() && !NamesTable({star.relation_name})) return NoSuchTable(star.relation_name, star);
    query_.items.push_back({.star = true});
    return {};
  }

  Error NoSuchTable(const std::string& name, const ParsedExpression& at) const {
    return Refuse(ErrorCode::kInvalidSql, "table " + name + " is not in the FROM clause", at);
  }

  bool NamesTable(const std::vector<std::string>& qualifiers) const {
    if (qualifiers.empty()) return true;
    if (!alias_.empty()) return qualifiers.size() == 1 && SameName(qualifiers[0], alias_);
    if (!SameName(qualifiers.back(), table_.name)) return false;
    return qualifiers.size() == 1 || (qualifiers.size() == 2 && SameName(qualifiers[0], table_.namespace_name));
  }

  Status Resolve(ExpressionPtr* expression) {
    ParsedExpression& at = **expression;
    switch (at.GetExpressionClass()) {
      case ExpressionClass::COLUMN_REF: return ResolveColumn(expression);
      case ExpressionClass::SUBQUERY:
        return Refuse(ErrorCode::kUnsupported, "a subquery is not offered in a live query", at);
      case ExpressionClass::WINDOW:
        return Refuse(ErrorCode::kUnsupported, "a window function is not offered in a live query", at);
      case ExpressionClass::STAR:
        return Refuse(ErrorCode::kUnsupported, "* or COLUMNS(…) inside an expression is not offered in a live query",
                      at);
      case ExpressionClass::POSITIONAL_REFERENCE:
        return Refuse(ErrorCode::kUnsupported, "a column by its number is not offered in a live query", at,
                      "Name the column.");
      case ExpressionClass::DEFAULT: return Refuse(ErrorCode::kInvalidSql, "DEFAULT cannot stand here", at);
      case ExpressionClass::LAMBDA: return ResolveLambda(at.Cast<duckdb::LambdaExpression>());
      case ExpressionClass::FUNCTION: {
        const auto& function = at.Cast<duckdb::FunctionExpression>();
        const std::string name = Lower(function.function_name);
        if (IsUnstable(name) || (name == "age" && function.children.size() == 1)) return Unstable(name, at);
        break;
      }
      default: break;
    }
    return ResolveChildren(at);
  }

  Status ResolveChildren(ParsedExpression& parent) {
    Status status;
    duckdb::ParsedExpressionIterator::EnumerateChildren(parent, [&](ExpressionPtr& child) {
      if (status.ok()) status = Resolve(&child);
    });
    return status;
  }

  // `x -> …` is a lambda where x is no column, else the arrow of JSON; `lambda x: …` is always one.
  Status ResolveLambda(duckdb::LambdaExpression& lambda) {
    const size_t depth = lambda_names_.size();
    std::string ignored;
    for (const auto& parameter : lambda.ExtractColumnRefExpressions(ignored)) {
      const auto& column = parameter.get().Cast<duckdb::ColumnRefExpression>();
      const bool keyword = lambda.syntax_type == duckdb::LambdaSyntaxType::LAMBDA_KEYWORD;
      if (column.IsQualified() || (!keyword && table_.schema()->FindByName(column.GetColumnName()))) continue;
      lambda_names_.push_back(column.GetColumnName());
    }
    Status status = Resolve(&lambda.lhs);
    if (status.ok()) status = Resolve(&lambda.expr);
    lambda_names_.resize(depth);
    return status;
  }

  Status ResolveColumn(ExpressionPtr* expression) {
    const auto& column = (*expression)->Cast<duckdb::ColumnRefExpression>();
    const std::string name = column.GetColumnName();
    const std::vector<std::string> qualifiers(column.column_names.begin(), column.column_names.end() - 1);
    const bool plain = qualifiers.empty();
    if (plain && std::any_of(lambda_names_.rbegin(), lambda_names_.rend(),
                             [&](const std::string& known) { return SameName(known, name); }))
      return {};
    if (!NamesTable(qualifiers)) return NoSuchTable(qualifiers.back(), column);
    if (const auto ordinal = table_.schema()->FindByName(name)) {
      const row::Column& found = table_.schema()->column(*ordinal);
      Remember(found);
      return Rename(expression, ResolvedName(found.id));
    }
    const std::string lower = Lower(name);
    for (const auto& [system, system_name] : kSystemColumns) {
      if (lower == system_name) return Rename(expression, ResolvedName(system));
    }
    if (lower == "_deleted") {
      return Refuse(ErrorCode::kUnsupported,
                    "_deleted is not offered in a live query: a deleted row is told as a delete", column);
    }
    if (plain && Substitute(expression, name)) return {};
    if (plain && IsUnstable(lower)) return Unstable(lower, column);
    return Refuse(ErrorCode::kColumnNotFound, "column " + name + " of " + table_.QualifiedName() + " does not exist",
                  column);
  }

  Status Rename(ExpressionPtr* expression, std::string name) {
    auto& column = (*expression)->Cast<duckdb::ColumnRefExpression>();
    column.column_names.clear();
    column.column_names.push_back(std::move(name));
    return {};
  }

  // The alias of an entry before this one.
  bool Substitute(ExpressionPtr* expression, const std::string& name) {
    for (const LiveItem& item : query_.items) {
      if (item.star || !SameName(item.name, name)) continue;
      *expression = item.expression->Copy();
      return true;
    }
    return false;
  }

  void Remember(const row::Column& column) {
    for (const auto& [id, name] : query_.named) {
      if (id == column.id) return;
    }
    query_.named.emplace_back(column.id, column.name);
    query_.named_columns.push_back(column.id);
  }

  const catalog::Table& table_;
  const std::string alias_;
  const std::string_view text_;
  LiveQuery query_;
  std::vector<std::string> lambda_names_;  // in scope
};

}  // namespace

std::string_view SystemColumnName(SystemColumn column) {
  for (const auto& [known, name] : kSystemColumns) {
    if (known == column) return name;
  }
  return {};
}

std::string ResolvedName(ColumnId column) { return "#" + std::to_string(column.value); }
std::string ResolvedName(SystemColumn column) { return "#" + std::string(SystemColumnName(column)); }

ResolvedColumn ParseResolvedName(std::string_view name) {
  ResolvedColumn column;
  if (!name.starts_with('#')) return column;
  name.remove_prefix(1);
  for (const auto& [system, system_name] : kSystemColumns) {
    if (name == system_name) column.system = system;
  }
  int32_t id = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error == std::errc() && end == name.data() + name.size()) column.stored = ColumnId(id);
  return column;
}

namespace {

void AppendExpressionText(const ParsedExpression& expression, std::string* text) {
  *text += expression.ToString();
  const std::function<void(const ParsedExpression&)> add_types = [&](const ParsedExpression& at) {
    if (at.GetExpressionClass() == ExpressionClass::CONSTANT) {
      *text += "," + at.Cast<duckdb::ConstantExpression>().value.type().ToString();
    }
    duckdb::ParsedExpressionIterator::EnumerateChildren(at, add_types);
  };
  add_types(expression);
}

}  // namespace

std::string LiveListText(const LiveQuery& query) {
  std::string text = query.owner_name;
  for (const LiveItem& item : query.items) {
    row::AppendJsonString(item.star ? "*" : item.name, &text);
    if (!item.star) AppendExpressionText(*item.expression, &text);
  }
  return text;
}

std::string LiveQueryText(const LiveQuery& query) {
  std::string text = LiveListText(query) + '\n';
  if (query.where) AppendExpressionText(*query.where, &text);
  return text;
}

Result<LiveQuery> ResolveLiveQuery(const duckdb::SelectNode& select, const catalog::Table& table,
                                   std::string_view alias, std::string_view text) {
  return Resolver(table, alias, text).Resolve(select);
}

}  // namespace kalamdb::engine
