// POST /v1/api/sql: headers and body into a service::SqlRequest, the reply back into HTTP.
#pragma once

#include <string>

#include "server/core.h"
#include "server/http_connection.h"

namespace kalamdb::server {

// Answers by connection->NewReply(headers). Runs fast statements on this thread.
void StartSql(Core* core, HttpConnection* connection, HttpRequest& request, std::string headers);

// Exposed for tests. Errors: kInvalidParameter naming the header or field; kNotFound for X-Transaction; kUnsupported.
Status ReadSqlHeaders(const HttpRequest& request, service::SqlRequest* sql);
Status ReadSqlBody(std::string_view body, service::SqlRequest* sql);

}  // namespace kalamdb::server
