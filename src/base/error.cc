// Names of the error codes, and the end of a process whose invariant is broken.
#include "base/error.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/crash_handler.h"

namespace kalamdb {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidSql: return "INVALID_SQL";
    case ErrorCode::kEmptySql: return "EMPTY_SQL";
    case ErrorCode::kInvalidParameter: return "INVALID_PARAMETER";
    case ErrorCode::kTypeMismatch: return "TYPE_MISMATCH";
    case ErrorCode::kUnsupported: return "UNSUPPORTED";
    case ErrorCode::kNotNullViolation: return "NOT_NULL_VIOLATION";
    case ErrorCode::kCheckViolation: return "CHECK_VIOLATION";
    case ErrorCode::kCardinalityViolation: return "CARDINALITY_VIOLATION";
    case ErrorCode::kUnauthenticated: return "UNAUTHENTICATED";
    case ErrorCode::kTokenExpired: return "TOKEN_EXPIRED";
    case ErrorCode::kPermissionDenied: return "PERMISSION_DENIED";
    case ErrorCode::kAccountLocked: return "ACCOUNT_LOCKED";
    case ErrorCode::kTableNotFound: return "TABLE_NOT_FOUND";
    case ErrorCode::kNamespaceNotFound: return "NAMESPACE_NOT_FOUND";
    case ErrorCode::kColumnNotFound: return "COLUMN_NOT_FOUND";
    case ErrorCode::kNotFound: return "NOT_FOUND";
    case ErrorCode::kMethodNotAllowed: return "METHOD_NOT_ALLOWED";
    case ErrorCode::kTimeout: return "TIMEOUT";
    case ErrorCode::kTooLarge: return "TOO_LARGE";
    case ErrorCode::kRateLimited: return "RATE_LIMITED";
    case ErrorCode::kCancelled: return "CANCELLED";
    case ErrorCode::kAlreadyExists: return "ALREADY_EXISTS";
    case ErrorCode::kUniqueViolation: return "UNIQUE_VIOLATION";
    case ErrorCode::kWriteConflict: return "WRITE_CONFLICT";
    case ErrorCode::kSchemaChanged: return "SCHEMA_CHANGED";
    case ErrorCode::kSnapshotTooOld: return "SNAPSHOT_TOO_OLD";
    case ErrorCode::kDependentObjects: return "DEPENDENT_OBJECTS";
    case ErrorCode::kStarting: return "STARTING";
    case ErrorCode::kDraining: return "DRAINING";
    case ErrorCode::kStorageUnavailable: return "STORAGE_UNAVAILABLE";
    case ErrorCode::kInternal: return "INTERNAL";
  }
  return "INTERNAL";
}

void CheckFailed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "kalamdb: broken invariant %s at %s:%d\n", condition, file, line);
  PrintStackTrace(STDERR_FILENO);
  ReleaseAbort();  // the trace is printed; the crash handler would print it again
  std::abort();
}

}  // namespace kalamdb
