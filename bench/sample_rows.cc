// The five columns as text, and loading many of them.
#include "sample_rows.h"

namespace kalamdb::bench {

void AppendRow(bool as_params, uint64_t id, std::string* out) {
  const std::string number = std::to_string(id);
  if (as_params) {
    out->append("\"")
        .append(number)
        .append("\",\"room")
        .append(std::to_string(id % 10))
        .append("\",\"author\",")
        .append(std::to_string(id % 5));
    out->append(",\"").append(kText).append("\"");
  } else {
    out->append("(")
        .append(number)
        .append(",'room")
        .append(std::to_string(id % 10))
        .append("','author',")
        .append(std::to_string(id % 5));
    out->append(",'").append(kText).append("')");
  }
}

bool LoadHotRows(std::string_view table, uint64_t rows, Admin* admin, LoadStats* stats) {
  const std::string name(table);
  admin->Sql("CREATE NAMESPACE IF NOT EXISTS bench; CREATE SHARED TABLE IF NOT EXISTS " + name + std::string(kColumns) +
             std::string(kStaysHot));
  if (stats->failed()) return false;
  constexpr uint64_t kRowsAStatement = 5'000;
  uint64_t loaded = admin->Count("SELECT count(*) FROM " + name);
  const bool made = loaded < rows;
  while (loaded < rows && !stats->failed()) {
    std::string sql = "INSERT INTO " + name + " (id, room, author, stars, body) VALUES ";
    for (uint64_t i = 0; i < kRowsAStatement && loaded < rows; ++i) {
      if (i > 0) sql += ",";
      AppendRow(false, ++loaded, &sql);
    }
    admin->Sql(sql);
  }
  return made;
}

}  // namespace kalamdb::bench
