// How the memory of the server is shared out between its parts.
#pragma once

#include <cstdint>

namespace kalamdb::cli {

struct MemoryPlan {
  uint64_t server = 0;   // server.memory, or a quarter of what the machine or the control group allows
  uint64_t engine = 0;   // limits.memory_bytes, or half of the server's
  uint64_t storage = 0;  // a quarter: memtables and block cache
};

// 0 = not configured.
MemoryPlan PlanMemory(uint64_t server_bytes, uint64_t engine_bytes, uint64_t machine_bytes);

// Of this machine, or less where a control group allows less.
uint64_t MachineMemoryBytes();

}  // namespace kalamdb::cli
