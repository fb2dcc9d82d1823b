// Types: their widths, their spellings and the parser of what SQL writes.
#include "row/type.h"

#include <array>
#include <optional>
#include <vector>

#include "row/ascii.h"

namespace kalamdb::row {
namespace {

struct Spelling {
  std::string_view sql;
  TypeKind kind;
};

// One word or several with single blanks between them, in lower case.
constexpr std::array kSpellings = {
    Spelling{"boolean", TypeKind::kBoolean},
    Spelling{"bool", TypeKind::kBoolean},
    Spelling{"smallint", TypeKind::kSmallInt},
    Spelling{"int2", TypeKind::kSmallInt},
    Spelling{"short", TypeKind::kSmallInt},
    Spelling{"int", TypeKind::kInt},
    Spelling{"integer", TypeKind::kInt},
    Spelling{"int4", TypeKind::kInt},
    Spelling{"bigint", TypeKind::kBigInt},
    Spelling{"int8", TypeKind::kBigInt},
    Spelling{"long", TypeKind::kBigInt},
    Spelling{"float", TypeKind::kFloat},
    Spelling{"float4", TypeKind::kFloat},
    Spelling{"real", TypeKind::kFloat},
    Spelling{"double", TypeKind::kDouble},
    Spelling{"double precision", TypeKind::kDouble},
    Spelling{"float8", TypeKind::kDouble},
    Spelling{"decimal", TypeKind::kDecimal},
    Spelling{"numeric", TypeKind::kDecimal},
    Spelling{"dec", TypeKind::kDecimal},
    Spelling{"text", TypeKind::kText},
    Spelling{"string", TypeKind::kText},
    Spelling{"varchar", TypeKind::kText},
    Spelling{"character varying", TypeKind::kText},
    Spelling{"bytes", TypeKind::kBytes},
    Spelling{"blob", TypeKind::kBytes},
    Spelling{"bytea", TypeKind::kBytes},
    Spelling{"binary", TypeKind::kBytes},
    Spelling{"varbinary", TypeKind::kBytes},
    Spelling{"date", TypeKind::kDate},
    Spelling{"time", TypeKind::kTime},
    Spelling{"time without time zone", TypeKind::kTime},
    Spelling{"timestamp", TypeKind::kTimestamp},
    Spelling{"timestamp without time zone", TypeKind::kTimestamp},
    Spelling{"timestamptz", TypeKind::kTimestampTz},
    Spelling{"timestamp with time zone", TypeKind::kTimestampTz},
    Spelling{"datetime", TypeKind::kTimestampTz},
    Spelling{"uuid", TypeKind::kUuid},
    Spelling{"json", TypeKind::kJson},
    Spelling{"jsonb", TypeKind::kJson},
    Spelling{"embedding", TypeKind::kEmbedding},
};

struct Written {
  std::string name;  // folded, single blanks
  std::vector<uint32_t> arguments;
  bool brackets = false;  // FLOAT[3]
};

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

Error InvalidType(std::string_view sql, std::string_view rule) {
  return Error{ErrorCode::kInvalidSql, "type " + std::string(sql) + ": " + std::string(rule)};
}

std::optional<uint32_t> ParseArgument(std::string_view text) {
  text = TrimBlanks(text);
  if (text.empty() || text.size() > 9) return std::nullopt;
  uint32_t value = 0;
  for (char c : text) {
    if (!IsDigit(c)) return std::nullopt;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  return value;
}

std::string FoldWords(std::string_view text) {
  std::string folded;
  for (char c : text) {
    if (IsBlank(c)) {
      if (folded.back() != ' ') folded.push_back(' ');
    } else {
      folded.push_back(ToLower(c));
    }
  }
  return folded;
}

// Splits "name ( a , b )" or "name [ a ]".
Result<Written> SplitType(std::string_view sql) {
  sql = TrimBlanks(sql);
  const size_t open = sql.find_first_of("([");
  Written written;
  written.name = FoldWords(TrimBlanks(sql.substr(0, open)));
  if (written.name.empty()) return InvalidType(sql, "a type needs a name");
  if (open == std::string_view::npos) return written;
  written.brackets = sql[open] == '[';
  const char close = written.brackets ? ']' : ')';
  if (sql.back() != close || sql.size() < open + 2) return InvalidType(sql, "the arguments are not closed");
  std::string_view inside = sql.substr(open + 1, sql.size() - open - 2);
  while (true) {
    const size_t comma = inside.find(',');
    const auto argument = ParseArgument(inside.substr(0, comma));
    if (!argument) return InvalidType(sql, "arguments are whole numbers below 1000000000");
    written.arguments.push_back(*argument);
    if (comma == std::string_view::npos) return written;
    inside.remove_prefix(comma + 1);
  }
}

Result<Type> MakeEmbedding(std::string_view sql, const std::vector<uint32_t>& arguments) {
  if (arguments.size() != 1 || arguments[0] == 0 || arguments[0] > kMaxEmbeddingDimensions) {
    return InvalidType(sql,
                       "EMBEDDING takes one argument, 1 to " + std::to_string(kMaxEmbeddingDimensions) + " dimensions");
  }
  return Type::Embedding(arguments[0]);
}

Result<Type> MakeDecimal(std::string_view sql, const std::vector<uint32_t>& arguments) {
  if (arguments.empty()) return Type::Decimal(kDefaultDecimalWidth, kDefaultDecimalScale);
  const uint32_t scale = arguments.size() == 2 ? arguments[1] : 0;
  if (arguments.size() > 2 || arguments[0] == 0 || arguments[0] > kMaxDecimalWidth || scale > arguments[0]) {
    return InvalidType(sql, "DECIMAL takes a width of 1 to 38 digits and a scale no greater than it");
  }
  return Type::Decimal(static_cast<uint8_t>(arguments[0]), static_cast<uint8_t>(scale));
}

Result<Type> MakeText(std::string_view sql, const Written& written) {
  if (written.arguments.empty()) return Type::Of(TypeKind::kText);
  const bool bounded = written.name == "varchar" || written.name == "character varying";
  if (!bounded || written.arguments.size() != 1 || written.arguments[0] == 0) {
    return InvalidType(sql, "only VARCHAR takes a length, of at least 1");
  }
  return Type::Varchar(written.arguments[0]);
}

std::string_view KindName(TypeKind kind) {
  switch (kind) {
    case TypeKind::kBoolean: return "BOOLEAN";
    case TypeKind::kSmallInt: return "SMALLINT";
    case TypeKind::kInt: return "INT";
    case TypeKind::kBigInt: return "BIGINT";
    case TypeKind::kFloat: return "FLOAT";
    case TypeKind::kDouble: return "DOUBLE";
    case TypeKind::kDecimal: return "DECIMAL";
    case TypeKind::kText: return "TEXT";
    case TypeKind::kBytes: return "BYTES";
    case TypeKind::kDate: return "DATE";
    case TypeKind::kTime: return "TIME";
    case TypeKind::kTimestamp: return "TIMESTAMP";
    case TypeKind::kTimestampTz: return "TIMESTAMPTZ";
    case TypeKind::kUuid: return "UUID";
    case TypeKind::kJson: return "JSON";
    case TypeKind::kEmbedding: return "EMBEDDING";
  }
  KALAM_CHECK(!"a type kind that is not in the list");
  return {};
}

std::string DecimalArguments(const Type& type) {
  return "(" + std::to_string(type.width()) + "," + std::to_string(type.scale()) + ")";
}

}  // namespace

uint32_t Type::FixedWidth() const {
  switch (kind_) {
    case TypeKind::kBoolean: return 1;
    case TypeKind::kSmallInt: return 2;
    case TypeKind::kInt:
    case TypeKind::kFloat:
    case TypeKind::kDate: return 4;
    case TypeKind::kBigInt:
    case TypeKind::kDouble:
    case TypeKind::kTime:
    case TypeKind::kTimestamp:
    case TypeKind::kTimestampTz: return 8;
    case TypeKind::kDecimal:
    case TypeKind::kUuid: return 16;
    case TypeKind::kText:
    case TypeKind::kBytes:
    case TypeKind::kJson:
    case TypeKind::kEmbedding: return 4;
  }
  KALAM_CHECK(!"a type kind that is not in the list");
  return 0;
}

bool Type::IsValid() const {
  switch (kind_) {
    case TypeKind::kDecimal: return length_ >= 1 && length_ <= kMaxDecimalWidth && scale_ <= length_;
    case TypeKind::kEmbedding: return length_ >= 1 && length_ <= kMaxEmbeddingDimensions && scale_ == 0;
    case TypeKind::kText: return scale_ == 0;
    default: return kind_ >= TypeKind::kBoolean && kind_ <= TypeKind::kEmbedding && length_ == 0 && scale_ == 0;
  }
}

std::string Type::ToSql() const {
  if (kind_ == TypeKind::kDecimal) return "DECIMAL" + DecimalArguments(*this);
  if (kind_ == TypeKind::kEmbedding) return "EMBEDDING(" + std::to_string(length_) + ")";
  if (kind_ == TypeKind::kText && length_ != 0) return "VARCHAR(" + std::to_string(length_) + ")";
  return std::string(KindName(kind_));
}

std::string Type::ToEngineSql() const {
  switch (kind_) {
    case TypeKind::kEmbedding: return "FLOAT[" + std::to_string(length_) + "]";
    case TypeKind::kBytes: return "BLOB";
    case TypeKind::kText: return "VARCHAR";
    default: return ToSql();
  }
}

std::string Type::ToJson() const {
  switch (kind_) {
    case TypeKind::kBoolean: return R"("Boolean")";
    case TypeKind::kSmallInt: return R"("SmallInt")";
    case TypeKind::kInt: return R"("Int")";
    case TypeKind::kBigInt: return R"("BigInt")";
    case TypeKind::kFloat: return R"("Float")";
    case TypeKind::kDouble: return R"("Double")";
    case TypeKind::kDecimal:
      return R"({"Decimal":{"precision":)" + std::to_string(width()) + R"(,"scale":)" + std::to_string(scale_) + "}}";
    case TypeKind::kText: return R"("Text")";
    case TypeKind::kBytes: return R"("Bytes")";
    case TypeKind::kDate: return R"("Date")";
    case TypeKind::kTime: return R"("Time")";
    case TypeKind::kTimestamp: return R"("Timestamp")";
    case TypeKind::kTimestampTz: return R"("DateTime")";
    case TypeKind::kUuid: return R"("Uuid")";
    case TypeKind::kJson: return R"("Json")";
    case TypeKind::kEmbedding: return R"({"Embedding":)" + std::to_string(length_) + "}";
  }
  KALAM_CHECK(!"a type kind that is not in the list");
  return {};
}

Result<Type> ParseType(std::string_view sql) {
  ASSIGN_OR_RETURN(const Written written, SplitType(sql));
  std::optional<TypeKind> kind;
  for (const Spelling& spelling : kSpellings) {
    if (spelling.sql == written.name) kind = spelling.kind;
  }
  if (!kind) {
    return Error{ErrorCode::kUnsupported, "type " + std::string(TrimBlanks(sql)) + " is not offered"}.WithHint(
        "Columns are BOOLEAN, SMALLINT, INT, BIGINT, FLOAT, DOUBLE, DECIMAL(p,s), TEXT, VARCHAR(n), BYTES, DATE, TIME, "
        "TIMESTAMP, TIMESTAMPTZ, UUID, JSON or EMBEDDING(n).");
  }
  if (written.brackets) {
    if (*kind == TypeKind::kFloat) return MakeEmbedding(sql, written.arguments);
    return Error{ErrorCode::kUnsupported,
                 "type " + std::string(TrimBlanks(sql)) + " is not offered: of arrays only FLOAT[n]"};
  }
  switch (*kind) {
    case TypeKind::kEmbedding: return MakeEmbedding(sql, written.arguments);
    case TypeKind::kDecimal: return MakeDecimal(sql, written.arguments);
    case TypeKind::kText: return MakeText(sql, written);
    default:
      if (!written.arguments.empty()) return InvalidType(sql, "it takes no arguments");
      return Type::Of(*kind);
  }
}

}  // namespace kalamdb::row
