// Requests through the service: envelope, routing between threads, limits, users, impersonation, audit, drain.
#include <gtest/gtest.h>

#include <regex>

#include "base/files.h"
#include "service/audit_log.h"
#include "service/scripted_engine_testing.h"
#include "service/system_tables.h"
#include "service/user_store.h"
#include "storage/plain_cold_format.h"

namespace kalamdb::service {
namespace {

class SqlServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = storage::Database::Open({.data_dir = dir_.path()}, &clock_, &metrics_, &logger_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    db_ = *std::move(opened);
    format_ = std::make_unique<storage::PlainColdFormat>(dir_.File("cold"));
    db_->Connect(format_.get(), nullptr);
    ASSERT_TRUE(db_->Start().ok());
    store_ = std::make_unique<CommittedUserStore>(db_.get());
    users_ = std::make_unique<auth::UserDirectory>(store_.get(), &clock_);
    ASSERT_TRUE(users_->Create({.name = "root", .password = "long enough 1", .role = auth::Role::kSystem}).ok());
    options_.spool_directory = dir_.File("tmp");
    options_.durability = storage::Durability::kWal;
  }
  void TearDown() override {
    engine_.Release();
    service_.reset();
    db_->Stop();
  }
  void Start() {
    service_ = SqlService::Create(options_, {.engine = &engine_,
                                             .database = db_.get(),
                                             .hub = nullptr,
                                             .users = users_.get(),
                                             .hashing = nullptr,
                                             .clock = &clock_,
                                             .metrics = &metrics_,
                                             .logger = &logger_});
    service_->Start();
  }
  auth::Identity Who(const std::string& name = "root") {
    const auth::UserPtr user = users_->FindByName(name);
    KALAM_CHECK(user != nullptr);
    return {.user = user->id, .name = user->name, .role = user->role, .generation = user->generation};
  }
  std::shared_ptr<KeptReply> Send(const std::string& sql, const std::string& who = "root") {
    if (service_ == nullptr) Start();
    SqlRequest request;
    request.identity = Who(who);
    request.sql = sql;
    request.params = params_;
    request.namespace_id = namespace_;
    request.form = form_;
    request.request_id = "rq1";
    request.address = "10.0.0.1";
    auto reply = std::make_shared<KeptReply>();
    reply->full.store(full_);
    service_->Execute(std::move(request), reply);
    return reply;
  }
  static std::string WithoutTook(const std::string& body) {
    return std::regex_replace(body, std::regex(R"J("took":[0-9.]+)J"), R"J("took":0)J");
  }
  std::string Ask(const std::string& sql, const std::string& who = "root") {
    return WithoutTook(Send(sql, who)->Body());
  }
  std::vector<AuditRecord> Audit() {
    std::vector<AuditRecord> records;
    AuditLog log(db_.get(), &clock_);
    EXPECT_TRUE(log.Read([&](const AuditRecord& record) { records.push_back(record); }).ok());
    return records;
  }

