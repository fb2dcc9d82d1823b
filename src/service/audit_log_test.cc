// The bytes of audit records are frozen; damaged ones are named, never skipped.
#include "service/audit_log.h"

#include <gtest/gtest.h>

#include "row/text_form.h"

namespace kalamdb::service {
namespace {

std::string Hex(std::string_view bytes) {
  std::string hex;
  row::AppendHex(bytes, &hex);
  return hex;
}

AuditRecord Sample() {
  AuditRecord record;
  record.actor = "root";
  record.subject = "al";
  record.action = "DROP USER";
  record.target = "al";
  record.address = "::1";
  return record;
}

TEST(AuditLog, BytesAreFrozen) {
  EXPECT_EQ(Hex(EncodeAuditKey(1'767'225'600'000'000, 5)), "4100064748462040000000000000000005");
  EXPECT_EQ(Hex(EncodeAuditValue(Sample())),
            "0104000000726f6f7402000000616c0900000044524f50205553455202000000616c00000000030000003a3a31");
}

TEST(AuditLog, ReadsWhatItWrote) {
  const Result<AuditRecord> read = DecodeAudit(EncodeAuditKey(1'767'225'600'000'000, 5), EncodeAuditValue(Sample()));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->at, 1'767'225'600'000'000);
  EXPECT_EQ(read->actor, "root");
  EXPECT_EQ(read->action, "DROP USER");
  EXPECT_EQ(read->details, "");
  EXPECT_EQ(read->address, "::1");
  EXPECT_EQ(read->id, "00064748462040000000000000000005");
}

TEST(AuditLog, NamesDamagedRecords) {
  const std::string key = EncodeAuditKey(1, 1), value = EncodeAuditValue(Sample());
  for (size_t length = 0; length < value.size(); ++length) {
    EXPECT_FALSE(DecodeAudit(key, std::string_view(value).substr(0, length)).ok()) << length;
  }
  EXPECT_FALSE(DecodeAudit(key.substr(1), value).ok());
  EXPECT_FALSE(DecodeAudit(key, value + "x").ok());
  EXPECT_FALSE(DecodeAudit(key, "\x02" + value.substr(1)).ok());
}

}  // namespace
}  // namespace kalamdb::service
