// PersistentMap against std::map, its sharing and its old versions.
#include "base/persistent_map.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"

namespace kalamdb {
namespace {

template <typename Map, typename Model>
void ExpectSame(const Map& map, const Model& model) {
  ASSERT_EQ(map.size(), model.size());
  auto expected = model.begin();
  for (const auto& [key, value] : map) {
    ASSERT_EQ(key, expected->first);
    ASSERT_EQ(value, expected->second);
    ++expected;
  }
}

TEST(PersistentMap, AgreesWithAnOrderedMapUnderRandomChangesAndKeepsOldVersions) {
  SeededRandom random(7);
  PersistentMap<int, int> map;
  std::map<int, int> model;
  std::vector<std::pair<PersistentMap<int, int>, std::map<int, int>>> history;
  for (int step = 0; step < 20'000; ++step) {
    int key = static_cast<int>(random.Below(500));
    if (random.Below(5) < 3) {
      map = map.Set(key, step);
      model[key] = step;
    } else {
      map = map.Erase(key);
      model.erase(key);
    }
    ASSERT_EQ(map.size(), model.size());
    if (step % 1'000 == 0) history.emplace_back(map, model);
  }
  ExpectSame(map, model);
  for (const auto& [old_map, old_model] : history) ExpectSame(old_map, old_model);
  for (int key = -1; key <= 501; ++key) {
    const int* found = map.Find(key);
    ASSERT_EQ(found != nullptr, model.contains(key));
    if (found != nullptr) {
      ASSERT_EQ(*found, model[key]);
    }
    auto it = map.LowerBound(key);
    auto expected = model.lower_bound(key);
    ASSERT_EQ(it == map.end(), expected == model.end());
    if (expected != model.end()) {
      ASSERT_EQ(it->first, expected->first);
    }
  }
}

struct CountedKey {
  int value;
  static inline int comparisons = 0;
  friend bool operator<(const CountedKey& a, const CountedKey& b) {
    ++comparisons;
    return a.value < b.value;
  }
};

TEST(PersistentMap, StaysShallowWhenKeysArriveInOrder) {
  PersistentMap<CountedKey, int> map;
  for (int i = 0; i < 100'000; ++i) map = map.Set(CountedKey{i}, i);
  CountedKey::comparisons = 0;
  for (int i = 0; i < 100'000; i += 1'000) ASSERT_NE(map.Find(CountedKey{i}), nullptr);
  EXPECT_LE(CountedKey::comparisons / 100, 2 * 24);  // 1.44 * log2(100,000) levels, two comparisons each
}

TEST(PersistentMap, AChangeCopiesOnePathAndSharesTheRest) {
  struct Value {
    int id;
  };
  PersistentMap<int, std::shared_ptr<const Value>> map;
  auto probe = std::make_shared<const Value>(Value{0});
  for (int i = 0; i < 10'000; ++i) map = map.Set(i, std::make_shared<const Value>(Value{i}));
  map = map.Set(5'000, probe);
  long before = probe.use_count();
  PersistentMap<int, std::shared_ptr<const Value>> changed = map;
  for (int i = 0; i < 100; ++i) changed = changed.Set(9'999, nullptr);
  EXPECT_LE(probe.use_count(), before + 1);  // at most the root path of the last version holds another copy
  EXPECT_FALSE(changed.SharesRootWith(map));
  EXPECT_TRUE(map.Erase(-1).SharesRootWith(map));
}

TEST(PersistentMap, FindsByAnotherTypeWithoutMakingAKey) {
  PersistentMap<std::string, int> map;
  map = map.Set("chat", 1).Set("feed", 2);
  EXPECT_EQ(*map.Find(std::string_view("feed")), 2);
  EXPECT_EQ(map.Find("none"), nullptr);
  EXPECT_EQ(map.Erase(std::string_view("chat")).size(), 1u);
}

}  // namespace
}  // namespace kalamdb
