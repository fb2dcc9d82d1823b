// Values: equality and SQL literals.
#include "row/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>

#include "row/ascii.h"
#include "row/text_form.h"

namespace kalamdb::row {
namespace {

template <typename Number>
bool EqualNumbers(Number a, Number b) {
  return a == b || (std::isnan(a) && std::isnan(b));
}

// A number with a point is a DECIMAL to the engine, and its way from there to a floating type is exact for few digits
// only (one division of two exact numbers): what is longer is cast from text.
template <typename Number>
void AppendFloatLiteral(Number value, std::string_view type, std::string* out) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  if (!std::isfinite(value)) text = std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
  const auto digits = std::count_if(text.begin(), text.end(), IsDigit);
  const bool plain = digits == std::count_if(text.begin(), text.end(), [](char c) { return c != '-' && c != '.'; });
  if (plain && digits <= std::numeric_limits<Number>::digits10 + (sizeof(Number) == sizeof(float) ? 1 : 0)) {
    out->append(text);
  } else {
    out->append("'").append(text).append("'::").append(type);
  }
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
      quoted(
          "TIMESTAMPTZ ",
          [&] {
            AppendTimestamp(as_int(), &out);
            if (as_int() != kInfiniteMicros && as_int() != -kInfiniteMicros) out.append("+00");
          },
          "");
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
