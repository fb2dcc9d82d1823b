// The fillers of `system.*` that are about the server: users, jobs, live queries, limits, caches, statistics.
#include "service/system_tables.h"

#include <charconv>
#include <memory>
#include <utility>

#include "service/system_rows.h"

namespace kalamdb::service {
namespace {

using auth::Identity;
using Emit = engine::VirtualTable::Emit;
using Parts = std::shared_ptr<const SystemTableParts>;

engine::VirtualTable Users(Parts parts) {
  return {.schema_name = "system",
          .name = "users",
          .columns = {{"user_id", kText},
                      {"role", kText},
                      {"email", kText},
                      {"auth_type", kText},
                      {"failed_login_attempts", kBigInt},
                      {"locked_until", kTime},
                      {"last_login_at", kTime},
                      {"created_at", kTime},
                      {"updated_at", kTime}},
          .admins_only = true,
          .fill = [parts](const Identity&, const storage::ReadViewPtr&, const Emit& emit) -> Status {
            for (const auth::UserPtr& user : parts->users->All()) {
              emit(Row(user->name, auth::RoleName(user->role), TextOrNull(user->email), "password",
                       uint64_t{user->failed_logins}, TimeOrNull(user->locked_until), TimeOrNull(user->last_login_at),
                       TimeOrNull(user->created_at), TimeOrNull(user->updated_at)));
            }
            return {};
          }};
}

engine::VirtualTable Storages(Parts) {
  return {.schema_name = "system",
          .name = "storages",
          .columns = {{"storage_id", kText},
                      {"storage_type", kText},
                      {"base_directory", kText},
                      {"path_template", kText},
                      {"config", kText},
                      {"created_at", kTime},
                      {"updated_at", kTime}},
          .admins_only = true,
          .fill = [](const Identity&, const storage::ReadViewPtr&, const Emit& emit) -> Status {
            emit(Row("local", "filesystem", "cold", "{namespace}/{table}", row::Value::Null(), row::Value::Null(),
                     row::Value::Null()));
            return {};
          }};
}

engine::VirtualTable Jobs(Parts parts) {
  return {.schema_name = "system",
          .name = "jobs",
          .columns = {{"job_id", kText},
                      {"job_type", kText},
                      {"namespace_id", kText},
                      {"table_name", kText},
                      {"status", kText},
                      {"parameters", kText},
                      {"progress", kDouble},
                      {"message", kText},
                      {"error", kText},
                      {"rows", kBigInt},
                      {"bytes", kBigInt},
                      {"cpu_ms", kBigInt},
                      {"memory_bytes", kBigInt},
                      {"node_id", kText},
                      {"created_at", kTime},
                      {"started_at", kTime},
                      {"finished_at", kTime}},
          .admins_only = true,
          .fill = [parts](const Identity&, const storage::ReadViewPtr&, const Emit& emit) -> Status {
            for (const storage::JobRow& job : parts->database->Jobs()) {
              emit(Row(job.job_id, job.job_type, TextOrNull(job.namespace_name), TextOrNull(job.table_name), job.status,
                       TextOrNull(job.parameters), job.progress, TextOrNull(job.message), TextOrNull(job.error),
                       job.rows, job.bytes, row::Value::Null(), row::Value::Null(), kNodeId, TimeOrNull(job.created_at),
                       TimeOrNull(job.started_at), TimeOrNull(job.finished_at)));
            }
            return {};
          }};
}

engine::VirtualTable LiveQueries(Parts parts) {
  return {.schema_name = "system",
          .name = "live_queries",
          .columns = {{"live_id", kText},
                      {"connection_id", kText},
                      {"subscription_id", kText},
                      {"user_id", kText},
                      {"namespace_id", kText},
                      {"table_name", kText},
                      {"query", kText},
                      {"options", kText},
                      {"state", kText},
                      {"changes", kBigInt},
                      {"queued_bytes", kBigInt},
                      {"created_at", kTime},
                      {"last_event_at", kTime},
                      {"node_id", kText}},
          .admins_only = false,
          .fill = [parts](const Identity& caller, const storage::ReadViewPtr&, const Emit& emit) -> Status {
            for (const live::LiveQueryRow& query : parts->hub->List()) {
              if (query.user != caller.user && !caller.IsAdmin()) continue;
              emit(Row(query.live_id, std::to_string(query.connection), query.subscription_id, query.user_name,
                       query.namespace_name, query.table_name, query.query, query.options, query.state, query.changes,
                       query.queued_bytes, TimeOrNull(query.created_at), TimeOrNull(query.last_event_at), kNodeId));
            }
            return {};
          }};
}

engine::VirtualTable Settings(Parts parts) {
  return {.schema_name = "system",
          .name = "settings",
          .columns =
              {{"name", kText}, {"value", kText}, {"default_value", kText}, {"source", kText}, {"description", kText}},
          .admins_only = true,
          .fill = [parts](const Identity&, const storage::ReadViewPtr&, const Emit& emit) -> Status {
            for (const SettingRow& setting : parts->settings) {
              emit(Row(setting.name, setting.value, setting.default_value, setting.source, setting.description));
            }
            return {};
          }};
}

engine::VirtualTable Limits(Parts parts) {
  return {.schema_name = "system",
          .name = "limits",
          .columns = {{"name", kText}, {"value", kText}, {"unit", kText}, {"scope", kText}, {"rejections", kBigInt}},
          .admins_only = false,
          .fill = [parts](const Identity&, const storage::ReadViewPtr&, const Emit& emit) -> Status {
            for (const LimitRow& limit : parts->limits) {
              const Counter rejections = parts->metrics->AddCounter(
                  "kalamdb_rate_limit_rejections_total", "Requests refused by a rate limit.", {{"limit", limit.name}});
              emit(Row(limit.name, limit.value, limit.unit, limit.scope, static_cast<uint64_t>(rejections.value())));
            }
            return {};
          }};
}

engine::VirtualTable Stats(Parts parts) {
  return {.schema_name = "system",
          .name = "stats",
          .columns = {{"metric_name", kText}, {"metric_value", kDouble}},
          .admins_only = true,
          .fill = [parts](const Identity&, const storage::ReadViewPtr&, const Emit& emit) -> Status {
            const std::string text = parts->metrics->Serialize();
            for (size_t at = 0; at < text.size();) {
              const size_t end = std::min(text.find('\n', at), text.size());
              const std::string_view line(text.data() + at, end - at);
              at = end + 1;
              const size_t blank = line.rfind(' ');
              if (line.empty() || line[0] == '#' || blank == std::string_view::npos) continue;
              double value = 0;
              const char* last = line.data() + line.size();
              if (std::from_chars(line.data() + blank + 1, last, value).ptr != last) continue;
              emit(Row(line.substr(0, blank), value));
            }
            return {};
          }};
}

engine::VirtualTable CacheStats(Parts parts) {
  return {.schema_name = "system",
          .name = "cache_stats",
          .columns = {{"cache", kText},
                      {"entries", kBigInt},
                      {"bytes", kBigInt},
                      {"max_bytes", kBigInt},
                      {"hits", kBigInt},
                      {"misses", kBigInt},
                      {"evictions", kBigInt}},
          .admins_only = true,
          .fill = [parts](const Identity&, const storage::ReadViewPtr&, const Emit& emit) -> Status {
            for (const engine::CacheRow& cache : parts->engine->CacheStats()) {
              emit(Row(cache.cache, cache.entries, cache.bytes, cache.max_bytes, cache.hits, cache.misses,
                       cache.evictions));
            }
            const kv::StoreStats store = parts->database->store().Stats();
            emit(Row("block", row::Value::Null(), store.block_cache_bytes, store.block_cache_limit,
                     store.block_cache_hits, store.block_cache_misses, row::Value::Null()));
            return {};
          }};
}

engine::VirtualTable Audit(Parts parts) {
  return {.schema_name = "system",
          .name = "audit_log",
          .columns = {{"audit_id", kText},
                      {"timestamp", kTime},
                      {"actor_user_id", kText},
                      {"subject_user_id", kText},
                      {"action", kText},
                      {"target", kText},
                      {"details", kText},
                      {"ip_address", kText}},
          .admins_only = true,
          .fill = [parts](const Identity&, const storage::ReadViewPtr&, const Emit& emit) -> Status {
            return parts->audit->Read([&](const AuditRecord& record) {
              emit(Row(record.id, TimeOrNull(record.at), record.actor, TextOrNull(record.subject), record.action,
                       record.target, TextOrNull(record.details), TextOrNull(record.address)));
            });
          }};
}

}  // namespace

void RegisterSystemTables(SystemTableParts parts) {
  engine::Engine* const engine = parts.engine;
  const auto shared = std::make_shared<const SystemTableParts>(std::move(parts));
  for (auto make : {Users, Storages, Jobs, LiveQueries, Settings, Limits, Stats, CacheStats, Audit}) {
    engine->RegisterVirtualTable(make(shared));
  }
  RegisterCatalogTables(engine);
}

}  // namespace kalamdb::service
