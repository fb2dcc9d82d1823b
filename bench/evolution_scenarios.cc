// ALTER, DESCRIBE and scans over many schema versions.
#include "evolution_scenarios.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "admin.h"
#include "sample_rows.h"

namespace kalamdb::bench {

std::string NextAlter(const std::string& table, uint64_t number) {
  static constexpr std::array<std::string_view, 4> kActions = {"ADD COLUMN extra INT DEFAULT 7",
                                                               "RENAME COLUMN extra TO other",
                                                               "ALTER COLUMN other TYPE BIGINT", "DROP COLUMN other"};
  return "ALTER TABLE bench." + table + " " + std::string(kActions[number % kActions.size()]);
}

namespace {

uint64_t VersionOf(const std::string& table, Admin* admin) {
  return admin->Count("SELECT max(version) FROM system.schemas WHERE namespace_id = 'bench' AND table_name = '" +
                      table + "'");
}

void MakeFiles(const std::string& table, uint64_t files, Admin* admin, LoadStats* stats) {
  constexpr uint64_t kRowsAFile = 10;
  uint64_t rows = admin->Count("SELECT count(*) FROM bench." + table);
  while (rows < files * kRowsAFile && !stats->failed()) {
    std::string sql = "INSERT INTO bench." + table + " (id, room, author, stars, body) VALUES ";
    for (uint64_t i = 0; i < kRowsAFile; ++i) {
      if (i > 0) sql += ",";
      AppendRow(false, ++rows, &sql);
    }
    admin->Sql(sql);
    admin->Sql("STORAGE FLUSH TABLE bench." + table + " WAIT");
  }
}

// The table of RunScan: what its columns hold, and how it comes to be.
class VersionedTable {
 public:
  VersionedTable(uint64_t versions, uint64_t rows, std::string form)
      : versions_(versions), rows_each_(rows / versions), form_(std::move(form)) {}

  std::string Name() const { return "bench.scan_" + form_ + "_" + std::to_string(versions_); }
  uint64_t rows() const { return rows_each_ * versions_; }
  uint64_t middle() const { return std::max<uint64_t>(versions_ / 2, 1); }

  void Make(Admin* admin, LoadStats* stats) const {
    const bool fresh = form_ == "fresh";
    std::string create = "CREATE SHARED TABLE " + Name() + " (id BIGINT PRIMARY KEY, n INT, wide " +
                         (fresh ? "BIGINT" : "INT") + ", body TEXT";
    for (uint64_t c = 1; fresh && c < versions_; ++c) create += "," + Added(c);
    admin->Sql(create + ")" + std::string(kStaysHot));
    for (uint64_t v = 1; v <= versions_ && !stats->failed(); ++v) {
      if (v > 1 && !fresh) {
        admin->Sql("ALTER TABLE " + Name() + " ADD COLUMN " + Added(v - 1) +
                   (v == middle() + 1 ? ", ALTER COLUMN wide TYPE BIGINT" : ""));
      }
      Insert(v, admin, stats);
      admin->Sql("STORAGE FLUSH TABLE " + Name() + " WAIT");
    }
    if (form_ == "compacted") admin->Sql("STORAGE COMPACT TABLE " + Name() + " WAIT");
  }

  // The aggregates that a query asks, and the same from the rule by which the rows were made.
  std::string Select(const std::string& query) const {
    std::string list = "count(*), sum(n), min(body)", where;
    if (query == "added") list = "count(*), sum(c1), sum(" + Column(middle()) + "), sum(" + Column(versions_ - 1) + ")";
    if (query == "widened") list = "count(*), sum(wide), max(wide)";
    if (query == "filter") where = " WHERE " + Column(middle()) + " = 3";
    return "SELECT " + list + " FROM " + Name() + where;
  }

  std::vector<std::string> Expected(const std::string& query) const {
    uint64_t count = 0, n = 0, first = 0, mid = 0, last = 0, wide = 0;
    for (uint64_t id = 1; id <= rows(); ++id) {
      const uint64_t version = VersionOf(id);
      if (query == "filter" && ValueOf(middle(), version, id) != 3) continue;
      ++count;
      n += id % 1'000;
      wide += id;
      first += ValueOf(1, version, id);
      mid += ValueOf(middle(), version, id);
      last += ValueOf(versions_ - 1, version, id);
    }
    const std::string counted = std::to_string(count);
    if (query == "added") return {counted, std::to_string(first), std::to_string(mid), std::to_string(last)};
    if (query == "widened") return {counted, std::to_string(wide), std::to_string(rows())};
    return {counted, std::to_string(n), "text 0"};
  }

 private:
  static std::string Column(uint64_t number) { return "c" + std::to_string(number); }
  static std::string Added(uint64_t number) { return Column(number) + " INT DEFAULT " + std::to_string(number % 5); }
  uint64_t VersionOf(uint64_t id) const { return (id - 1) / rows_each_ + 1; }
  // Of an added column: its default where the row is older than the column.
  static uint64_t ValueOf(uint64_t column, uint64_t version, uint64_t id) {
    return column < version ? id % 7 : column % 5;
  }

