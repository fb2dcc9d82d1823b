// Options of tables: from SQL, to SQL.
#include <array>
#include <charconv>

#include "catalog/names.h"
#include "catalog/table.h"
#include "row/schema.h"

namespace kalamdb::catalog {
namespace {

constexpr uint64_t kMaxFlushRows = 1'000'000'000;
constexpr uint64_t kMaxSeconds = 100ull * 365 * 86'400;  // of any duration: a hundred years

std::string_view Trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<uint64_t> ParseCount(std::string_view text, uint64_t most) {
  text = Trim(text);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0 || value > most) return std::nullopt;
  return value;
}

Error InvalidOption(std::string_view name, std::string_view value, std::string_view offered) {
  return Error{ErrorCode::kInvalidParameter,
               "option " + std::string(name) + " = " + QuoteLiteral(value) + ": it takes " + std::string(offered)};
}

Status SetFlushPolicy(std::string_view value, TableOptions* options) {
  constexpr std::string_view kOffered = "'rows:N', 'interval:SECONDS' or 'rows:N,interval:SECONDS', each at least 1";
  uint64_t rows = 0;
  uint64_t interval = 0;
  std::string_view rest = value;
  while (true) {
    const size_t comma = rest.find(',');
    const std::string part = row::FoldName(Trim(rest.substr(0, comma)));
    const size_t colon = part.find(':');
    if (colon == std::string::npos) return InvalidOption("FLUSH_POLICY", value, kOffered);
    const std::string_view key = Trim(std::string_view(part).substr(0, colon));
    const bool by_rows = key == "rows";
    uint64_t* target = by_rows ? &rows : &interval;
    const auto count = ParseCount(std::string_view(part).substr(colon + 1), by_rows ? kMaxFlushRows : kMaxSeconds);
    if ((!by_rows && key != "interval") || *target != 0 || !count) {
      return InvalidOption("FLUSH_POLICY", value, kOffered);
    }
    *target = *count;
    if (comma == std::string_view::npos) break;
    rest.remove_prefix(comma + 1);
  }
  options->flush_rows = rows;
  options->flush_interval_s = interval;
  return {};
}

Status SetDeletedRetention(std::string_view value, TableOptions* options) {
  const std::string folded = row::FoldName(Trim(value));
  if (folded == "off") {
    options->deleted_retention_s.reset();
    return {};
  }
  uint64_t unit = 0;
  switch (folded.empty() ? '\0' : folded.back()) {
    case 's': unit = 1; break;
    case 'm': unit = 60; break;
    case 'h': unit = 3'600; break;
    case 'd': unit = 86'400; break;
    default: break;
  }
  const auto count =
      unit == 0 ? std::nullopt : ParseCount(std::string_view(folded).substr(0, folded.size() - 1), kMaxSeconds / unit);
  if (!count) return InvalidOption("DELETED_RETENTION", value, "'off' or a number with s, m, h or d, such as '7d'");
  options->deleted_retention_s = *count * unit;
  return {};
}

Status SetTtl(std::string_view value, TableOptions* options) {
  const auto seconds = ParseCount(value, kMaxSeconds);
  if (!seconds) return InvalidOption("TTL_SECONDS", value, "a number of seconds, at least 1");
  options->ttl_seconds = *seconds;
  return {};
}

Status SetScope(std::string_view value, TableOptions* options) {
  const std::string folded = row::FoldName(Trim(value));
  if (folded != "user" && folded != "shared") return InvalidOption("SCOPE", value, "'USER' or 'SHARED'");
  options->scope = folded == "user" ? Scope::kUser : Scope::kShared;
  return {};
}

Status SetAccessLevel(std::string_view value, TableOptions* options) {
  const std::string folded = row::FoldName(Trim(value));
  if (folded == "public_write") {
    options->access_level = AccessLevel::kPublicWrite;
  } else if (folded == "public") {
    options->access_level = AccessLevel::kPublic;
  } else if (folded == "private" || folded == "restricted") {
    options->access_level = AccessLevel::kPrivate;
  } else if (folded == "dba") {
    options->access_level = AccessLevel::kDba;
  } else {
    return InvalidOption("ACCESS_LEVEL", value, "'PUBLIC_WRITE', 'PUBLIC', 'PRIVATE' or 'DBA'");
  }
  return {};
}

Status SetCompression(std::string_view value, TableOptions* options) {
  const std::string folded = row::FoldName(Trim(value));
  if (folded != "zstd" && folded != "snappy") return InvalidOption("COMPRESSION", value, "'zstd' or 'snappy'");
  options->compression = folded == "zstd" ? Compression::kZstd : Compression::kSnappy;
  return {};
}

Status SetStorage(std::string_view value, TableOptions* options) {
  if (value != "local") return InvalidOption("STORAGE_ID", value, "the name of a storage: there is 'local'");
  options->storage_id = value;
  return {};
}

constexpr unsigned kForUser = 1, kForShared = 2, kForStream = 4;

struct Option {
  std::string_view name;
  unsigned kinds;  // the kinds of tables that have it
  Status (*set)(std::string_view value, TableOptions* options);
};

constexpr std::array kOptions = {
    Option{"STORAGE_ID", kForUser | kForShared | kForStream, SetStorage},
    Option{"FLUSH_POLICY", kForUser | kForShared, SetFlushPolicy},
    Option{"DELETED_RETENTION", kForUser | kForShared, SetDeletedRetention},
    Option{"TTL_SECONDS", kForStream, SetTtl},
    Option{"SCOPE", kForStream, SetScope},
    Option{"ACCESS_LEVEL", kForShared | kForStream, SetAccessLevel},
    Option{"COMPRESSION", kForUser | kForShared, SetCompression},
};

// Specified, and not there yet.
constexpr std::array<std::string_view, 5> kLaterOptions = {"MAX_ROWS", "EPHEMERAL", "HISTORY_RETENTION", "RESULT_CACHE",
                                                           "BLOOM_COLUMNS"};

unsigned BitOf(TableKind kind) {
  switch (kind) {
    case TableKind::kUser: return kForUser;
    case TableKind::kShared: return kForShared;
    case TableKind::kStream: return kForStream;
  }
  return 0;
}

std::string OfferedOptions(TableKind kind) {
  std::vector<std::string_view> names;
  for (const Option& option : kOptions) {
    if ((option.kinds & BitOf(kind)) != 0) names.push_back(option.name);
  }
  return ListNames(names);
}

std::string FlushPolicyText(const TableOptions& options) {
  std::string text;
  if (options.flush_rows != 0) text = "rows:" + std::to_string(options.flush_rows);
  if (options.flush_interval_s != 0) {
    text += (text.empty() ? "interval:" : ",interval:") + std::to_string(options.flush_interval_s);
  }
  return text;
}

// The largest unit that divides it, so that 7d comes back as 7d.
std::string RetentionText(const std::optional<uint64_t>& seconds) {
  if (!seconds) return "off";
  if (*seconds % 86'400 == 0) return std::to_string(*seconds / 86'400) + "d";
  if (*seconds % 3'600 == 0) return std::to_string(*seconds / 3'600) + "h";
  if (*seconds % 60 == 0) return std::to_string(*seconds / 60) + "m";
  return std::to_string(*seconds) + "s";
}

std::string OptionLiteral(std::string_view name, const TableOptions& options) {
  if (name == "STORAGE_ID") return QuoteLiteral(options.storage_id);
  if (name == "FLUSH_POLICY") return QuoteLiteral(FlushPolicyText(options));
  if (name == "DELETED_RETENTION") return QuoteLiteral(RetentionText(options.deleted_retention_s));
  if (name == "TTL_SECONDS") return std::to_string(options.ttl_seconds);
  if (name == "SCOPE") return options.scope == Scope::kUser ? "'USER'" : "'SHARED'";
  if (name == "ACCESS_LEVEL") return QuoteLiteral(AccessLevelName(options.access_level));
  if (name == "COMPRESSION") return options.compression == Compression::kZstd ? "'zstd'" : "'snappy'";
  KALAM_CHECK(!"an option that is not in the list");
  return {};
}

}  // namespace

