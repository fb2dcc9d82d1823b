// Stack traces in signal handlers: only async-signal-safe calls between the signal and the end.
#include "base/crash_handler.h"

#include <execinfo.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace kalamdb {

namespace {

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
constexpr int kMostFrames = 64;
constexpr int kSignals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

const char* SignalName(int signal) {
  switch (signal) {
    case SIGSEGV: return "SIGSEGV";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGILL: return "SIGILL";
    default: return "SIGABRT";
  }
}

void Print(const char* text) { (void)!write(STDERR_FILENO, text, std::strlen(text)); }

void OnCrash(int signal) {
  Print("kalamdb: ended by ");
  Print(SignalName(signal));
  Print("\n");
  PrintStackTrace(STDERR_FILENO);
  // The handler was installed for one shot: this takes the default end.
  raise(signal);
}

}  // namespace

void PrintStackTrace(int fd) {
  void* frames[kMostFrames];
  backtrace_symbols_fd(frames, backtrace(frames, kMostFrames), fd);
}

void ReleaseAbort() {
  if (!kSanitized) std::signal(SIGABRT, SIG_DFL);
}

void InstallCrashHandler() {
  if (kSanitized) return;
  void* frame;
  backtrace(&frame, 1);  // loads the unwinder now, which allocates

  // An own stack, so that a stack overflow can be reported too (on this thread; others have their own stacks).
  static char stack[64 << 10];
  stack_t alternate{};
  alternate.ss_sp = stack;
  alternate.ss_size = sizeof stack;
  sigaltstack(&alternate, nullptr);

  struct sigaction action{};
  action.sa_handler = OnCrash;
  action.sa_flags = static_cast<int>(SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
  for (int signal : kSignals) sigaction(signal, &action, nullptr);
}

}  // namespace kalamdb
