// Values: equality and SQL literals.
#include "row/value.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "row/text_form.h"

namespace kalamdb::row {
namespace {

template <typename Number>
bool EqualNumbers(Number a, Number b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

template <typename Number>
void AppendFloatLiteral(Number value, std::string_view type, std::string* out) {
  if (!std::isfinite(value)) {
    out->append(std::isnan(value) ? "'NaN'" : value > 0 ? "'Infinity'" : "'-Infinity'").append("::").append(type);
    return;
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  out->append(text, end);
}

// The engine's parser stops at a zero byte, so that one is concatenated as chr(0).
void AppendTextLiteral(std::string_view text, std::string* out) {
  const bool has_zero = text.find('\0') != std::string_view::npos;
  if (has_zero) out->push_back('(');
  out->push_back('\'');
  for (char c : text) {
    if (c == '\0') {
      out->append("' || chr(0) || '");
    } else {
      if (c == '\'') out->push_back('\'');
      out->push_back(c);
    }
  }
  out->push_back('\'');
  if (has_zero) out->push_back(')');
}

void AppendBytesLiteral(std::string_view bytes, std::string* out) {
  out->push_back('\'');
  for (char c : bytes) {
    out->append("\\x");
    AppendHex(std::string_view(&c, 1), out);
  }
  out->append("'::BLOB");
}

void AppendEmbeddingLiteral(const Type& type, std::string_view bytes, std::string* out) {
  out->push_back('[');
  for (size_t at = 0; at + sizeof(float) <= bytes.size(); at += sizeof(float)) {
    float element;
    std::memcpy(&element, bytes.data() + at, sizeof(element));
    if (at != 0) out->append(", ");
    AppendFloatLiteral(element, "FLOAT", out);
  }
  out->append("]::").append(type.ToEngineSql());
}

}  // namespace

bool Value::operator==(const Value& other) const {
  if (payload_.index() != other.payload_.index()) return false;
  return std::visit(
      [&](const auto& mine) {
        using Held = std::decay_t<decltype(mine)>;
        const Held& theirs = std::get<Held>(other.payload_);
        if constexpr (std::is_floating_point_v<Held>) {
          return EqualNumbers(mine, theirs);
        } else {
          return mine == theirs;
        }
      },
      payload_);
}

std::string Value::ToSqlLiteral(const Type& type) const {
  if (is_null()) return "NULL";
  std::string out;
  const auto quoted = [&](std::string_view before, auto append, std::string_view after) {
    out.append(before).push_back('\'');
    append();
    out.push_back('\'');
    out.append(after);
  };
  switch (type.kind()) {
    case TypeKind::kBoolean: return as_bool() ? "true" : "false";
    case TypeKind::kSmallInt:
    case TypeKind::kInt:
    case TypeKind::kBigInt: return std::to_string(as_int());
    case TypeKind::kFloat: AppendFloatLiteral(as_float(), "FLOAT", &out); break;
    case TypeKind::kDouble: AppendFloatLiteral(as_double(), "DOUBLE", &out); break;
    case TypeKind::kDecimal: AppendDecimal(as_wide(), type.scale(), &out); break;
    case TypeKind::kText: AppendTextLiteral(as_string(), &out); break;
    case TypeKind::kBytes: AppendBytesLiteral(as_string(), &out); break;
    case TypeKind::kDate: quoted("DATE ", [&] { AppendDate(as_int(), &out); }, ""); break;
    case TypeKind::kTime: quoted("TIME ", [&] { AppendTime(as_int(), &out); }, ""); break;
    case TypeKind::kTimestamp: quoted("TIMESTAMP ", [&] { AppendTimestamp(as_int(), &out); }, ""); break;
    case TypeKind::kTimestampTz:
      quoted("TIMESTAMPTZ ", [&] {
        AppendTimestamp(as_int(), &out);
        if (as_int() != kInfiniteMicros && as_int() != -kInfiniteMicros) out.append("+00");
      }, "");
      break;
    case TypeKind::kUuid: quoted("", [&] { AppendUuid(as_wide(), &out); }, "::UUID"); break;
    case TypeKind::kJson:
      AppendTextLiteral(as_string(), &out);
      out.append("::JSON");
      break;
    case TypeKind::kEmbedding: AppendEmbeddingLiteral(type, as_string(), &out); break;
  }
  return out;
}

}  // namespace kalamdb::row
