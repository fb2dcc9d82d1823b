// The table of codes, and the error object of replies.
#include "service/error_table.h"

#include "row/json.h"

namespace kalamdb::service {

WireCode WireCodeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidSql: return {400, "42601"};
    case ErrorCode::kEmptySql: return {400, "42601"};
    case ErrorCode::kInvalidParameter: return {400, "22023"};
    case ErrorCode::kTypeMismatch: return {400, "22P02"};
    case ErrorCode::kUnsupported: return {400, "0A000"};
    case ErrorCode::kNotNullViolation: return {400, "23502"};
    case ErrorCode::kCheckViolation: return {400, "23514"};
    case ErrorCode::kCardinalityViolation: return {400, "21000"};
    case ErrorCode::kUnauthenticated: return {401, "28000"};
    case ErrorCode::kTokenExpired: return {401, "28000"};
    case ErrorCode::kPermissionDenied: return {403, "42501"};
    case ErrorCode::kAccountLocked: return {403, "28000"};
    case ErrorCode::kTableNotFound: return {404, "42P01"};
    case ErrorCode::kNamespaceNotFound: return {404, "3F000"};
    case ErrorCode::kColumnNotFound: return {404, "42703"};
    case ErrorCode::kNotFound: return {404, "42704"};
    case ErrorCode::kMethodNotAllowed: return {405, "0A000"};
    case ErrorCode::kTimeout: return {408, "57014"};
    case ErrorCode::kTooLarge: return {413, "54000"};
    case ErrorCode::kRateLimited: return {429, "53400"};
    case ErrorCode::kCancelled: return {499, "57014"};
    case ErrorCode::kAlreadyExists: return {409, "42710"};
    case ErrorCode::kUniqueViolation: return {409, "23505"};
    case ErrorCode::kWriteConflict: return {409, "40001"};
    case ErrorCode::kSchemaChanged: return {409, "40001"};
    case ErrorCode::kSnapshotTooOld: return {409, "40001"};
    case ErrorCode::kDependentObjects: return {409, "2BP01"};
    case ErrorCode::kStarting: return {503, "57P03"};
    case ErrorCode::kDraining: return {503, "57P01"};
    case ErrorCode::kStorageUnavailable: return {503, "58030"};
    case ErrorCode::kInternal: return {500, "XX000"};
  }
  return {500, "XX000"};
}

std::string ErrorJson(const Error& error, int statement) {
  std::string out = R"({"code":")";
  out += ErrorCodeName(error.code);
  out += R"(","message":)";
  row::AppendJsonString(error.message, &out);
  if (!error.hint.empty()) {
    out += R"(,"hint":)";
    row::AppendJsonString(error.hint, &out);
  }
  if (error.position > 0) out += R"(,"position":)" + std::to_string(error.position);
  if (statement > 0) out += R"(,"statement":)" + std::to_string(statement);
  if (error.outcome_unknown) out += R"(,"outcome_unknown":true)";
  out += R"(,"sqlstate":")";
  out += WireCodeOf(error.code).sqlstate;
  out += "\"}";
  return out;
}

}  // namespace kalamdb::service