  void Insert(uint64_t version, Admin* admin, LoadStats* stats) const {
    constexpr uint64_t kRowsAStatement = 2'000;
    const uint64_t added = (form_ == "fresh" ? versions_ : version) - 1;
    std::string columns = "id, n, wide, body";
    for (uint64_t c = 1; c <= added; ++c) columns += ", " + Column(c);
    const uint64_t end = version * rows_each_;
    for (uint64_t id = (version - 1) * rows_each_; id < end && !stats->failed();) {
      std::string sql = "INSERT INTO " + Name() + " (" + columns + ") VALUES ";
      for (uint64_t i = 0; i < kRowsAStatement && id < end; ++i) {
        ++id;
        const std::string number = std::to_string(id);
        sql += (i > 0 ? ",(" : "(") + number + "," + std::to_string(id % 1'000) + "," + number + ",'text " +
               std::to_string(id % 100) + "'";
        for (uint64_t c = 1; c <= added; ++c) sql += "," + std::to_string(ValueOf(c, version, id));
        sql += ")";
      }
      admin->Sql(sql);
    }
  }

  const uint64_t versions_, rows_each_;
  const std::string form_;
};

// Sends `sql` again and again; false once a reply is wrong.
template <typename Check>
void Repeat(const LoadArgs& args, LoadStats* stats, const Check& send) {
  const int64_t end_us = NowMicros() + args.Number("seconds", 3) * 1'000'000;
  stats->Start();
  while (!stats->failed()) {
    const int64_t started_us = NowMicros();
    if (started_us >= end_us) break;
    send();
    stats->Add(NowMicros() - started_us);
  }
  stats->Stop();
}

}  // namespace

void RunAlter(const LoadArgs& args, LoadStats* stats) {
  Admin admin(args, stats);
  const auto rows = static_cast<uint64_t>(args.Number("hot-rows", 0));
  const auto files = static_cast<uint64_t>(args.Number("files", 0));
  const std::string table = "alter_" + std::to_string(rows) + "_" + std::to_string(files);
  if (!stats->failed()) LoadHotRows("bench." + table, rows, &admin, stats);
  if (!stats->failed()) MakeFiles(table, files, &admin, stats);
  if (stats->failed()) return;
  const std::string content = "SELECT count(*), sum(id), min(body) FROM bench." + table;
  const std::vector<std::string> before = admin.Row(content);
  const uint64_t version = VersionOf(table, &admin);
  const auto alters = static_cast<uint64_t>(args.Number("alters", 100));
  stats->Start();
  for (uint64_t i = 0; i < alters && !stats->failed(); ++i) {
    const std::string sql = NextAlter(table, i);
    const int64_t started_us = NowMicros();
    admin.Sql(sql);
    stats->Add(NowMicros() - started_us);
  }
  stats->Stop();
  if (stats->failed()) return;
  if (VersionOf(table, &admin) != version + alters) stats->Fail("an ALTER made no version, or two");
  if (admin.Row(content) != before) stats->Fail("the rows are not what they were");
}

void RunDescribe(const LoadArgs& args, LoadStats* stats) {
  Admin admin(args, stats);
  const auto versions = static_cast<uint64_t>(args.Number("versions", 1'000));
  const std::string table = "described_" + std::to_string(versions);
  if (!stats->failed()) LoadHotRows("bench." + table, 10, &admin, stats);
  for (uint64_t made = stats->failed() ? versions : VersionOf(table, &admin); made < versions && !stats->failed();
       ++made)
    admin.Sql(NextAlter(table, made - 1));
  if (stats->failed()) return;
  const std::string form = args.Text("form", "columns");
  std::string sql = "DESCRIBE bench." + table;
  if (form == "at") sql += " AT VERSION " + std::to_string(versions / 2);
  if (form == "history") sql += " HISTORY";
  const std::string expected = form == "history" ? "\"row_count\":" + std::to_string(versions) : "\"id\"";
  Repeat(args, stats, [&] {
    if (admin.Sql(sql).find(expected) == std::string::npos) stats->Fail("DESCRIBE shows something else");
  });
}

void RunScan(const LoadArgs& args, LoadStats* stats) {
  Admin admin(args, stats);
  const VersionedTable table(static_cast<uint64_t>(args.Number("versions", 10)),
                             static_cast<uint64_t>(args.Number("rows", 200'000)), args.Text("form", "mixed"));
  if (stats->failed()) return;
  admin.Sql("CREATE NAMESPACE IF NOT EXISTS bench");
  if (admin.Sql("SHOW CREATE TABLE " + table.Name(), false).find("TABLE_NOT_FOUND") != std::string::npos)
    table.Make(&admin, stats);
  const std::string query = args.Text("query", "kept");
  const std::string sql = table.Select(query);
  const std::vector<std::string> expected = table.Expected(query);
  Repeat(args, stats, [&] {
    if (admin.Row(sql) != expected) stats->Fail("the scan gave another answer: " + sql);
  });
}

}  // namespace kalamdb::bench
