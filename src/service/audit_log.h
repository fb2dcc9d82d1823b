// The audit log: who changed users, schema or access, who acted as whom, and who was refused.
//
// Records of the `system` family: 'A' | time in µs (8, big-endian) | counter (8, big-endian) → format 0x01, then length
// (4, little-endian) and bytes of actor, subject, action, target, details, address. Written once, never changed.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "storage/database.h"

namespace kalamdb::service {

struct AuditRecord {
  std::string id;  // of the key, in hex; filled in by Read
  Micros at = 0;   // likewise
  std::string actor, subject, action, target, details, address;
};

class AuditLog {
 public:
  AuditLog(storage::Database* database, const Clock* clock) : database_(database), clock_(clock) {}

  // The record as it goes into the commit of the change it tells of: both are there after a crash, or neither is.
  std::pair<std::string, std::optional<std::string>> Encode(const AuditRecord& record);
  // In a commit of its own, for what changes nothing: refusals, EXECUTE AS USER. Durable when it returns. Workers only.
  Status Write(const AuditRecord& record);
  // In order of time.
  Status Read(const std::function<void(const AuditRecord&)>& visit) const;

 private:
  storage::Database* const database_;
  const Clock* const clock_;
  std::atomic<uint64_t> counter_{0};
};

std::string EncodeAuditKey(Micros at, uint64_t counter);
std::string EncodeAuditValue(const AuditRecord& record);
Result<AuditRecord> DecodeAudit(std::string_view key, std::string_view value);

}  // namespace kalamdb::service
