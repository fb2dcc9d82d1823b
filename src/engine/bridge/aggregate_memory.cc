// Stand-ins for the functions of aggregates: the engine knows them as plain pointers, so each original gets a slot with
// functions of its own.
#include "engine/bridge/aggregate_memory.h"

#include <array>
#include <mutex>
#include <new>
#include <utility>

#include "duckdb/common/exception.hpp"
#include "duckdb/storage/arena_allocator.hpp"
#include "engine/bridge/engine_memory.h"
#include "engine/bridge/heap_scope.h"

namespace kalamdb::engine {
namespace {

using duckdb::AggregateInputData;
using duckdb::idx_t;
using duckdb::Vector;

constexpr size_t kSlots = 768;  // of distinct functions; an aggregate that finds none left is not charged

struct Slot {
  duckdb::aggregate_update_t update = nullptr;
  duckdb::aggregate_simple_update_t simple_update = nullptr;
  duckdb::aggregate_combine_t combine = nullptr;
};
std::array<Slot, kSlots> slots;  // each is written before anyone can call it, and never again
size_t used = 0;                 // guarded by slots_mutex
std::mutex slots_mutex;

template <typename Body>
void Charged(AggregateInputData& data, Body body) {
  int64_t held = 0;
  try {
    const HeapScope scope(EngineMemoryLeft());
    body();
    held = HeapScope::Held();
  } catch (const std::bad_alloc&) {
    throw duckdb::OutOfMemoryException("the states of an aggregate pass the memory limit");
  }
  // Never written: it costs the limit, not memory.
  if (held > 0) data.allocator.Allocate(static_cast<idx_t>(held));
}

template <size_t n>
void Update(Vector inputs[], AggregateInputData& data, idx_t input_count, Vector& state, idx_t count) {
  Charged(data, [&] { slots[n].update(inputs, data, input_count, state, count); });
}

template <size_t n>
void SimpleUpdate(Vector inputs[], AggregateInputData& data, idx_t input_count, duckdb::data_ptr_t state, idx_t count) {
  Charged(data, [&] { slots[n].simple_update(inputs, data, input_count, state, count); });
}

template <size_t n>
void Combine(Vector& state, Vector& combined, AggregateInputData& data, idx_t count) {
  Charged(data, [&] { slots[n].combine(state, combined, data, count); });
}

template <size_t... n>
constexpr std::array<Slot, kSlots> MakeStandIns(std::index_sequence<n...>) {
  return {Slot{Update<n>, SimpleUpdate<n>, Combine<n>}...};
}
constexpr std::array<Slot, kSlots> kStandIns = MakeStandIns(std::make_index_sequence<kSlots>());

}  // namespace

void ChargeAggregate(duckdb::AggregateFunction* function) {
  if (function->update == nullptr || function->combine == nullptr) return;
  const std::lock_guard lock(slots_mutex);
  size_t n = 0;
  for (; n < used; ++n) {
    if (kStandIns[n].update == function->update) return;  // a plan that is looked at again
    if (slots[n].update == function->update && slots[n].simple_update == function->simple_update &&
        slots[n].combine == function->combine)
      break;
  }
  if (n == kSlots) return;
  if (n == used) {
    slots[n] = {function->update, function->simple_update, function->combine};
    ++used;
  }
  function->update = kStandIns[n].update;
  function->combine = kStandIns[n].combine;
  if (function->simple_update != nullptr) function->simple_update = kStandIns[n].simple_update;
}

}  // namespace kalamdb::engine
