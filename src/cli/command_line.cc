// Subcommands and flags; every configuration key is a flag.
#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <deque>

namespace kalamdb::cli {

namespace {

// `--limits.body_bytes TEXT`, and the short spellings.
void AddKeys(CLI::App* app, std::deque<std::string>* texts,
             std::vector<std::pair<std::string_view, const CLI::Option*>>* given) {
  for (const ConfigKey& key : ConfigKeys()) {
    std::string names = "--" + std::string(key.name);
    if (key.name == "server.data_dir") names += ",--data-dir";
    if (key.name == "server.listen") names += ",--listen";
    if (key.name == "server.memory") names += ",--memory";
    std::string about(key.about);
    if (!key.choices.empty()) about += " [" + std::string(key.choices) + "]";
    about += " Default: " + (key.standard.empty() ? "none" : std::string(key.standard)) + ".";
    CLI::Option* option = app->add_option(names, texts->emplace_back(), about)->take_last();
    given->emplace_back(key.name, option);
  }
}

}  // namespace

CommandLine<ServerCommand> ParseServerCommand(int argc, char** argv, std::string_view version) {
  CLI::App app("KalamDB: SQL over HTTP, live queries over WebSocket.", "kalamdb");
  app.set_version_flag("--version", "kalamdb " + std::string(version));
  app.require_subcommand(1);
  app.footer(
      "Every key may also stand in a TOML file (--config) or in the environment (KALAMDB_LIMITS_BODY_BYTES for "
      "limits.body_bytes);\n"
      "flags win over the environment, the environment over the file. KALAMDB_ROOT_PASSWORD sets the password of root "
      "at the first start.");
  ServerCommand command;
  std::deque<std::string> texts;
  std::vector<std::pair<std::string_view, const CLI::Option*>> given;
  CLI::App* serve = app.add_subcommand("serve", "Serve a data directory.");
  CLI::App* config = app.add_subcommand("config", "Print what the configuration comes to: key = value # source.");
  for (CLI::App* sub : {serve, config}) {
    sub->add_option("--config", command.config_path, "Configuration file (TOML).");
    AddKeys(sub, &texts, &given);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return {std::nullopt, {code == 0 ? 0 : 2}};
  }
  command.kind = serve->parsed() ? ServerCommand::Kind::kServe : ServerCommand::Kind::kConfig;
  for (size_t i = 0; i < given.size(); ++i) {
    if (given[i].second->count() > 0) command.flags.emplace_back(given[i].first, texts[i]);
  }
  return {std::move(command)};
}

CommandLine<ShellCommand> ParseShellCommand(int argc, char** argv, std::string_view version) {
  CLI::App app("Runs SQL on a KalamDB server: from -c, from -f, else from standard input.", "kalam");
  app.set_version_flag("--version", "kalam " + std::string(version));
  app.footer(
      "The password comes from KALAM_PASSWORD; a token from --token-file or KALAM_TOKEN, then no password is needed.\n"
      "Ends with 0, with 1 where a statement failed, with 2 for wrong arguments, with 3 where the server cannot be "
      "reached.");
  ShellCommand command;
  app.add_option("--url", command.url, "Server.")->envname("KALAM_URL")->capture_default_str();
  app.add_option("--user", command.user, "User.")->envname("KALAM_USER")->capture_default_str();
  app.add_option("--token-file", command.token_file, "File with an access token.");
  app.add_option("--namespace", command.namespace_name, "Namespace of unqualified names.");
  app.add_option("-o,--output", command.output, "Form of results.")
      ->check(CLI::IsMember({"table", "csv", "json"}))
      ->capture_default_str();
  app.add_option("-c,--command", command.commands, "SQL to run; may be given several times.")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  app.add_option("-f,--file", command.files, "File with SQL to run; - is standard input.")
      ->take_all()
      ->expected(1)
      ->allow_extra_args(false);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return {std::nullopt, {code == 0 ? 0 : 2}};
  }
  return {std::move(command)};
}

}  // namespace kalamdb::cli
