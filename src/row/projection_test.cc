// Projections: the table of allowed type changes pair by pair, defaults, renames, drops, and random histories against a
// model.
#include "row/projection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "row/projection_cache.h"
#include "row/test_random.h"
#include "row/text_form.h"

namespace kalamdb::row {
namespace {

Type T(std::string_view sql) { return *ParseType(sql); }

// docs/schema-evolution.md, "Allowed type changes", written out over one sample of each kind and its bounds.
TEST(CanWiden, IsTheTable) {
  const std::map<std::string, std::vector<std::string>> allowed = {
      {"SMALLINT",
       {"INT", "BIGINT", "DOUBLE", "DECIMAL(5,0)", "DECIMAL(7,2)", "DECIMAL(10,0)", "DECIMAL(12,2)", "DECIMAL(19,0)",
        "DECIMAL(38,19)"}},
      {"INT", {"BIGINT", "DOUBLE", "DECIMAL(10,0)", "DECIMAL(12,2)", "DECIMAL(19,0)", "DECIMAL(38,19)"}},
      {"BIGINT", {"DECIMAL(19,0)", "DECIMAL(38,19)"}},
      {"FLOAT", {"DOUBLE"}},
      {"DECIMAL(4,0)",
       {"DECIMAL(5,0)", "DECIMAL(6,2)", "DECIMAL(7,2)", "DECIMAL(10,0)", "DECIMAL(12,2)", "DECIMAL(19,0)",
        "DECIMAL(38,19)"}},
      {"DECIMAL(5,0)", {"DECIMAL(7,2)", "DECIMAL(10,0)", "DECIMAL(12,2)", "DECIMAL(19,0)", "DECIMAL(38,19)"}},
      {"DECIMAL(6,2)", {"DECIMAL(7,2)", "DECIMAL(12,2)", "DECIMAL(38,19)"}},
      {"DECIMAL(7,2)", {"DECIMAL(12,2)", "DECIMAL(38,19)"}},
      {"DECIMAL(10,0)", {"DECIMAL(12,2)", "DECIMAL(19,0)", "DECIMAL(38,19)"}},
      {"DECIMAL(12,2)", {"DECIMAL(38,19)"}},
      {"DECIMAL(19,0)", {"DECIMAL(38,19)"}},
      {"DECIMAL(38,19)", {}},
      {"VARCHAR(3)", {"VARCHAR(4)", "TEXT"}},
      {"VARCHAR(4)", {"TEXT"}},
      {"TEXT", {}},
      {"DATE", {"TIMESTAMP"}},
      {"BOOLEAN", {}},
      {"DOUBLE", {}},
      {"BYTES", {}},
      {"TIME", {}},
      {"TIMESTAMP", {}},
      {"TIMESTAMPTZ", {}},
      {"UUID", {}},
      {"JSON", {}},
      {"EMBEDDING(2)", {}},
      {"EMBEDDING(3)", {}},
  };
  for (const auto& [from, targets] : allowed) {
    for (const auto& [to, unused] : allowed) {
      const bool wanted = from == to || std::find(targets.begin(), targets.end(), to) != targets.end();
      EXPECT_EQ(CanWiden(T(from), T(to)), wanted) << from << " to " << to;
    }
  }
}

struct Widened {
  const char *from, *to;
  Value value;
  const char* literal;
};

TEST(WidenValue, IsExact) {
  const Widened cases[] = {
      {"SMALLINT", "INT", Value::Int(-32768), "-32768"},
      {"SMALLINT", "BIGINT", Value::Int(32767), "32767"},
      {"SMALLINT", "DOUBLE", Value::Int(-5), "-5"},
      {"SMALLINT", "DECIMAL(7,2)", Value::Int(-32768), "-32768.00"},
      {"INT", "BIGINT", Value::Int(INT32_MIN), "-2147483648"},
      {"INT", "DOUBLE", Value::Int(INT32_MAX), "2147483647"},
      {"INT", "DECIMAL(10,0)", Value::Int(INT32_MIN), "-2147483648"},
      {"BIGINT", "DECIMAL(38,19)", Value::Int(INT64_MIN), "-9223372036854775808.0000000000000000000"},
      {"FLOAT", "DOUBLE", Value::Float(0.5f), "0.5"},
      {"FLOAT", "DOUBLE", Value::Float(0.1f), "'0.10000000149011612'::DOUBLE"},
      {"FLOAT", "DOUBLE", Value::Float(-INFINITY), "'-Infinity'::DOUBLE"},
      {"DECIMAL(4,2)", "DECIMAL(6,4)", Value::Wide(-1234), "-12.3400"},
      {"DECIMAL(4,2)", "DECIMAL(38,2)", Value::Wide(5), "0.05"},
      {"VARCHAR(3)", "VARCHAR(4)", Value::String("abc"), "'abc'"},
      {"VARCHAR(3)", "TEXT", Value::String("äöü"), "'äöü'"},
      {"DATE", "TIMESTAMP", Value::Int(-1), "TIMESTAMP '1969-12-31 00:00:00'"},
      {"DATE", "TIMESTAMP", Value::Int(kInfiniteDays), "TIMESTAMP 'infinity'"},
      {"DATE", "TIMESTAMP", Value::Int(-kInfiniteDays), "TIMESTAMP '-infinity'"},
      {"DATE", "TIMESTAMP", Value::Int(106'751'991), "TIMESTAMP '294247-01-10 00:00:00'"},
      {"INT", "BIGINT", Value::Null(), "NULL"},
      {"UUID", "UUID", Value::Wide(1), "'00000000-0000-0000-0000-000000000001'::UUID"},
  };
  for (const Widened& c : cases) {
    const auto value = WidenValue(T(c.from), T(c.to), c.value);
    ASSERT_TRUE(value.ok()) << c.from << " to " << c.to << ": " << value.error().message;
    EXPECT_EQ(value->ToSqlLiteral(T(c.to)), c.literal) << c.from << " to " << c.to;
  }
}

TEST(WidenValue, DatesBeyondTimestampsAreErrors) {
  for (const int64_t days : {int64_t{106'751'992}, int64_t{-106'751'992}, kMaxDays, kMinDays}) {
    const auto value = WidenValue(T("DATE"), T("TIMESTAMP"), Value::Int(days));
    ASSERT_FALSE(value.ok()) << days;
    EXPECT_EQ(value.error().code, ErrorCode::kTypeMismatch);
  }
}

Column Key() { return {.id = ColumnId(1), .name = "id", .type = T("BIGINT"), .nullable = false, .key_position = 1}; }

Column Plain(int32_t id, const char* name, const char* type, Value initial_default = {}) {
  return {.id = ColumnId(id), .name = name, .type = T(type), .initial_default = std::move(initial_default)};
}

SchemaPtr Version(uint32_t version, std::vector<Column> columns) {
  return std::make_shared<const Schema>(SchemaVersion(version), std::move(columns));
}

std::string Encode(const SchemaPtr& schema, const std::vector<Value>& values) {
  return EncodeRow(*schema, RowLayout(*schema), values);
}

TEST(Projection, ReadsOldRowsUnderTheNewSchema) {
  const auto v1 = Version(1, {Key(), Plain(2, "a", "INT"), Plain(3, "b", "TEXT"), Plain(4, "gone", "DOUBLE")});
  // a ↔ b swapped names, a widened, gone dropped and added again under its name, one added with and one without
  // default.
  const auto v2 = Version(2, {Key(), Plain(2, "b", "DECIMAL(12,2)"), Plain(3, "a", "TEXT"), Plain(5, "gone", "DOUBLE"),
                              Plain(6, "with", "VARCHAR(9)", Value::String("old")), Plain(7, "without", "UUID")});
  const Projection projection(v1, v2);
  EXPECT_FALSE(projection.IsIdentity());
  const std::string row = Encode(v1, {Value::Int(9), Value::Int(-3), Value::String("x"), Value::Double(1.5)});
  ASSERT_TRUE(CheckRow(projection.from_layout(), row).ok());
  const auto values = projection.ReadAll(row);
  ASSERT_TRUE(values.ok());
  EXPECT_EQ(*values, (std::vector<Value>{Value::Int(9), Value::Wide(-300), Value::String("x"), Value::Null(),
                                         Value::String("old"), Value::Null()}));
  EXPECT_EQ(projection.source(4).ordinal, -1);
  EXPECT_EQ(projection.source(4).constant, Value::String("old"));
  EXPECT_TRUE(projection.source(1).widened);
}

TEST(Projection, AStoredNullIsNotTheDefault) {
  const auto v1 = Version(1, {Key(), Plain(2, "a", "INT", Value::Int(5))});
  const auto v2 = Version(2, {Key(), Plain(2, "a", "BIGINT", Value::Int(5))});
  const std::string row = Encode(v1, {Value::Int(1), Value::Null()});
  EXPECT_EQ(*Projection(v1, v2).Read(row, 1), Value::Null());
}

TEST(Projection, IdentityIsSeen) {
  const auto v1 = Version(1, {Key(), Plain(2, "a", "VARCHAR(3)"), Plain(3, "d", "DECIMAL(4,2)")});
  EXPECT_TRUE(Projection(v1, v1).IsIdentity());
  const auto renamed = Version(2, {Key(), Plain(2, "b", "TEXT"), Plain(3, "d", "DECIMAL(9,2)")});
  EXPECT_TRUE(Projection(v1, renamed).IsIdentity());
  EXPECT_FALSE(Projection(v1, Version(3, {Key(), Plain(2, "b", "TEXT")})).IsIdentity());
  EXPECT_FALSE(Projection(v1, Version(3, {Key(), Plain(2, "b", "TEXT"), Plain(3, "d", "DECIMAL(9,3)")})).IsIdentity());
  EXPECT_FALSE(Projection(v1, Version(3, {Key(), Plain(3, "d", "DECIMAL(4,2)"), Plain(2, "b", "TEXT")})).IsIdentity());
}

TEST(Projection, ErrorsNameTheColumn) {
  const auto v1 = Version(1, {Key(), Plain(2, "day", "DATE")});
  const auto v2 = Version(2, {Key(), Plain(2, "day", "TIMESTAMP")});
  const std::string row = Encode(v1, {Value::Int(1), Value::Int(kMaxDays)});
  const auto value = Projection(v1, v2).Read(row, 1);
  ASSERT_FALSE(value.ok());
  EXPECT_EQ(value.error().message, "column day: date 5881580-07-10 is out of the range of TIMESTAMP");
}

// A random history of one table: each version adds, drops or widens. A row of any version reads, under any later one,
// as a model says that follows the row through every step.
TEST(Projection, RandomHistoriesReadAsTheModel) {
  const uint64_t seed = Random::FreshSeed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  Random random(seed);
  const std::map<TypeKind, std::vector<const char*>> wider = {
      {TypeKind::kSmallInt, {"INT", "BIGINT", "DOUBLE", "DECIMAL(9,4)"}},
      {TypeKind::kInt, {"BIGINT", "DOUBLE", "DECIMAL(20,5)"}},
      {TypeKind::kBigInt, {"DECIMAL(30,9)"}},
      {TypeKind::kFloat, {"DOUBLE"}},
      {TypeKind::kText, {"TEXT"}}};
  for (int round = 0; round < 300; ++round) {
    std::vector<SchemaPtr> versions = {
        Version(1, {Key(), Plain(2, "c2", "SMALLINT"), Plain(3, "c3", "TEXT"), Plain(4, "c4", "FLOAT")})};
    int32_t next_id = 5;
    while (versions.size() < 8) {
      auto columns = versions.back()->columns();
      const size_t at = 1 + random.Below(columns.size());
      if (at == columns.size() || random.OneIn(3)) {
        const Type type = random.AnyType();
        columns.push_back({.id = ColumnId(next_id),
                           .name = "c" + std::to_string(next_id),
                           .type = type,
                           .initial_default = random.OneIn(2) ? random.ValueOf(type) : Value::Null()});
        ++next_id;
      } else if (random.OneIn(3)) {
        columns.erase(columns.begin() + static_cast<std::ptrdiff_t>(at));
      } else if (const auto found = wider.find(columns[at].type.kind()); found != wider.end()) {
        const Type target = T(found->second[random.Below(found->second.size())]);
        columns[at].initial_default = *WidenValue(columns[at].type, target, columns[at].initial_default);
        columns[at].type = target;
      }
      versions.push_back(Version(static_cast<uint32_t>(versions.size() + 1), std::move(columns)));
    }
    for (size_t from = 0; from < versions.size(); ++from) {
      const auto values = random.RowOf(*versions[from]);
      const std::string row = Encode(versions[from], values);
      std::map<int32_t, Value> model;  // column id → value, stepwise
      for (size_t i = 0; i < values.size(); ++i) model[versions[from]->column(i).id.value] = values[i];
      for (size_t to = from; to < versions.size(); ++to) {
        std::map<int32_t, Value> next;
        for (const Column& column : versions[to]->columns()) {
          const auto before = versions[to == from ? from : to - 1]->FindById(column.id);
          next[column.id.value] = !before ? column.initial_default
                                          : *WidenValue(versions[to == from ? from : to - 1]->column(*before).type,
                                                        column.type, model.at(column.id.value));
        }
        model = std::move(next);
        const auto read = Projection(versions[from], versions[to]).ReadAll(row);
        ASSERT_TRUE(read.ok());
        for (size_t i = 0; i < read->size(); ++i) ASSERT_EQ((*read)[i], model.at(versions[to]->column(i).id.value));
      }
    }
  }
}

TEST(ProjectionCache, MakesEachPairOnce) {
  ProjectionCache cache;
  const auto v1 = Version(1, {Key()});
  const auto v2 = Version(2, {Key(), Plain(2, "a", "INT")});
  const auto first = cache.Get(v1, v2);
  EXPECT_EQ(cache.Get(v1, v2), first);
  EXPECT_NE(cache.Get(v1, v1), first);
  EXPECT_EQ(cache.stats().entries, 2u);
  EXPECT_EQ(cache.stats().hits, 1u);
  EXPECT_EQ(cache.stats().misses, 2u);
}

TEST(ProjectionCache, IsBounded) {
  ProjectionCache cache;
  const auto first = Version(1, {Key()});
  for (size_t i = 0; i <= ProjectionCache::kMaxProjections; ++i)
    (void)cache.Get(first, Version(static_cast<uint32_t>(i + 2), {Key()}));
  EXPECT_LE(cache.stats().entries, ProjectionCache::kMaxProjections);
  EXPECT_EQ(cache.stats().evictions, ProjectionCache::kMaxProjections);
}

}  // namespace
}  // namespace kalamdb::row
