// What a name may be, when it needs quotes, and SQL literals of text.
#include "catalog/names.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "catalog/table.h"
#include "row/schema.h"

namespace kalamdb::catalog {
namespace {

// Every word of the engine's grammar that cannot stand everywhere a name can (its categories reserved, type_function
// and column_name), sorted. Quoting one too many is harmless, one too few is not.
constexpr std::array<std::string_view, 159> kQuotedWords = {"all",
                                                            "analyse",
                                                            "analyze",
                                                            "and",
                                                            "anti",
                                                            "any",
                                                            "array",
                                                            "as",
                                                            "asc",
                                                            "asof",
                                                            "asymmetric",
                                                            "at",
                                                            "authorization",
                                                            "between",
                                                            "bigint",
                                                            "binary",
                                                            "bit",
                                                            "boolean",
                                                            "both",
                                                            "by",
                                                            "case",
                                                            "cast",
                                                            "char",
                                                            "character",
                                                            "check",
                                                            "coalesce",
                                                            "collate",
                                                            "collation",
                                                            "column",
                                                            "columns",
                                                            "concurrently",
                                                            "constraint",
                                                            "create",
                                                            "cross",
                                                            "dec",
                                                            "decimal",
                                                            "default",
                                                            "deferrable",
                                                            "desc",
                                                            "describe",
                                                            "distinct",
                                                            "do",
                                                            "else",
                                                            "end",
                                                            "except",
                                                            "exists",
                                                            "extract",
                                                            "false",
                                                            "fetch",
                                                            "float",
                                                            "for",
                                                            "foreign",
                                                            "freeze",
                                                            "from",
                                                            "full",
                                                            "generated",
                                                            "glob",
                                                            "group",
                                                            "grouping",
                                                            "grouping_id",
                                                            "having",
                                                            "ilike",
                                                            "in",
                                                            "initially",
                                                            "inner",
                                                            "inout",
                                                            "int",
                                                            "integer",
                                                            "intersect",
                                                            "interval",
                                                            "into",
                                                            "is",
                                                            "isnull",
                                                            "join",
                                                            "lambda",
                                                            "lateral",
                                                            "leading",
                                                            "left",
                                                            "like",
                                                            "limit",
                                                            "map",
                                                            "national",
                                                            "natural",
                                                            "nchar",
                                                            "none",
                                                            "not",
                                                            "notnull",
                                                            "null",
                                                            "nullif",
                                                            "numeric",
                                                            "offset",
                                                            "on",
                                                            "only",
                                                            "or",
                                                            "order",
                                                            "out",
                                                            "outer",
                                                            "overlaps",
                                                            "overlay",
                                                            "pivot",
                                                            "pivot_longer",
                                                            "pivot_wider",
                                                            "placing",
                                                            "position",
                                                            "positional",
                                                            "precision",
                                                            "primary",
                                                            "qualify",
                                                            "real",
                                                            "references",
                                                            "returning",
                                                            "right",
                                                            "row",
                                                            "select",
                                                            "semi",
                                                            "setof",
                                                            "show",
                                                            "similar",
                                                            "smallint",
                                                            "some",
                                                            "struct",
                                                            "substring",
                                                            "summarize",
                                                            "symmetric",
                                                            "table",
                                                            "tablesample",
                                                            "then",
                                                            "time",
                                                            "timestamp",
                                                            "to",
                                                            "trailing",
                                                            "treat",
                                                            "trim",
                                                            "true",
                                                            "try_cast",
                                                            "union",
                                                            "unique",
                                                            "unpack",
                                                            "unpivot",
                                                            "using",
                                                            "values",
                                                            "varchar",
                                                            "variadic",
                                                            "verbose",
                                                            "when",
                                                            "where",
                                                            "window",
                                                            "with",
                                                            "xmlattributes",
                                                            "xmlconcat",
                                                            "xmlelement",
                                                            "xmlexists",
                                                            "xmlforest",
                                                            "xmlnamespaces",
                                                            "xmlparse",
                                                            "xmlpi",
                                                            "xmlroot",
                                                            "xmlserialize",
                                                            "xmltable"};
static_assert(std::is_sorted(kQuotedWords.begin(), kQuotedWords.end()));

constexpr std::array<std::string_view, 5> kReservedNamespaces = {"system", "information_schema", "pg_catalog", "main",
                                                                 "temp"};

bool IsBareName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  const bool plain = std::all_of(name.begin(), name.end(),
                                 [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
  return plain && !std::binary_search(kQuotedWords.begin(), kQuotedWords.end(), name);
}

// Bytes of the sequence that starts with `lead`, 0 where none can.
size_t SequenceLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

Error NameError(std::string_view what, std::string_view name, std::string_view rule) {
  // The name itself may hold bytes that no reply can carry.
  const std::string shown = CountNameCharacters(name) ? " " + QuoteIdentifier(name) : std::string();
  return Error{ErrorCode::kInvalidSql,
               "the name of the " + std::string(what) + shown + " is not allowed: " + std::string(rule)};
}

Status CheckName(std::string_view what, std::string_view name) {
  const auto characters = CountNameCharacters(name);
  if (!characters) return NameError(what, name, "it holds a control character or is not valid UTF-8");
  if (*characters == 0 || *characters > kMaxNameCharacters) {
    return Error{ErrorCode::kInvalidSql,
                 "the name of a " + std::string(what) + " has 1 to 64 characters, not " + std::to_string(*characters)};
  }
  if (name[0] == '_') {
    return NameError(what, name, "names that begin with _ belong to the system; choose one that does not");
  }
  return {};
}

}  // namespace

std::optional<size_t> CountNameCharacters(std::string_view text) {
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++count) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t length = SequenceLength(lead);
    if (length == 0 || i + length > text.size()) return std::nullopt;
    uint32_t code = length == 1 ? lead : lead & (0xFFU >> (length + 1));
    for (size_t k = 1; k < length; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0U) != 0x80) return std::nullopt;
      code = code << 6 | (next & 0x3FU);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code < 0xE000;
    const bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
    if (overlong || surrogate || control || code > 0x10FFFF) return std::nullopt;
    i += length;
  }
  return count;
}

std::string QuoteLiteral(std::string_view text) {
  std::string quoted = "'";
  for (char c : text) {
    quoted += c;
    if (c == '\'') quoted += c;
  }
  quoted += '\'';
  return quoted;
}

std::string QuoteIdentifier(std::string_view name) {
  if (IsBareName(name)) return std::string(name);
  std::string quoted = "\"";
  for (char c : name) {
    quoted += c;
    if (c == '"') quoted += c;
  }
  quoted += '"';
  return quoted;
}

Status CheckNamespaceName(std::string_view name) {
  RETURN_IF_ERROR(CheckName("namespace", name));
  const std::string folded = row::FoldName(name);
  for (std::string_view reserved : kReservedNamespaces) {
    if (folded == reserved) {
      return NameError("namespace", name, "system, information_schema, pg_catalog, main and temp are reserved");
    }
  }
  return {};
}

Status CheckObjectName(std::string_view name) { return CheckName("table", name); }
Status CheckColumnName(std::string_view name) { return CheckName("column", name); }

}  // namespace kalamdb::catalog
