// What each error code is on the wires: HTTP status, SQLSTATE, WebSocket close code. The one table.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace kalamdb::service {

struct WireCode {
  int http_status;
  std::string_view sqlstate;
};
WireCode WireCodeOf(ErrorCode code);

// {"code":"TABLE_NOT_FOUND","message":"…","hint":"…","position":17,"statement":2,"sqlstate":"42P01"}; zero and empty
// fields are left out.
std::string ErrorJson(const Error& error, int statement);

}  // namespace kalamdb::service
