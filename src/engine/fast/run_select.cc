// SELECT by key and by ranges of the key.
#include "engine/access.h"
#include "engine/fast/row_json.h"
#include "engine/fast/run.h"
#include "row/key_codec.h"
#include "storage/rows.h"

namespace kalamdb::engine {
namespace {

Micros ExpireBefore(const catalog::Table& table, const ExecuteContext& context) {
  return table.options.ttl_seconds == 0
             ? 0
             : context.now - static_cast<Micros>(table.options.ttl_seconds) * kMicrosPerSecond;
}

Result<FastStep> SelectKey(const FastServices& services, const FastPlan& plan, const storage::ReadViewPtr& view,
                           const ExecuteContext& context, const FastRunOptions& options, FastRows* rows) {
  std::string key;
  bool null = false;
  if (!KeyPrefix(services, plan, context, &key, &null)) return FastStep::kOther;
  if (null) return FastStep::kReady;
  storage::FoundRow found;
  ASSIGN_OR_RETURN(const auto outcome, storage::FindRow(*view, services.database->store(), services.database->format(),
                                                        key, options.tier, &found));
  if (outcome == storage::ReadOutcome::kNotCached) return FastStep::kNotCached;
  if (found.place.kind == storage::Place::Kind::kNone || found.deleted) return FastStep::kReady;
  if (row::RowUpdated(found.row) < ExpireBefore(*plan.table, context)) return FastStep::kReady;
  RETURN_IF_ERROR(AppendRowJson(plan, found.row, options.form, context.bytes_form, &rows->json));
  rows->count = 1;
  return FastStep::kReady;
}

// Narrows [lower, upper) by the bounds of the column behind the prefix. false: an operand does not convert.
bool ApplyBounds(const FastServices& services, const FastPlan& plan, const ExecuteContext& context,
                 const std::string& prefix, storage::RangeOptions* range, bool* empty) {
  range->lower = prefix;
  range->upper = row::PrefixEnd(prefix);
  if (!plan.lower && !plan.upper) return true;
  const row::Schema& schema = *plan.table->schema();
  const row::Type& type = schema.column(schema.key_ordinals()[plan.key.size()]).type;
  for (const auto* bound : {&plan.lower, &plan.upper}) {
    if (!*bound) continue;
    row::Value value;
    if (!EvaluateOperand(services, (*bound)->value, type, context, &value)) return false;
    if (value.is_null()) {
      *empty = true;
      return true;
    }
    std::string key = prefix;
    row::AppendKeyValue(type, value, &key);
    // All keys that begin with these bytes are equal in this column.
    if (bound == &plan.lower) {
      range->lower = (*bound)->inclusive ? key : row::PrefixEnd(key);
    } else {
      range->upper = (*bound)->inclusive ? row::PrefixEnd(key) : key;
    }
  }
  *empty = !range->upper.empty() && range->lower >= range->upper;
  return true;
}

// LIMIT and OFFSET; a NULL is no limit. false: no count.
bool Count(const FastServices& services, const std::optional<FastOperand>& operand, const ExecuteContext& context,
           uint64_t absent, uint64_t* count) {
  *count = absent;
  if (!operand) return true;
  row::Value value;
  if (!EvaluateOperand(services, *operand, row::Type::Of(row::TypeKind::kBigInt), context, &value)) return false;
  if (value.is_null()) return true;
  if (value.as_int() < 0) return false;
  *count = static_cast<uint64_t>(value.as_int());
  return true;
}

Result<FastStep> SelectRange(const FastServices& services, const FastPlan& plan, const storage::ReadViewPtr& view,
                             const ExecuteContext& context, const FastRunOptions& options, FastRows* rows) {
  std::string prefix;
  bool null = false, empty = false;
  uint64_t limit = 0, offset = 0;
  storage::RangeOptions range;
  if (!KeyPrefix(services, plan, context, &prefix, &null) ||
      !Count(services, plan.limit, context, UINT64_MAX, &limit) || !Count(services, plan.offset, context, 0, &offset) ||
      !ApplyBounds(services, plan, context, prefix, &range, &empty)) {
    return FastStep::kOther;
  }
  if (null || empty || limit == 0) return FastStep::kReady;
  range.table = plan.table->id;
  range.user = PartitionOf(context.identity, *plan.table);
  range.reverse = plan.reverse;
  range.expire_before = ExpireBefore(*plan.table, context);
  range.tier = options.tier;
  const auto cursor =
      storage::NewRangeCursor(view, &services.database->store(), services.database->format(), std::move(range));
  for (uint64_t seen = 0; rows->count < limit; ++seen) {
    ASSIGN_OR_RETURN(const bool more, cursor->Next());
    if (!more) return cursor->not_cached() ? FastStep::kNotCached : FastStep::kReady;
    if (seen >= options.max_rows || rows->json.size() > options.max_bytes) return FastStep::kOther;
    if (seen < offset) continue;
    if (rows->count != 0) rows->json.push_back(options.separator);
    RETURN_IF_ERROR(AppendRowJson(plan, cursor->row(), options.form, context.bytes_form, &rows->json));
    ++rows->count;
  }
  return FastStep::kReady;
}

}  // namespace

bool EvaluateOperand(const FastServices& services, const FastOperand& operand, const row::Type& type,
                     const ExecuteContext& context, row::Value* value) {
  using Kind = FastOperand::Kind;
  switch (operand.kind) {
    case Kind::kConstant: *value = operand.constant; return true;
    case Kind::kLiteral:
      *value = services.literals == nullptr ? operand.constant : (*services.literals)[operand.index];
      return true;
    case Kind::kParameter: {
      if (context.params == nullptr || operand.index >= context.params->size()) return false;
      auto converted = row::ParamToValue((*context.params)[operand.index], type);
      if (!converted.ok()) return false;
      *value = *std::move(converted);
      return true;
    }
    case Kind::kSnowflakeId: *value = row::Value::Int(services.ids->snowflake.Next()); return true;
    case Kind::kUuidV7: {
      const Id128 id = services.ids->ids.NextUuidV7();
      if (type.kind() != row::TypeKind::kUuid) {
        *value = row::Value::String(FormatUuid(id));
        return true;
      }
      unsigned __int128 wide = 0;
      for (const uint8_t byte : id) wide = wide << 8 | byte;
      *value = row::Value::Wide(static_cast<row::Int128>(wide));
      return true;
    }
    case Kind::kUlid: *value = row::Value::String(FormatUlid(services.ids->ids.NextUlid())); return true;
    case Kind::kNow: *value = row::Value::Int(context.now); return true;
    case Kind::kCurrentUser: *value = row::Value::String(context.identity.name); return true;
    case Kind::kCurrentRole:
      *value = row::Value::String(std::string(auth::RoleName(context.identity.role)));
      return true;
    case Kind::kExcluded: return false;
  }
  return false;
}

bool KeyPrefix(const FastServices& services, const FastPlan& plan, const ExecuteContext& context, std::string* key,
               bool* null) {
  const row::Schema& schema = *plan.table->schema();
  row::AppendPartition(plan.table->id, PartitionOf(context.identity, *plan.table), key);
  for (size_t i = 0; i < plan.key.size(); ++i) {
    const row::Type& type = schema.column(schema.key_ordinals()[i]).type;
    row::Value value;
    if (!EvaluateOperand(services, plan.key[i], type, context, &value)) return false;
    if (value.is_null()) {
      *null = true;
      return true;
    }
    row::AppendKeyValue(type, value, key);
  }
  return true;
}

Result<FastStep> FastSelect(const FastServices& services, const FastPlan& plan, const storage::ReadViewPtr& view,
                            const ExecuteContext& context, const FastRunOptions& options, FastRows* rows) {
  return plan.kind == FastPlan::Kind::kSelectKey ? SelectKey(services, plan, view, context, options, rows)
                                                 : SelectRange(services, plan, view, context, options, rows);
}

}  // namespace kalamdb::engine
