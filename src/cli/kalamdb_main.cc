// The server program: `kalamdb serve`, `kalamdb config`.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/crash_handler.h"
#include "cli/command_line.h"
#include "cli/config.h"
#include "cli/serve.h"
#include "cli/version.h"

namespace kalamdb::cli {
namespace {

Result<Config> LoadConfig(const ServerCommand& command) {
  std::string path = command.config_path;
  if (const char* named = std::getenv("KALAMDB_CONFIG"); path.empty() && named != nullptr) path = named;
  ConfigTexts file;
  if (!path.empty()) {
    ASSIGN_OR_RETURN(file, ReadConfigFile(path));
  }
  std::vector<std::string> warnings;
  ASSIGN_OR_RETURN(ConfigTexts environment, ReadEnvironment(environ, &warnings));
  for (const std::string& warning : warnings) std::fprintf(stderr, "kalamdb: %s\n", warning.c_str());
  return Config::Load(file, environment, command.flags);
}

int Fail(const Error& error) {
  std::fprintf(stderr, "kalamdb: %s\n", error.message.c_str());
  return 1;
}

int ServerMain(int argc, char** argv) {
  InstallCrashHandler();
  CommandLine<ServerCommand> line = ParseServerCommand(argc, argv, kVersion);
  if (!line.command) return line.exit.code;
  Result<Config> config = LoadConfig(*line.command);
  if (!config.ok()) return Fail(config.error());
  if (line.command->kind == ServerCommand::Kind::kConfig) {
    std::fputs(config->Print().c_str(), stdout);
    if (std::getenv("KALAMDB_ROOT_PASSWORD") != nullptr) std::puts("# KALAMDB_ROOT_PASSWORD = *** # environment");
    return 0;
  }
  BlockServerSignals();
  Status status = Serve(*config, [&line] { return LoadConfig(*line.command); });
  return status.ok() ? 0 : Fail(status.error());
}

}  // namespace
}  // namespace kalamdb::cli

int main(int argc, char** argv) { return kalamdb::cli::ServerMain(argc, argv); }