std::string_view KindName(TableKind kind) {
  switch (kind) {
    case TableKind::kUser: return "USER";
    case TableKind::kShared: return "SHARED";
    case TableKind::kStream: return "STREAM";
  }
  return "SHARED";
}

std::string_view AccessLevelName(AccessLevel level) {
  switch (level) {
    case AccessLevel::kPublicWrite: return "PUBLIC_WRITE";
    case AccessLevel::kPublic: return "PUBLIC";
    case AccessLevel::kPrivate: return "PRIVATE";
    case AccessLevel::kDba: return "DBA";
  }
  return "PRIVATE";
}

Status SetTableOption(TableKind kind, std::string_view name, std::string_view value, TableOptions* options) {
  const std::string folded = row::FoldName(name);
  if (folded == "type") {
    if (row::FoldName(value) == row::FoldName(KindName(kind))) return {};
    return Error{ErrorCode::kInvalidParameter, "option TYPE = " + QuoteLiteral(value) + ": the table is a " +
                                                   std::string(KindName(kind)) + " table and stays one"};
  }
  for (const Option& option : kOptions) {
    if (folded != row::FoldName(option.name)) continue;
    if ((option.kinds & BitOf(kind)) != 0) return option.set(value, options);
    return Error{ErrorCode::kInvalidParameter, "option " + std::string(option.name) + " is not offered for " +
                                                   std::string(KindName(kind)) + " tables; these have " +
                                                   OfferedOptions(kind)};
  }
  for (const std::string_view later : kLaterOptions) {
    if (folded == row::FoldName(later))
      return Error{ErrorCode::kInvalidParameter, "option " + std::string(later) + " is not offered yet; " +
                                                     std::string(KindName(kind)) + " tables have " +
                                                     OfferedOptions(kind)};
  }
  return Error{ErrorCode::kInvalidParameter, "option " + QuoteIdentifier(name) + " is not offered; " +
                                                 std::string(KindName(kind)) + " tables have " + OfferedOptions(kind)};
}

Status CheckTableOptions(TableKind kind, const TableOptions& options) {
  if (kind == TableKind::kStream && options.ttl_seconds == 0) {
    return Error{ErrorCode::kInvalidParameter, "a STREAM table needs the option TTL_SECONDS"}.WithHint(
        "Add WITH (TTL_SECONDS = 60).");
  }
  if (kind == TableKind::kStream && options.scope == Scope::kUser && options.access_level != AccessLevel::kPrivate) {
    return Error{ErrorCode::kInvalidParameter,
                 "option ACCESS_LEVEL is not offered for a STREAM table of scope USER, where each user has a stream of "
                 "their own"}
        .WithHint("Add SCOPE = 'SHARED', or leave ACCESS_LEVEL out.");
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> PrintTableOptions(TableKind kind, const TableOptions& options) {
  std::vector<std::pair<std::string, std::string>> printed = {{"TYPE", QuoteLiteral(KindName(kind))}};
  for (const Option& option : kOptions) {
    if ((option.kinds & BitOf(kind)) == 0) continue;
    if (option.name == "ACCESS_LEVEL" && kind == TableKind::kStream && options.scope == Scope::kUser) continue;
    printed.emplace_back(option.name, OptionLiteral(option.name, options));
  }
  return printed;
}

}  // namespace kalamdb::catalog
