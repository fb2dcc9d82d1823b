// Bytes of audit records, and their way through the commit pipeline.
#include "service/audit_log.h"

#include <array>
#include <utility>

#include "row/byte_order.h"
#include "row/text_form.h"

namespace kalamdb::service {
namespace {

constexpr char kPrefix = 'A';
constexpr char kFormat = 0x01;
constexpr size_t kKeyBytes = 17;

Error Damaged(std::string_view key) {
  std::string id;
  row::AppendHex(key, &id);
  return Error{.code = ErrorCode::kStorageUnavailable, .message = "audit record " + id + " is damaged"};
}

}  // namespace

std::string EncodeAuditKey(Micros at, uint64_t counter) {
  std::string key(kKeyBytes, kPrefix);
  row::StoreBig(key.data() + 1, static_cast<uint64_t>(at));
  row::StoreBig(key.data() + 9, counter);
  return key;
}

std::string EncodeAuditValue(const AuditRecord& record) {
  std::string value(1, kFormat);
  for (const std::string* field :
       {&record.actor, &record.subject, &record.action, &record.target, &record.details, &record.address}) {
    char length[4];
    row::StoreLittle(length, static_cast<uint32_t>(field->size()));
    value.append(length, sizeof(length));
    value += *field;
  }
  return value;
}

Result<AuditRecord> DecodeAudit(std::string_view key, std::string_view value) {
  if (key.size() != kKeyBytes || key[0] != kPrefix || value.empty() || value[0] != kFormat) return Damaged(key);
  AuditRecord record;
  row::AppendHex(key.substr(1), &record.id);
  record.at = static_cast<Micros>(row::LoadBig<uint64_t>(key.data() + 1));
  value.remove_prefix(1);
  for (std::string* field :
       {&record.actor, &record.subject, &record.action, &record.target, &record.details, &record.address}) {
    if (value.size() < 4) return Damaged(key);
    const uint32_t length = row::LoadLittle<uint32_t>(value.data());
    if (value.size() - 4 < length) return Damaged(key);
    *field = value.substr(4, length);
    value.remove_prefix(4 + length);
  }
  if (!value.empty()) return Damaged(key);
  return record;
}

std::pair<std::string, std::optional<std::string>> AuditLog::Encode(const AuditRecord& record) {
  return {EncodeAuditKey(clock_->NowMicros(), counter_.fetch_add(1)), EncodeAuditValue(record)};
}

Status AuditLog::Write(const AuditRecord& record) {
  storage::CommitRequest request;
  request.system_records.push_back(Encode(record));
  storage::CommitOutcome outcome = database_->commits().Run(std::move(request));
  if (outcome.kind == storage::CommitOutcome::Kind::kCommitted) return {};
  return std::move(outcome.error);
}

Status AuditLog::Read(const std::function<void(const AuditRecord&)>& visit) const {
  return database_->ReadSystem(kPrefix, [&](std::string_view key, std::string_view value) -> Status {
    ASSIGN_OR_RETURN(AuditRecord record, DecodeAudit(key, value));
    visit(record);
    return {};
  });
}

}  // namespace kalamdb::service
