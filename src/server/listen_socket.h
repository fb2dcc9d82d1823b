// Addresses: "host:port" into a listening socket, and a connected socket into its peer.
#pragma once

#include <string>

#include "base/error.h"
#include "server/http_connection.h"

namespace kalamdb::server {

struct ListenSocket {
  int fd = -1;
  std::string address;  // with the port that was taken
};

// "127.0.0.1:8080", "localhost:0", "[::1]:8080", ":8080" (all addresses). Errors: kInvalidParameter,
// kStorageUnavailable.
Result<ListenSocket> OpenListenSocket(const std::string& listen);

// Also switches Nagle's algorithm off.
Peer PeerOf(int fd);

}  // namespace kalamdb::server
