// The statements that are the service's own: users, EXECUTE AS, USE, STORAGE FLUSH and COMPACT.
//
// Thread-safe. Run blocks (hashing, commits, jobs): workers only.
#pragma once

#include <functional>
#include <string>

#include "engine/command.h"
#include "engine/engine.h"
#include "service/audit_log.h"
#include "service/sql_service.h"

namespace kalamdb::service {

// USER, EXECUTE AS, USE and STORAGE commands; nothing else may be given to Run.
bool IsServiceCommand(const engine::Command& command);

struct CommandInput {
  const auth::Identity* identity = nullptr;
  const std::string* address = nullptr;
  std::string namespace_name;  // for unqualified names
  engine::RowSink* sink = nullptr;
};

class ServiceCommands {
 public:
  ServiceCommands(SqlService::Parts parts, bool allow_user_ddl, AuditLog* audit)
      : parts_(parts), allow_user_ddl_(allow_user_ddl), audit_(audit) {}

  // Users and jobs. REQUIRES: IsServiceCommand, neither USE nor EXECUTE AS.
  Result<engine::StatementResult> Run(const engine::Command& command, const CommandInput& input);

  // EXECUTE AS USER: the identity the inner statement runs with; writes the audit record, also of a refusal.
  Result<auth::Identity> Impersonate(const engine::ExecuteAs& command, const CommandInput& input);

  // USE, namespace_id: its spelling in the catalog. Errors: kNamespaceNotFound.
  Result<std::string> ResolveNamespace(const std::string& name) const;

  // What goes into the commit of a statement of the engine that changes schema or access: its audit record.
  engine::CommitRecords RecordsOf(const engine::Command& command, const CommandInput& input);
  // The refusal of such a statement, in a commit of its own.
  void AuditRefusal(const engine::Command& command, const CommandInput& input);

 private:
  Result<engine::StatementResult> Apply(const engine::CreateUser& command, const CommandInput& input);
  Result<engine::StatementResult> Apply(const engine::AlterUser& command, const CommandInput& input);
  Result<engine::StatementResult> Apply(const engine::DropUser& command, const CommandInput& input);
  Result<engine::StatementResult> Apply(const engine::StorageJob& command, const CommandInput& input);
  // Errors: kPermissionDenied (audited): the caller is no admin, or a dba and `system_touched`.
  Status CheckMayManageUsers(const CommandInput& input, const char* action, const std::string& target,
                             bool system_touched);
  static AuditRecord RecordOf(const CommandInput& input, const char* action, const std::string& target,
                              std::string details);
  Status Audit(const CommandInput& input, const char* action, const std::string& target, std::string details) {
    return audit_->Write(RecordOf(input, action, target, std::move(details)));
  }
  Result<std::vector<catalog::TablePtr>> TablesOf(const engine::StorageJob& command, const CommandInput& input) const;

  const SqlService::Parts parts_;
  const bool allow_user_ddl_;
  AuditLog* const audit_;
};

}  // namespace kalamdb::service
