// Who is concerned by a change: (table, user or shared) → groups of equal subscriptions, found by equality or scanned.
//
// A group is the live subscriptions of one partition with the same table version, predicate and projection: judged
// once, written once. It is found by the first `column = constant` of its WHERE, through a hash of column and value;
// groups without one are in a short list that every change is judged by. A partition is there as long as any
// subscription in any phase is registered in it, and knows the last commit that touched it, which is what decides who
// may go live.
//
// Not thread-safe: the hub's mutex guards all of it, evaluators included.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "live/change_judge.h"
#include "live/subscription.h"

namespace kalamdb::live {

struct Group {
  engine::LiveSelectPtr select;
  std::unique_ptr<engine::LiveEvaluator> evaluator;  // made when a row first concerns the group
  std::map<std::string, std::vector<Subscription*>>
      members;  // by subscription id as JSON: the same bytes go to all of one id
  size_t size = 0;
  std::string index_key;       // empty: it is scanned
  uint32_t index_number = 0;   // of its IndexedColumn
  std::vector<uint32_t> hits;  // changes to judge; filled and emptied within one commit

  engine::LiveEvaluator& Evaluator();
};

// A column that some group of the partition asks an equality of. Versions in which it has one type share it: a row
// reads the same under all of them.
struct IndexedColumn {
  uint32_t number = 0;  // of the partition's, begins the keys of its groups
  ColumnId column;
  row::Type type;           // of the constants
  catalog::TablePtr table;  // the newest version that a group of it was of
  size_t ordinal = 0;       // in it
  size_t groups = 0;
};

struct TableEntry {
  Seq last_schema_seq;
  std::set<Subscription*> subscriptions;  // of all partitions, in any phase
};

struct Partition {
  TableId table_id;
  UserId user;
  TableEntry* table = nullptr;
  Seq last_seq;                                                    // the last commit processed that touched it
  size_t subscriptions = 0;                                        // in any phase
  std::unordered_map<std::string, std::unique_ptr<Group>> groups;  // by LiveSelect::group_key
  std::unordered_map<std::string, std::vector<Group*>> by_value;
  std::vector<Group*> scanned;
  std::vector<IndexedColumn> columns;
  uint32_t next_number = 1;  // of a column
};

class Registry {
 public:
  // Enters a subscription. `processed`: commits up to here were judged before it came.
  void Add(Subscription* subscription, TableId table, UserId user, Seq processed);
  // Leaves group and partition.
  void Remove(Subscription* subscription);

  // REQUIRES: added, not live. Joins the group of its select.
  void Join(Subscription* subscription);
  void Leave(Subscription* subscription);
  // The group goes on as that of `select`, which asks the same over the table's next version: its members keep their
  // places, and are given the select by the caller. False: there is such a group already; nothing has changed.
  bool Move(Partition& partition, Group* group, const engine::LiveSelectPtr& select);

  Partition* Find(TableId table, UserId user);
  TableEntry* FindTable(TableId table);
  std::vector<Partition*> PartitionsOf(TableId table);
  std::vector<Subscription*> LiveIn(const Partition& partition) const;
  std::vector<Subscription*> AllLive();
  // After groups were dropped: nothing up to `seq` is known to have been judged.
  void RaiseAll(Seq seq);

  // Groups that some of these changes may concern, with `hits` filled. REQUIRES of the caller: empty the hits
  // afterwards.
  std::vector<Group*> Candidates(Partition& partition, std::span<const ChangeRows> changes);

 private:
  void Probe(Partition& partition, const IndexedColumn& column, std::string_view row, uint32_t change,
             std::vector<Group*>* found);
  void AddToIndex(Partition& partition, Group* group);
  static IndexedColumn& ColumnOf(Partition& partition, const row::Column& column);
  void RemoveFromIndex(Partition& partition, Group* group);

  std::map<std::pair<uint32_t, uint64_t>, std::unique_ptr<Partition>> partitions_;  // (table, user)
  std::unordered_map<uint32_t, std::unique_ptr<TableEntry>> tables_;
};

}  // namespace kalamdb::live
