// Reading what the machine has, and dividing it.
#include "cli/memory_plan.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/files.h"

namespace kalamdb::cli {

namespace {
constexpr uint64_t kLeastServerBytes = 256ull << 20;
constexpr uint64_t kLeastEngineBytes = 64ull << 20;
}  // namespace

MemoryPlan PlanMemory(uint64_t server_bytes, uint64_t engine_bytes, uint64_t machine_bytes) {
  MemoryPlan plan;
  plan.server = server_bytes != 0 ? server_bytes : std::max(machine_bytes / 4, kLeastServerBytes);
  plan.engine = std::max(engine_bytes != 0 ? engine_bytes : plan.server / 2, kLeastEngineBytes);
  plan.storage = plan.server / 4;
  return plan;
}

uint64_t MachineMemoryBytes() {
  auto bytes = static_cast<uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (Result<std::string> limit = ReadFile("/sys/fs/cgroup/memory.max"); limit.ok()) {
    if (uint64_t allowed = std::strtoull(limit->c_str(), nullptr, 10); allowed != 0)
      bytes = std::min(bytes, allowed);  // "max" reads as 0
  }
  return bytes;
}

}  // namespace kalamdb::cli
