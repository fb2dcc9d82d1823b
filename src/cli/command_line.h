// Arguments of the programs, read by CLI11 (seen by command_line.cc only).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config.h"

namespace kalamdb::cli {

struct ServerCommand {
  enum class Kind : uint8_t { kServe, kConfig };
  Kind kind = Kind::kServe;
  std::string config_path;  // --config; empty = KALAMDB_CONFIG, else none
  ConfigTexts flags;
};

struct ShellCommand {
  std::string url = "http://127.0.0.1:8080";
  std::string user = "root";
  std::string token_file;
  std::string namespace_name;
  std::string output = "table";       // table, csv, json
  std::vector<std::string> commands;  // -c, in order
  std::vector<std::string> files;     // -f, in order, after the commands
};

// What main returns at once: --help and --version (0), or a mistake in the arguments (2); already printed.
struct Exit {
  int code;
};
template <typename Command>
struct CommandLine {
  std::optional<Command> command;
  Exit exit{0};
};

CommandLine<ServerCommand> ParseServerCommand(int argc, char** argv, std::string_view version);
CommandLine<ShellCommand> ParseShellCommand(int argc, char** argv, std::string_view version);

}  // namespace kalamdb::cli