  TempDirectory dir_{"service"};
  SystemClock clock_;
  Metrics metrics_;
  Logger logger_;
  SqlServiceOptions options_;
  std::vector<row::JsonParam> params_;
  std::string namespace_;
  ReplyForm form_ = ReplyForm::kJson;
  bool full_ = false;
  std::unique_ptr<storage::Database> db_;
  std::unique_ptr<storage::PlainColdFormat> format_;
  std::unique_ptr<CommittedUserStore> store_;
  std::unique_ptr<auth::UserDirectory> users_;
  ScriptedEngine engine_;
  std::unique_ptr<SqlService> service_;
};

TEST_F(SqlServiceTest, OneElementAStatementInOrder) {
  EXPECT_EQ(
      Ask("fast 2;write;slow 1;fast 0"),
      R"J({"status":"success","results":[)J"
      R"J({"schema":[{"name":"id","data_type":"BigInt","index":0,"flags":["pk","nn"]},{"name":"v","data_type":"Text","index":1}],)J"
      R"J("rows":[["0","v0"],["1","v1"]],"row_count":2,"as_user":"root"},)J"
      R"J({"row_count":1,"message":"Inserted 1 row(s)","as_user":"root"},)J"
      R"J({"schema":[{"name":"id","data_type":"BigInt","index":0,"flags":["pk","nn"]},{"name":"v","data_type":"Text","index":1}],)J"
      R"J("rows":[["0","v0"]],"row_count":1,"as_user":"root"},)J"
      R"J({"schema":[{"name":"id","data_type":"BigInt","index":0,"flags":["pk","nn"]},{"name":"v","data_type":"Text","index":1}],)J"
      R"J("rows":[],"row_count":0,"as_user":"root"}],"took":0})J");
}

TEST_F(SqlServiceTest, AFailingStatementStopsTheBatchAndSaysWhichAndWhere) {
  EXPECT_EQ(
      Ask("write;fail x;write"),
      R"J({"status":"error","results":[{"row_count":1,"message":"Inserted 1 row(s)","as_user":"root"}],"took":0,)J"
      R"J("error":{"code":"TYPE_MISMATCH","message":"failed","position":12,"statement":2,"sqlstate":"22P02"}})J");
  EXPECT_EQ(engine_.ran.size(), 2u);
}

TEST_F(SqlServiceTest, ASyntaxErrorAnywhereRunsNothing) {
  EXPECT_EQ(
      Ask("write;syntax"),
      R"J({"status":"error","results":[],"took":0,"error":{"code":"INVALID_SQL","message":"syntax","position":7,"sqlstate":"42601"}})J");
  EXPECT_TRUE(engine_.ran.empty());
  EXPECT_EQ(Send(";;")->error(), ErrorCode::kEmptySql);
}

TEST_F(SqlServiceTest, FastStatementsStayOnTheCallingThread) {
  EXPECT_EQ(Send("fast 1;write;fast 2")->thread(), std::this_thread::get_id());
  EXPECT_NE(Send("fast 1;slow 1")->thread(), std::this_thread::get_id());
}

TEST_F(SqlServiceTest, APendingCommitBlocksNobodyAndGoesOnWhenDone) {
  auto reply = Send("pending 1;write");
  EXPECT_FALSE(reply->done());
  std::thread commit_thread([&] { engine_.Finish(); });
  const std::string body = reply->Body();
  commit_thread.join();
  EXPECT_NE(body.find(R"J("message":"Inserted 1 row(s)")J"), std::string::npos) << body;
  auto last = Send("write;pending 1");
  engine_.Finish();
  EXPECT_EQ(last->thread(), std::this_thread::get_id());  // no hop for the last statement
}

TEST_F(SqlServiceTest, ParametersMustBeThereAndBeUsed) {
  params_ = {{.kind = row::JsonParam::Kind::kInteger, .text = "1"},
             {.kind = row::JsonParam::Kind::kInteger, .text = "2"}};
  EXPECT_EQ(Send("fast $1;write $2")->error(), std::nullopt);
  EXPECT_NE(Ask("fast $1").find("no statement names parameter $2"), std::string::npos);
  EXPECT_NE(Ask("fast $1;fast $2;fast $3").find("parameter $3 is missing"), std::string::npos);
  EXPECT_EQ(Send("as root fast $1;fast $2")->error(), std::nullopt);
}

TEST_F(SqlServiceTest, NamespaceOfTheRequestAndUse) {
  namespace_ = "nowhere";
  EXPECT_EQ(Send("write")->error(), ErrorCode::kNamespaceNotFound);
  namespace_ = "DEFAULT";
  EXPECT_NE(Ask("use system;write").find("Using namespace 'system'"), std::string::npos);
  EXPECT_EQ(engine_.ran.back(), "root system system: write");
  EXPECT_EQ(Send("use nowhere;write")->error(), ErrorCode::kNamespaceNotFound);
  namespace_ = "";
  Ask("write");
  EXPECT_EQ(engine_.ran.back(), "root system default: write");
}

TEST_F(SqlServiceTest, AReplyThatIsTooLargeForTheNetworkThreadMovesToAWorker) {
  auto reply = Send("big");
  EXPECT_NE(reply->thread(), std::this_thread::get_id());
  EXPECT_GT(reply->Body().size(), 2'000'000u);
  EXPECT_EQ(reply->Body().find("\"schema\"", 100), std::string::npos);  // what the first attempt wrote is gone
  EXPECT_EQ(reply->Body().find("[\"0\","), reply->Body().rfind("[\"0\","));
  EXPECT_EQ(engine_.ran.size(), 2u);
}

TEST_F(SqlServiceTest, LargeRepliesAreSpooledToDiskAndTooLargeOnesFail) {
  options_.spool_memory_bytes = 10'000;
  auto reply = Send("write;big");
  const std::string body = reply->Body();
  EXPECT_GT(reply->writes, 10);
  EXPECT_EQ(body.find(R"J({"status":"success","results":[{"row_count":1,"message")J"), 0u);
  EXPECT_TRUE(body.ends_with("}"));
  service_.reset();
  options_.result_bytes = 100'000;
  auto refused = Send("write;big");
  EXPECT_EQ(refused->error(), ErrorCode::kTooLarge);
  EXPECT_NE(refused->Body().find("limits.result_bytes"), std::string::npos);
  EXPECT_NE(refused->Body().find(R"J("results":[{"row_count":1,"message":"Inserted 1 row(s)","as_user":"root"}])J"),
            std::string::npos);
}

TEST_F(SqlServiceTest, NdjsonTakesOneStatementThatReturnsRows) {
  form_ = ReplyForm::kNdjson;
  EXPECT_EQ(Ask("fast 2"),
            "{\"schema\":[{\"name\":\"id\",\"data_type\":\"BigInt\",\"index\":0,\"flags\":[\"pk\",\"nn\"]},"
            "{\"name\":\"v\",\"data_type\":\"Text\",\"index\":1}]}\n[\"0\",\"v0\"]\n[\"1\",\"v1\"]\n"
            "{\"row_count\":2,\"took\":0}\n");
  EXPECT_EQ(Send("fast 1;fast 1")->error(), ErrorCode::kInvalidParameter);
  EXPECT_EQ(Send("write")->error(), ErrorCode::kInvalidParameter);
  auto streamed = Send("slow 20000");
  EXPECT_TRUE(WithoutTook(streamed->Body()).ends_with("\n{\"row_count\":20000,\"took\":0}\n"));
  EXPECT_GT(streamed->writes, 1);
  EXPECT_EQ(streamed->content_type(), "application/x-ndjson");
}

TEST_F(SqlServiceTest, AStreamWhoseClientTakesNothingGivesItsViewUp) {
  form_ = ReplyForm::kNdjson;
  full_ = true;
  EXPECT_NE(Send("slow 20000")->Body().find(R"("code":"SNAPSHOT_TOO_OLD")"), std::string::npos);
}

TEST_F(SqlServiceTest, WorkersAreFairByUserAndTheQueueIsBounded) {
  ASSERT_TRUE(users_->Create({.name = "alice", .password = "long enough 1"}).ok());
  options_.workers = 2;
  options_.heavy_statements_per_user = 1;
  options_.worker_queue = 3;
  auto running = Send("wait 1");
  engine_.AwaitWaiting(1);
  std::vector<std::shared_ptr<KeptReply>> queued;
  for (int i = 0; i < 3; ++i) queued.push_back(Send("slow 1"));
  auto refused = Send("slow 1");
  EXPECT_EQ(refused->error(), ErrorCode::kRateLimited);
  EXPECT_EQ(refused->retry_after_s(), 1);
  EXPECT_FALSE(queued[0]->done());  // one of root's runs, the second worker is for others
  engine_.Release();
  for (auto& reply : queued) EXPECT_EQ(reply->error(), std::nullopt);
  EXPECT_EQ(Send("slow 1", "alice")->error(), std::nullopt);
}

TEST_F(SqlServiceTest, AClientThatGoesAwayCancelsItsStatement) {
  auto reply = Send("wait 1");
  engine_.AwaitWaiting(1);
  reply->GoAway();
  EXPECT_EQ(reply->error(), ErrorCode::kCancelled);
}

TEST_F(SqlServiceTest, DrainRefusesNewWorkAndCancelsWhatDoesNotEnd) {
  auto reply = Send("wait 1");
  engine_.AwaitWaiting(1);
  service_->Drain(50);
  EXPECT_EQ(reply->error(), ErrorCode::kCancelled);
  EXPECT_EQ(Send("write")->error(), ErrorCode::kDraining);
}

TEST_F(SqlServiceTest, RateLimitSaysWhenToComeBack) {
  options_.queries_per_second = 2;
  int refused = 0;
  for (int i = 0; i < 10; ++i) {
    auto reply = Send("fast 1");
    if (reply->error() != ErrorCode::kRateLimited) continue;
    ++refused;
    EXPECT_EQ(reply->retry_after_s(), 1);
  }
  EXPECT_GE(refused, 7);
}

TEST_F(SqlServiceTest, UsersAreManagedByAdminsAndSystemOnlyBySystem) {
  EXPECT_NE(Ask("create alice;create bob").find("User 'alice' created successfully"), std::string::npos);
  EXPECT_NE(Ask("role bob dba").find("\"status\":\"success\""), std::string::npos);
  EXPECT_EQ(Send("create carl", "alice")->error(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Send("role root user", "bob")->error(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Send("role alice system", "bob")->error(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Send("drop root", "bob")->error(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Send("drop nobody", "bob")->error(), ErrorCode::kNotFound);
  EXPECT_EQ(Send("drop alice", "bob")->error(), std::nullopt);
  EXPECT_EQ(users_->FindByName("alice"), nullptr);
  std::vector<std::string> actions;
  for (const AuditRecord& record : Audit())
    actions.push_back(record.actor + " " + record.action + " " + record.details);
  EXPECT_EQ(actions,
            (std::vector<std::string>{"root CREATE USER role user", "root CREATE USER role user",
                                      "root ALTER USER role dba", "alice CREATE USER denied", "bob ALTER USER denied",
                                      "bob ALTER USER denied", "bob DROP USER denied", "bob DROP USER "}));
}

TEST_F(SqlServiceTest, ExecuteAsRunsWithTheTargetsIdentityAndIsAudited) {
  Ask("create alice;create bob;role bob service");
  const std::string body = Ask("as alice write;write", "bob");
  EXPECT_NE(body.find(R"J("as_user":"alice"},{)J"), std::string::npos) << body;
  EXPECT_EQ(engine_.ran[0], "alice user default: write");
  EXPECT_EQ(engine_.ran[1], "bob service default: write");
  EXPECT_EQ(Send("as root write", "bob")->error(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Send("as bob write", "alice")->error(), ErrorCode::kPermissionDenied);
  EXPECT_EQ(Send("as nobody write", "bob")->error(), ErrorCode::kNotFound);
  EXPECT_EQ(Send("as alice as bob write")->error(), ErrorCode::kInvalidSql);
  EXPECT_NE(Ask("write;as alice fail x", "bob").find(R"J("position":21,"statement":2)J"), std::string::npos);
  size_t executed = 0, denied = 0;
  for (const AuditRecord& record : Audit()) {
    if (record.action != "EXECUTE AS USER") continue;
    ++(record.details == "denied" ? denied : executed);
    EXPECT_EQ(record.address, "10.0.0.1");
  }
  EXPECT_EQ(executed, 2u);
  EXPECT_EQ(denied, 2u);
}

TEST_F(SqlServiceTest, EachStatementIsObservedOnce) {
  Ask("fast 1;write;fail x");
  Ask("syntax");
  const std::string text = metrics_.Serialize();
  const auto count = [&](const std::string& type, const std::string& outcome) {
    const std::string name = "kalamdb_query_latency_seconds_count{namespace=\"\",outcome=\"" + outcome +
                             "\",query_type=\"" + type + "\",table_name=\"\"} ";
    const size_t at = text.find(name);
    return at == std::string::npos ? "none" : text.substr(at + name.size(), text.find('\n', at) - at - name.size());
  };
  EXPECT_EQ(count("select", "ok"), "1") << text;
  EXPECT_EQ(count("insert", "ok"), "1");
  EXPECT_EQ(count("insert", "error"), "1");
  EXPECT_EQ(count("other", "error"), "1");
}

TEST_F(SqlServiceTest, TransactionsAndParquetAreRefusedSayingSo) {
  EXPECT_EQ(Send("commit")->error(), ErrorCode::kUnsupported);
  form_ = ReplyForm::kParquet;
  EXPECT_EQ(Send("fast 1")->error(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace kalamdb::service
