// What is printed when the process dies of a bug: the signal and a stack trace, on standard error.
#pragma once

namespace kalamdb {

// Prints the calling thread's stack, one frame a line: "program(function+offset) [address]". Uses no heap after the
// first call.
void PrintStackTrace(int fd);

// For SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT: stack trace, then the signal's default end (status and core as
// usual). Call once, early in main. Does nothing under a sanitizer, which has its own.
void InstallCrashHandler();

// From here on SIGABRT ends the process without a second trace. Does nothing under a sanitizer.
void ReleaseAbort();

}  // namespace kalamdb
