// Users, impersonation and storage jobs.
#include "service/service_commands.h"

#include <type_traits>
#include <utility>

#include "engine/access.h"
#include "row/json.h"

namespace kalamdb::service {
namespace {

using engine::StatementResult;

StatementResult Message(std::string text) {
  StatementResult result;
  result.message = std::move(text);
  return result;
}

Error NoSuchUser(const std::string& name) {
  return Error{.code = ErrorCode::kNotFound, .message = "user '" + name + "' does not exist"};
}

// The row of STORAGE FLUSH and COMPACT.
Status EmitJob(const catalog::Table& table, const storage::JobResult& job, engine::RowSink* sink) {
  std::string json = "[";
  for (const std::string* text : {&job.job_id, &table.namespace_name, &table.name, &job.status}) {
    row::AppendJsonString(*text, &json);
    json += ',';
  }
  for (uint64_t number : {job.rows, job.files, job.bytes}) json += '"' + std::to_string(number) + "\",";
  row::AppendJsonNumber(job.ms, &json);
  json += ']';
  return sink->OnRows(json, 1);
}

engine::ResultSchema JobSchema() {
  engine::ResultSchema schema;
  for (const char* name : {"job_id", "namespace_id", "table_name", "status"}) {
    schema.columns.push_back({.name = name, .data_type_json = "\"Text\""});
  }
  for (const char* name : {"rows", "files", "bytes"}) {
    schema.columns.push_back({.name = name, .data_type_json = "\"BigInt\""});
  }
  schema.columns.push_back({.name = "ms", .data_type_json = "\"Double\""});
  return schema;
}

struct AuditedObject {
  const char* action;
  std::string target;
};
std::string Qualified(const engine::ObjectName& name, const std::string& namespace_name) {
  return (name.namespace_name.empty() ? namespace_name : name.namespace_name) + "." + name.name;
}

// What the audit log says of an engine command; no action: it is not audited.
AuditedObject Audited(const engine::Command& command, const std::string& ns) {
  return std::visit(
      [&](const auto& c) -> AuditedObject {
        using T = std::decay_t<decltype(c)>;
        if constexpr (std::is_same_v<T, engine::CreateNamespace>) return {"CREATE NAMESPACE", c.name};
        if constexpr (std::is_same_v<T, engine::AlterNamespace>) return {"ALTER NAMESPACE", c.name};
        if constexpr (std::is_same_v<T, engine::DropNamespace>) return {"DROP NAMESPACE", c.name};
        if constexpr (std::is_same_v<T, engine::CreateTable>) return {"CREATE TABLE", Qualified(c.name, ns)};
        if constexpr (std::is_same_v<T, engine::AlterTable>) return {"ALTER TABLE", Qualified(c.name, ns)};
        if constexpr (std::is_same_v<T, engine::DropTable>) return {"DROP TABLE", Qualified(c.name, ns)};
        if constexpr (std::is_same_v<T, engine::CreateView>) return {"CREATE VIEW", Qualified(c.name, ns)};
        if constexpr (std::is_same_v<T, engine::DropView>) return {"DROP VIEW", Qualified(c.name, ns)};
        return {nullptr, {}};
      },
      command);
}

}  // namespace

bool IsServiceCommand(const engine::Command& command) {
  return std::holds_alternative<engine::CreateUser>(command) || std::holds_alternative<engine::AlterUser>(command) ||
         std::holds_alternative<engine::DropUser>(command) || std::holds_alternative<engine::ExecuteAs>(command) ||
         std::holds_alternative<engine::UseNamespace>(command) || std::holds_alternative<engine::StorageJob>(command);
}

Result<StatementResult> ServiceCommands::Run(const engine::Command& command, const CommandInput& input) {
  if (const auto* create = std::get_if<engine::CreateUser>(&command)) return Apply(*create, input);
  if (const auto* alter = std::get_if<engine::AlterUser>(&command)) return Apply(*alter, input);
  if (const auto* drop = std::get_if<engine::DropUser>(&command)) return Apply(*drop, input);
  const auto* job = std::get_if<engine::StorageJob>(&command);
  KALAM_CHECK(job != nullptr);
  return Apply(*job, input);
}

AuditRecord ServiceCommands::RecordOf(const CommandInput& input, const char* action, const std::string& target,
                                      std::string details) {
  AuditRecord record;
  record.actor = input.identity->name;
  record.action = action;
  record.target = target;
  if (record.action.ends_with(" USER")) record.subject = target;
  record.details = std::move(details);
  record.address = *input.address;
  return record;
}

Status ServiceCommands::CheckMayManageUsers(const CommandInput& input, const char* action, const std::string& target,
                                            bool system_touched) {
  const auth::Role role = input.identity->role;
  if (role == auth::Role::kSystem || (role == auth::Role::kDba && !system_touched)) return {};
  RETURN_IF_ERROR(Audit(input, action, target, "denied"));
  if (!input.identity->IsAdmin()) {
    return Error{.code = ErrorCode::kPermissionDenied,
                 .message = std::string(action) + " is for the roles dba and system"};
  }
  return Error{.code = ErrorCode::kPermissionDenied,
               .message = std::string(action) + ": a dba may neither make nor change a user of role system"};
}

Result<StatementResult> ServiceCommands::Apply(const engine::CreateUser& command, const CommandInput& input) {
  RETURN_IF_ERROR(CheckMayManageUsers(input, "CREATE USER", command.name, command.role == auth::Role::kSystem));
  if (command.if_not_exists && parts_.users->FindByName(command.name) != nullptr) {
    return Message("User '" + command.name + "' already exists");
  }
  const AuditRecord record =
      RecordOf(input, "CREATE USER", command.name, "role " + std::string(auth::RoleName(command.role)));
  ASSIGN_OR_RETURN(
      auth::UserPtr user,
      parts_.users->Create(
          {.name = command.name, .password = command.password, .email = command.email, .role = command.role},
          {audit_->Encode(record)}));
  return Message("User '" + user->name + "' created successfully");
}

Result<StatementResult> ServiceCommands::Apply(const engine::AlterUser& command, const CommandInput& input) {
  const auth::UserPtr user = parts_.users->FindByName(command.name);
  const bool system_touched =
      (user != nullptr && user->role == auth::Role::kSystem) || command.role == auth::Role::kSystem;
  RETURN_IF_ERROR(CheckMayManageUsers(input, "ALTER USER", command.name, system_touched));
  if (user == nullptr) return NoSuchUser(command.name);
  std::string details;
  const auto add = [&](const std::string& what) { details += (details.empty() ? "" : ", ") + what; };
  if (command.password) add("password");
  if (command.role) add("role " + std::string(auth::RoleName(*command.role)));
  if (command.email) add("email");
  const AuditRecord record = RecordOf(input, "ALTER USER", command.name, std::move(details));
  const auth::UserChange change{.password = command.password, .email = command.email, .role = command.role};
  RETURN_IF_ERROR(parts_.users->Alter(command.name, change, {audit_->Encode(record)}));
  return Message("User '" + command.name + "' altered successfully");
}

Result<StatementResult> ServiceCommands::Apply(const engine::DropUser& command, const CommandInput& input) {
  const auth::UserPtr user = parts_.users->FindByName(command.name);
  RETURN_IF_ERROR(
      CheckMayManageUsers(input, "DROP USER", command.name, user != nullptr && user->role == auth::Role::kSystem));
  if (user == nullptr) {
    if (!command.if_exists) return NoSuchUser(command.name);
    return Message("User '" + command.name + "' does not exist");
  }
  RETURN_IF_ERROR(parts_.users->Drop(command.name, [&](const auth::UserRecord& dropped) -> auth::StoreRecords {
    return {audit_->Encode(RecordOf(input, "DROP USER", command.name, "")),
            storage::ErasureRecord(dropped.id, parts_.clock->NowMicros())};
  }));
  return Message("User '" + command.name + "' dropped successfully");
}

Result<auth::Identity> ServiceCommands::Impersonate(const engine::ExecuteAs& command, const CommandInput& input) {
  const auth::Identity& caller = *input.identity;
  const std::string text(command.statement->text());
  if (caller.role < auth::Role::kService) {
    RETURN_IF_ERROR(Audit(input, "EXECUTE AS USER", command.user, "denied"));
    return Error{.code = ErrorCode::kPermissionDenied,
                 .message = "EXECUTE AS USER is for the roles service, dba and system"};
  }
  const auth::UserPtr target = parts_.users->FindByName(command.user);
  if (target == nullptr) return NoSuchUser(command.user);
  if (target->role > caller.role) {
    RETURN_IF_ERROR(Audit(input, "EXECUTE AS USER", command.user, "denied"));
    return Error{.code = ErrorCode::kPermissionDenied,
                 .message = "EXECUTE AS USER: the role of '" + command.user + "' is higher than the caller's"};
  }
  RETURN_IF_ERROR(Audit(input, "EXECUTE AS USER", command.user, ""));
  auth::Identity identity = caller;
  identity.user = target->id;
  identity.name = target->name;
  identity.role = target->role;
  identity.generation = target->generation;
  return identity;
}

Result<std::string> ServiceCommands::ResolveNamespace(const std::string& name) const {
  const catalog::NamespacePtr found = parts_.database->View()->catalog->FindNamespace(name);
  if (found != nullptr) return found->name;
  const std::string folded = row::FoldName(name);
  if (folded == "system" || folded == "information_schema") return folded;
  return Error{.code = ErrorCode::kNamespaceNotFound, .message = "namespace '" + name + "' does not exist"};
}

engine::CommitRecords ServiceCommands::RecordsOf(const engine::Command& command, const CommandInput& input) {
  const AuditedObject object = Audited(command, input.namespace_name);
  if (object.action == nullptr) return {};
  return {audit_->Encode(RecordOf(input, object.action, object.target, ""))};
}

void ServiceCommands::AuditRefusal(const engine::Command& command, const CommandInput& input) {
  const AuditedObject object = Audited(command, input.namespace_name);
  if (object.action == nullptr) return;
  const Status written = Audit(input, object.action, object.target, "denied");
  if (!written.ok()) parts_.logger->Error("audit_failed", {{"error", written.error().message}});
}

Result<std::vector<catalog::TablePtr>> ServiceCommands::TablesOf(const engine::StorageJob& command,
                                                                 const CommandInput& input) const {
  const storage::ReadViewPtr view = parts_.database->View();
  const std::string& ns = command.name.namespace_name.empty() ? input.namespace_name : command.name.namespace_name;
  std::vector<catalog::TablePtr> tables;
  if (command.all) {
    if (!command.name.namespace_name.empty()) RETURN_IF_ERROR(ResolveNamespace(ns));
    for (catalog::TablePtr& table : view->catalog->Tables(command.name.namespace_name)) {
      if (table->kind == catalog::TableKind::kStream) continue;
      const bool may = input.identity->role >= auth::Role::kService && engine::CanRead(*input.identity, *table);
      if (may || table->owner == input.identity->user) tables.push_back(std::move(table));
    }
    return tables;
  }
  catalog::TablePtr table = view->catalog->FindTable(ns, command.name.name);
  // Who made it may, though its rows are not for them.
  const bool owned = table != nullptr && table->owner == input.identity->user;
  if (table == nullptr || (!owned && !engine::CanRead(*input.identity, *table))) {
    return Error{.code = ErrorCode::kTableNotFound,
                 .message = "table " + ns + "." + command.name.name + " does not exist",
                 .position = command.name.position};
  }
  if (table->kind == catalog::TableKind::kStream) {
    return Error{.code = ErrorCode::kUnsupported,
                 .message = table->QualifiedName() + " is a STREAM table: its events are never cold"};
  }
  if (input.identity->role < auth::Role::kService && !owned) {
    return Error{.code = ErrorCode::kPermissionDenied,
                 .message = "only the owner of " + table->QualifiedName() + " and services may do this"};
  }
  tables.push_back(std::move(table));
  return tables;
}

Result<StatementResult> ServiceCommands::Apply(const engine::StorageJob& command, const CommandInput& input) {
  const bool flush = command.kind == engine::StorageJob::Kind::kFlush;
  if (input.identity->role < auth::Role::kService && !allow_user_ddl_) {
    return Error{.code = ErrorCode::kPermissionDenied,
                 .message = std::string(flush ? "STORAGE FLUSH" : "STORAGE COMPACT") + " is not for the role user"};
  }
  ASSIGN_OR_RETURN(const std::vector<catalog::TablePtr> tables, TablesOf(command, input));
  RETURN_IF_ERROR(input.sink->OnSchema(JobSchema()));
  StatementResult result;
  result.has_rows = true;
  for (const catalog::TablePtr& table : tables) {
    ASSIGN_OR_RETURN(const storage::JobResult job, flush ? parts_.database->FlushTable(table->id, command.wait)
                                                         : parts_.database->CompactTable(table->id, command.wait));
    RETURN_IF_ERROR(EmitJob(*table, job, input.sink));
    ++result.row_count;
  }
  if (tables.size() == 1) {
    result.namespace_name = tables[0]->namespace_name;
    result.table_name = tables[0]->name;
  }
  result.message = flush ? "Storage flush " : "Storage compaction ";
  result.message += (command.wait ? "completed for " : "started for ") + std::to_string(tables.size()) + " table(s)";
  return result;
}

}  // namespace kalamdb::service
