// The client program: runs SQL from -c, -f or standard input and prints what comes back.
#include <cstdio>
#include <iostream>
#include <iterator>

#include "base/files.h"
#include "cli/command_line.h"
#include "cli/result_print.h"
#include "cli/shell_session.h"
#include "cli/version.h"
#include "row/json_document.h"

namespace kalamdb::cli {
namespace {

constexpr int kStatementFailed = 1, kWrongArguments = 2, kNoServer = 3;

int Fail(const Error& error, int code) {
  std::fprintf(stderr, "kalam: %s\n", error.message.c_str());
  return code;
}

std::string ReadStandardInput() { return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()}; }

// 0, or the exit code.
int Run(ShellSession& session, const std::string& sql, OutputForm form) {
  Result<std::string> reply = session.Run(sql);
  if (!reply.ok()) return Fail(reply.error(), kNoServer);
  Result<row::JsonDocument> document = row::JsonDocument::Parse(*reply);
  if (!document.ok()) return Fail(document.error(), kNoServer);
  const std::string results = PrintResults(document->root(), *reply, form);
  std::fwrite(results.data(), 1, results.size(), stdout);
  std::fflush(stdout);
  const std::string error = PrintError(document->root());
  std::fputs(error.c_str(), stderr);
  return error.empty() ? 0 : kStatementFailed;
}

int ShellMain(int argc, char** argv) {
  CommandLine<ShellCommand> line = ParseShellCommand(argc, argv, kVersion);
  if (!line.command) return line.exit.code;
  const ShellCommand& command = *line.command;
  std::vector<std::string> texts = command.commands;
  for (const std::string& file : command.files) {
    Result<std::string> text = file == "-" ? Result<std::string>(ReadStandardInput()) : ReadFile(file, 1u << 30);
    if (!text.ok()) return Fail(text.error(), kWrongArguments);
    texts.push_back(*std::move(text));
  }
  Result<ShellSession> session = ShellSession::Open(command);
  if (!session.ok()) return Fail(session.error(), kNoServer);
  if (texts.empty()) texts.push_back(ReadStandardInput());
  const OutputForm form = ParseOutputForm(command.output);
  for (const std::string& text : texts) {
    if (int code = Run(*session, text, form); code != 0) return code;
  }
  return 0;
}

}  // namespace
}  // namespace kalamdb::cli

int main(int argc, char** argv) { return kalamdb::cli::ShellMain(argc, argv); }
