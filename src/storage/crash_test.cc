// A process that dies at a named place while it writes, flushes and compacts, and the next one, which compares every
// row with the ledger of what was acknowledged. Each life is a process of its own: this test program, started again as
// a worker.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "storage/database_core.h"
#include "storage/storage_fixture.h"

namespace kalamdb::storage {
namespace {

constexpr int kCrashStatus = 137;
constexpr const char* kDirVariable = "KALAMDB_CRASH_TEST_DIR";
constexpr const char* kSeedVariable = "KALAMDB_CRASH_TEST_SEED";

// Lines "id value" or "id -", written before the statement; "ok" after it was acknowledged.
class Ledger {
 public:
  explicit Ledger(std::string path) : path_(std::move(path)) {
    std::ifstream in(path_);
    std::string line;
    while (std::getline(in, line)) {
      if (line == "ok") {
        Apply(pending_, &rows_);
        pending_.clear();
      } else {
        pending_ = line;
      }
    }
    out_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
  ~Ledger() { ::close(out_); }
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  static void Apply(const std::string& line, RowMap* rows) {
    std::istringstream in(line);
    int64_t id = 0;
    std::string value;
    if (!(in >> id >> value)) return;
    if (value == "-") {
      rows->erase(id);
    } else {
      (*rows)[id] = value;
    }
  }
  void Write(const std::string& line) {
    std::string bytes = line + "\n";
    ASSERT_EQ(::write(out_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  }
  const RowMap& rows() const { return rows_; }
  const std::string& pending() const { return pending_; }
  void Settle(const RowMap& rows) {
    if (pending_.empty()) return;
    RowMap with = rows_;
    Apply(pending_, &with);
    if (rows == with) Write("ok");
    rows_ = rows;
    pending_.clear();
  }

 private:
  const std::string path_;
  RowMap rows_;
  std::string pending_;
  int out_ = -1;
};

// One life. Runs only as a worker of the test below.
class CrashWorker : public StorageFixture {
 protected:
  void SetUp() override {
    if (std::getenv(kDirVariable) == nullptr) GTEST_SKIP() << "started by CrashTest";
  }
};

TEST_F(CrashWorker, Life) {
  std::string dir = std::getenv(kDirVariable);
  std::mt19937_64 random(std::strtoull(std::getenv(kSeedVariable), nullptr, 10));
  directory_ = JoinPath(dir, "data");
  Open();
  table_ = db_->View()->catalog->FindTable("default", "t");
  if (table_ == nullptr) table_ = MakeTable("t", catalog::TableKind::kShared);
  Ledger ledger(JoinPath(dir, "ledger"));
  RowMap rows = Rows();
  RowMap with = ledger.rows();
  Ledger::Apply(ledger.pending(), &with);
  ASSERT_TRUE(rows == ledger.rows() || rows == with) << "pending: " << ledger.pending();
  ledger.Settle(rows);
  ASSERT_TRUE(ArmFailpointsFromEnvironment().ok());
  auto* core = static_cast<DatabaseCore*>(db_.get());
  for (int i = 0; i < 400; ++i) {
    auto id = static_cast<int64_t>(random() % 50);
    keep_deleted_ = random() % 2 == 0;
    durability_ = random() % 4 == 0 ? Durability::kSync : Durability::kWal;
    bool remove = random() % 3 == 0;
    std::string value = "v" + std::to_string(random() % 100'000);
    ledger.Write(std::to_string(id) + " " + (remove ? "-" : value));
    if (remove) {
      (void)Delete(id);
    } else {
      ASSERT_TRUE(Write(id, value));
    }
    ledger.Write("ok");
    if (i % 23 == 0) (void)db_->FlushTable(table_->id, random() % 2 == 0);
    if (i % 61 == 0) (void)db_->CompactTable(table_->id, random() % 2 == 0);
    if (i % 41 == 0) core->maintenance().Tick();
  }
  Close();
}

class CrashTest : public testing::Test {
 protected:
  // Runs a worker with these failpoints; its exit status.
  int Live(const std::string& dir, const std::string& failpoints, uint64_t seed) {
    std::vector<std::string> environment = {std::string(kDirVariable) + "=" + dir,
                                            std::string(kSeedVariable) + "=" + std::to_string(seed),
                                            "KALAMDB_FAILPOINTS=" + failpoints};
    for (const char* name : {"PATH", "TSAN_OPTIONS", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TMPDIR"}) {
      if (const char* value = std::getenv(name)) environment.push_back(std::string(name) + "=" + value);
    }
    std::vector<char*> envp;
    for (std::string& entry : environment) envp.push_back(entry.data());
    envp.push_back(nullptr);
    std::string program = "/proc/self/exe", filter = "--gtest_filter=CrashWorker.Life", quiet = "--gtest_brief=1";
    char* argv[] = {program.data(), filter.data(), quiet.data(), nullptr};
    pid_t child = 0;
    EXPECT_EQ(posix_spawn(&child, program.c_str(), nullptr, nullptr, argv, envp.data()), 0);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
};

TEST_F(CrashTest, EveryAcknowledgedRowIsThereAfterEachDeath) {
  const char* given = std::getenv("KALAMDB_TEST_SEED");
  uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  SCOPED_TRACE("KALAMDB_TEST_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  TempDirectory dir("crash");
  const std::vector<std::pair<std::string, uint64_t>> places = {
      {"storage.after_write", 150},  {"storage.before_publish", 150}, {"storage.before_reply", 150},
      {"storage.fsync", 60},         {"storage.segment_create", 10},  {"storage.segment_finish", 10},
      {"flush.before_publish", 10},  {"flush.publish", 10},           {"flush.after_publish", 10},
      {"compact.before_publish", 3}, {"compact.publish", 3},          {"trim.before_slice", 3},
  };
  int deaths = 0;
  for (const auto& [place, most] : places) {
    std::string spec = place + "=" + std::to_string(1 + random() % most) + "@crash";
    int status = Live(dir.path(), spec, random());
    ASSERT_TRUE(status == kCrashStatus || status == 0) << spec << ": status " << status;
    if (status == kCrashStatus) ++deaths;
  }
  EXPECT_GE(deaths, static_cast<int>(places.size()) / 2);
  EXPECT_EQ(Live(dir.path(), "", random()), 0);  // the last one compares, works, and stops cleanly
}

}  // namespace
}  // namespace kalamdb::storage
