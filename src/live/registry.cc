// The maps of the registry and the equality index.
#include "live/registry.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "row/row_codec.h"
#include "row/value_bytes.h"

namespace kalamdb::live {
namespace {

// Values that compare equal have the same bytes: zero has two signs and NaN many.
row::Value Canonical(const row::Value& value) {
  if (const auto* number = std::get_if<double>(&value.payload())) {
    if (*number == 0) return row::Value::Double(0.0);
    if (std::isnan(*number)) return row::Value::Double(std::numeric_limits<double>::quiet_NaN());
  }
  if (const auto* number = std::get_if<float>(&value.payload())) {
    if (*number == 0) return row::Value::Float(0.0f);
    if (std::isnan(*number)) return row::Value::Float(std::numeric_limits<float>::quiet_NaN());
  }
  return value;
}

std::string IndexKey(const IndexedColumn& column, const row::Value& value) {
  std::string key = std::to_string(column.number) + ':';
  row::AppendPayload(column.type, Canonical(value), &key);
  return key;
}

}  // namespace

engine::LiveEvaluator& Group::Evaluator() {
  if (evaluator == nullptr) evaluator = select->NewEvaluator();
  return *evaluator;
}

void Registry::Add(Subscription* subscription, TableId table, UserId user, Seq processed) {
  std::unique_ptr<TableEntry>& entry = tables_[table.value];
  if (entry == nullptr) {
    entry = std::make_unique<TableEntry>();
    entry->last_schema_seq = processed;
  }
  std::unique_ptr<Partition>& partition = partitions_[{table.value, user.value}];
  if (partition == nullptr) {
    partition = std::make_unique<Partition>();
    partition->table_id = table;
    partition->user = user;
    partition->table = entry.get();
    partition->last_seq = processed;
  }
  entry->subscriptions.insert(subscription);
  ++partition->subscriptions;
  subscription->partition = partition.get();
}

void Registry::Remove(Subscription* subscription) {
  Leave(subscription);
  Partition* const partition = std::exchange(subscription->partition, nullptr);
  if (partition == nullptr) return;
  partition->table->subscriptions.erase(subscription);
  if (partition->table->subscriptions.empty()) tables_.erase(partition->table_id.value);
  if (--partition->subscriptions == 0) partitions_.erase({partition->table_id.value, partition->user.value});
}

void Registry::Join(Subscription* subscription) {
  Partition& partition = *subscription->partition;
  std::unique_ptr<Group>& group = partition.groups[subscription->select->group_key()];
  if (group == nullptr) {
    group = std::make_unique<Group>();
    group->select = subscription->select;
    AddToIndex(partition, group.get());
  }
  std::vector<Subscription*>& members = group->members[subscription->id_json];
  subscription->slot = members.size();
  members.push_back(subscription);
  ++group->size;
  subscription->group = group.get();
}

void Registry::Leave(Subscription* subscription) {
  Group* const group = std::exchange(subscription->group, nullptr);
  if (group == nullptr) return;
  auto members = group->members.find(subscription->id_json);
  KALAM_CHECK(members != group->members.end() && members->second[subscription->slot] == subscription);
  members->second[subscription->slot] = members->second.back();
  members->second[subscription->slot]->slot = subscription->slot;
  members->second.pop_back();
  if (members->second.empty()) group->members.erase(members);
  if (--group->size > 0) return;
  RemoveFromIndex(*subscription->partition, group);
  subscription->partition->groups.erase(group->select->group_key());
}

bool Registry::Move(Partition& partition, Group* group, const engine::LiveSelectPtr& select) {
  if (partition.groups.contains(select->group_key())) return false;
  auto node = partition.groups.extract(group->select->group_key());
  KALAM_CHECK(!node.empty() && node.mapped().get() == group);
  node.key() = select->group_key();
  partition.groups.insert(std::move(node));
  group->select = select;
  group->evaluator.reset();
  if (group->index_key.empty()) return true;
  for (IndexedColumn& column : partition.columns) {
    if (column.number != group->index_number) continue;
    const catalog::TablePtr& table = select->table();
    if (column.table->version() >= table->version()) break;
    column.table = table;
    column.ordinal = *table->schema()->FindById(column.column);
    KALAM_CHECK(table->schema()->column(column.ordinal).type == column.type);
    break;
  }
  return true;
}

void Registry::AddToIndex(Partition& partition, Group* group) {
  const catalog::TablePtr& table = group->select->table();
  for (const engine::EqualityTerm& term : group->select->equalities()) {
    const std::optional<size_t> ordinal = table->schema()->FindById(term.column);
    if (!ordinal || term.value.is_null()) continue;
    IndexedColumn& column = ColumnOf(partition, table->schema()->column(*ordinal));
    if (column.table == nullptr || column.table->version() < table->version()) {
      column.table = table;
      column.ordinal = *ordinal;
    }
    ++column.groups;
    group->index_number = column.number;
    group->index_key = IndexKey(column, term.value);
    partition.by_value[group->index_key].push_back(group);
    return;
  }
  partition.scanned.push_back(group);
}

IndexedColumn& Registry::ColumnOf(Partition& partition, const row::Column& column) {
  for (IndexedColumn& known : partition.columns) {
    if (known.column == column.id && known.type == column.type) return known;
  }
  partition.columns.push_back({.number = partition.next_number++, .column = column.id, .type = column.type});
  return partition.columns.back();
}

void Registry::RemoveFromIndex(Partition& partition, Group* group) {
  if (group->index_key.empty()) {
    std::erase(partition.scanned, group);
    return;
  }
  auto found = partition.by_value.find(group->index_key);
  std::erase(found->second, group);
  if (found->second.empty()) partition.by_value.erase(found);
  for (size_t i = 0; i < partition.columns.size(); ++i) {
    IndexedColumn& column = partition.columns[i];
    if (column.number != group->index_number) continue;
    if (--column.groups == 0) partition.columns.erase(partition.columns.begin() + static_cast<ptrdiff_t>(i));
    return;
  }
}

Partition* Registry::Find(TableId table, UserId user) {
  const auto found = partitions_.find({table.value, user.value});
  return found == partitions_.end() ? nullptr : found->second.get();
}

TableEntry* Registry::FindTable(TableId table) {
  const auto found = tables_.find(table.value);
  return found == tables_.end() ? nullptr : found->second.get();
}

std::vector<Partition*> Registry::PartitionsOf(TableId table) {
  std::vector<Partition*> result;
  for (auto at = partitions_.lower_bound({table.value, 0}); at != partitions_.end() && at->first.first == table.value;
       ++at) {
    result.push_back(at->second.get());
  }
  return result;
}

std::vector<Subscription*> Registry::LiveIn(const Partition& partition) const {
  std::vector<Subscription*> live;
  for (const auto& [key, group] : partition.groups) {
    for (const auto& [id, members] : group->members) live.insert(live.end(), members.begin(), members.end());
  }
  return live;
}

std::vector<Subscription*> Registry::AllLive() {
  std::vector<Subscription*> live;
  for (const auto& [key, partition] : partitions_) {
    const std::vector<Subscription*> more = LiveIn(*partition);
    live.insert(live.end(), more.begin(), more.end());
  }
  return live;
}

void Registry::RaiseAll(Seq seq) {
  for (auto& [key, partition] : partitions_) partition->last_seq = std::max(partition->last_seq, seq);
  for (auto& [id, table] : tables_) table->last_schema_seq = std::max(table->last_schema_seq, seq);
}

std::vector<Group*> Registry::Candidates(Partition& partition, std::span<const ChangeRows> changes) {
  std::vector<Group*> found = partition.scanned;
  for (Group* group : found) {
    for (uint32_t i = 0; i < changes.size(); ++i) group->hits.push_back(i);
  }
  for (const IndexedColumn& column : partition.columns) {
    for (uint32_t i = 0; i < changes.size(); ++i) {
      if (!changes[i].old_row.empty()) Probe(partition, column, changes[i].old_row, i, &found);
      if (!changes[i].new_row.empty()) Probe(partition, column, changes[i].new_row, i, &found);
    }
  }
  for (Group* group : found) {
    std::vector<uint32_t>& hits = group->hits;
    if (std::is_sorted(hits.begin(), hits.end(), std::less_equal<>())) continue;
    std::sort(hits.begin(), hits.end());  // an unreadable row hit the groups of all columns
    hits.erase(std::unique(hits.begin(), hits.end()), hits.end());
  }
  return found;
}

void Registry::Probe(Partition& partition, const IndexedColumn& column, std::string_view row, uint32_t change,
                     std::vector<Group*>* found) {
  const catalog::Table& table = *column.table;
  const Result<row::ProjectionPtr> projection = table.ProjectionFrom(row::RowVersion(row));
  // A row that cannot be read is judged by every group: the evaluator says what is wrong with it.
  const auto hit = [&](Group* group) {
    if (!group->hits.empty() && group->hits.back() == change) return;
    if (group->hits.empty()) found->push_back(group);
    group->hits.push_back(change);
  };
  Result<row::Value> value = row::Value::Null();
  if (projection.ok()) value = (*projection)->Read(row, column.ordinal);
  if (!projection.ok() || !value.ok()) {
    for (const auto& [key, group] : partition.groups) {
      if (!group->index_key.empty()) hit(group.get());
    }
    return;
  }
  if (value->is_null()) return;
  const auto groups = partition.by_value.find(IndexKey(column, *value));
  if (groups == partition.by_value.end()) return;
  for (Group* group : groups->second) hit(group);
}

}  // namespace kalamdb::live
