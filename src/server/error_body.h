// Bodies of error replies: the envelope of /v1/api/sql, and the flat form of the auth endpoints.
#pragma once

#include <string>

#include "base/error.h"
#include "server/http_response.h"

namespace kalamdb::server {

// {"status":"error","results":[],"took":0,"error":{…}}
HttpResponse SqlError(const Error& error);
// {"error":"unauthorized","code":"UNAUTHENTICATED","message":"…"}
HttpResponse FlatError(const Error& error);

}  // namespace kalamdb::server
