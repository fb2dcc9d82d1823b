// What people and programs see of a reply.
#include "cli/result_print.h"

#include <gtest/gtest.h>

namespace kalamdb::cli {
namespace {

constexpr std::string_view kReply =
    R"~({"status":"error","results":[{"schema":[{"name":"id","data_type":"BigInt"},{"name":"v","data_type":"Text"}],)~"
    R"~("rows":[["1","héllo, \"x\""],["20",null],["3","a\nb"]],"row_count":3},{"row_count":1,)~"
    R"~("message":"Inserted 1 row(s)"}],"took":1,"error":{"code":"TABLE_NOT_FOUND","message":"no table",)~"
    R"~("hint":"look","position":7,"statement":3}})~";

std::string Print(OutputForm form) {
  Result<row::JsonDocument> document = row::JsonDocument::Parse(kReply);
  EXPECT_TRUE(document.ok());
  return PrintResults(document->root(), kReply, form);
}

TEST(ResultPrint, Table) {
  EXPECT_EQ(Print(OutputForm::kTable),
            "id  v\n"
            "--  ----------\n"
            " 1  héllo, \"x\"\n"
            "20  NULL\n"
            " 3  a\\nb\n"
            "(3 rows)\n"
            "Inserted 1 row(s)\n");
}

TEST(ResultPrint, CsvAndJson) {
  EXPECT_EQ(Print(OutputForm::kCsv), "id,v\r\n1,\"héllo, \"\"x\"\"\"\r\n20,\r\n3,\"a\nb\"\r\n");
  EXPECT_EQ(Print(OutputForm::kJson), std::string(kReply) + "\n");
}

TEST(ResultPrint, PointsInTimeAreReadable) {
  constexpr std::string_view kTimes =
      R"~({"results":[{"schema":[{"name":"d","data_type":"Date"},{"name":"t","data_type":"Time"},)~"
      R"~({"name":"s","data_type":"Timestamp"},{"name":"z","data_type":"DateTime"},{"name":"n","data_type":"BigInt"}],)~"
      R"~("rows":[[19723,36000000000,1704067200500000,1704067200000000,"7"],[null,null,null,null,null]]}]})~";
  Result<row::JsonDocument> document = row::JsonDocument::Parse(kTimes);
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(PrintResults(document->root(), kTimes, OutputForm::kCsv),
            "d,t,s,z,n\r\n2024-01-01,10:00:00,2024-01-01 00:00:00.5,2024-01-01 00:00:00+00,7\r\n,,,,\r\n");
}

TEST(ResultPrint, Errors) {
  Result<row::JsonDocument> document = row::JsonDocument::Parse(kReply);
  EXPECT_EQ(PrintError(document->root()), "ERROR TABLE_NOT_FOUND: no table (statement 3, position 7)\nHINT: look\n");
}

}  // namespace
}  // namespace kalamdb::cli
