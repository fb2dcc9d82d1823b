// The table of every configuration key.
#include <algorithm>
#include <iterator>

#include "cli/config.h"

namespace kalamdb::cli {

namespace {

using enum ConfigKind;

constexpr ConfigKey kKeys[] = {
    {"server.listen", kText, "127.0.0.1:8080", "Address of the listener, host:port; port 0 takes a free one."},
    {"server.data_dir", kText, "data", "Directory of everything that is kept."},
    {"server.memory", kBytes, "0", "Memory the server plans with; 0 = a quarter of the machine's, at least 256 MiB."},
    {"server.io_threads", kInteger, "2", "Threads that serve sockets.", {}, 1},
    {"server.workers", kInteger, "0", "Threads for heavy statements; 0 = one a core, at least 2."},
    {"server.origins", kList, "",
     "Origins whose pages may call the server; empty = loopback and the server's own; * = all."},
    {"server.drain_seconds", kInteger, "30", "Time running statements get after SIGTERM."},
    {"server.tls_cert", kText, "", "Certificate file; TLS is not offered yet."},
    {"server.tls_key", kText, "", "Private key file; TLS is not offered yet."},
    {"log.level", kChoice, "info", "Least level that is written.", "debug|info|warn|error|off"},
    {"log.format", kChoice, "text", "Form of a line.", "text|json"},
    {"log.file", kText, "", "File the log is appended to; empty = standard error."},
    {"storage.durability", kChoice, "sync",
     "When a change is acknowledged: after fdatasync, or after the write-ahead log is written.", "sync|wal"},
    {"storage.auto_compaction", kBool, "true", "Small segments are merged by themselves."},
    {"storage.backup_directories", kList, "", "Directories backups may go to."},
    {"storage.copy_directories", kList, "", "Directories COPY may read and write."},
    {"auth.access_minutes", kInteger, "60", "Life of an access token.", {}, 1},
    {"auth.refresh_days", kInteger, "7", "Life of a refresh token.", {}, 1},
    {"auth.allow_remote_setup", kBool, "false", "The first password may be set from other than loopback addresses."},
    {"auth.allow_user_ddl", kBool, "false", "Users of role user may make tables, and alter and flush their own."},
    {"auth.issuers", kList, "", "Foreign issuers of tokens; not offered yet."},
    {"live.log_hours", kInteger, "24", "Age the change log reaches back.", {}, 1},
    {"live.log_bytes", kBytes, "4294967296", "Size the change log reaches back."},
    {"limits.body_bytes", kBytes, "33554432", "Body of a request.", {}, 1},
    {"limits.sql_bytes", kBytes, "16777216", "SQL text of a request.", {}, 1},
    {"limits.result_bytes", kBytes, "1073741824", "Reply to a request.", {}, 1},
    {"limits.statement_ms", kInteger, "300000", "Time of a statement.", {}, 1},
    {"limits.view_idle_ms", kInteger, "60000", "Time a client may take no rows of a streamed reply.", {}, 1},
    {"limits.queries_per_second", kNumber, "0", "Statements of a user; 0 = off.", {}, 0, "user"},
    {"limits.auth_per_second",
     kNumber,
     "20",
     "Requests to the auth endpoints from an address; burst 2.5 times that.",
     {},
     0,
     "address"},
    {"limits.transaction_idle_s", kInteger, "30", "Time a transaction may do nothing.", {}, 1},
    {"limits.transaction_s", kInteger, "300", "Time of a transaction.", {}, 1},
    {"limits.transaction_rows", kInteger, "100000", "Rows one UPDATE, DELETE or transaction may change.", {}, 1},
    {"limits.subscriptions_per_connection", kInteger, "10000", "Live queries of a socket.", {}, 1, "connection"},
    {"limits.subscriptions_per_user", kInteger, "100000", "Live queries of a user.", {}, 1, "user"},
    {"limits.messages_per_second", kNumber, "1000", "Messages of a socket; burst twice that.", {}, 0, "connection"},
    {"limits.message_bytes", kBytes, "1048576", "Message of a socket.", {}, 1, "connection"},
    {"limits.live_queue_bytes", kBytes, "8388608", "Frames that wait for a socket.", {}, 1, "connection"},
    {"limits.snapshot_bytes", kBytes, "1073741824", "Snapshot of a live query.", {}, 1},
    {"limits.connections", kInteger, "20000", "Open connections of the server; 0 = off."},
    {"limits.connections_per_address", kInteger, "0", "Open connections of an address; 0 = off.", {}, 0, "address"},
    {"limits.hot_bytes", kBytes, "0", "Hot rows; above it the largest table is flushed. 0 = the server's memory."},
    {"limits.memory_bytes", kBytes, "0", "Memory of the SQL engine; 0 = half of the server's."},
    {"limits.spill_bytes", kBytes, "0",
     "Disk that sorts, joins and aggregates take; 0 = 16 times limits.memory_bytes, at most half of what is free."},
    {"limits.value_bytes", kBytes, "67108864", "Text, BYTES or list that one call of a function makes.", {}, 1},
};

}  // namespace

std::span<const ConfigKey> ConfigKeys() { return kKeys; }

const ConfigKey* FindConfigKey(std::string_view name) {
  const auto* found =
      std::find_if(std::begin(kKeys), std::end(kKeys), [name](const ConfigKey& key) { return key.name == name; });
  return found == std::end(kKeys) ? nullptr : found;
}

std::string_view UnitOf(const ConfigKey& key) {
  if (key.kind == kBytes) return "bytes";
  for (auto [ending, unit] : {std::pair<std::string_view, std::string_view>{"_ms", "ms"},
                              {"_s", "s"},
                              {"_seconds", "s"},
                              {"_minutes", "min"},
                              {"_hours", "h"},
                              {"_days", "d"},
                              {"_per_second", "1/s"},
                              {"_rows", "rows"}}) {
    if (key.name.ends_with(ending)) return unit;
  }
  return {};
}

}  // namespace kalamdb::cli
