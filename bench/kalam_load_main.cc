// The load generator: `kalam-load SCENARIO [--name value …]` prints one JSON object; ends with 1 where a check failed.
#include <cstdio>
#include <string>

#include "evolution_scenarios.h"
#include "kalam_scenarios.h"
#include "load_args.h"
#include "load_stats.h"
#include "peer_scenarios.h"
#include "raw_loops.h"

namespace kalamdb::bench {
namespace {

struct Scenario {
  const char* name;
  void (*run)(const LoadArgs&, LoadStats*);
};
constexpr Scenario kScenarios[] = {
    {"health", RunHealth},
    {"insert", RunInsert},
    {"select", RunSelect},
    {"live", RunLive},
    {"alter", RunAlter},
    {"describe", RunDescribe},
    {"scan", RunScan},
    {"alter-live", RunAlterLive},
    {"fdatasync", RunFdatasync},
    {"pg-insert", RunPostgresInsert},
    {"pg-select", RunPostgresSelect},
    {"pg-alter", RunPostgresAlter},
    {"pg-live", RunPostgresNotify},
    {"redis-get", RunRedisGet},
    {"redis-live", RunRedisPublish},
};

}  // namespace

// The exit code.
int Load(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  const LoadArgs args(argc, argv);
  if (name == "echo-server") return RunEchoServer(args);
  for (const Scenario& scenario : kScenarios) {
    if (name != scenario.name) continue;
    LoadStats stats(name, static_cast<int>(args.Number("connections", 1)));
    stats.Watch(static_cast<int>(args.Number("pid", 0)));
    scenario.run(args, &stats);
    std::puts(stats.Json().c_str());
    return stats.failed() ? 1 : 0;
  }
  std::fputs("usage: kalam-load SCENARIO [--name value …]\nscenarios: echo-server", stderr);
  for (const Scenario& scenario : kScenarios) std::fprintf(stderr, " %s", scenario.name);
  std::fputs("\n", stderr);
  return 2;
}

}  // namespace kalamdb::bench

int main(int argc, char** argv) { return kalamdb::bench::Load(argc, argv); }
