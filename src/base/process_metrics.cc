// The process_* metrics that Prometheus' own clients have, from /proc/self.
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <ctime>

#include "base/metrics.h"

namespace kalamdb {

namespace {

// Fields of /proc/self/stat, which follow the program's name in parentheses (proc(5)).
struct ProcessStat {
  unsigned long user_ticks = 0;
  unsigned long system_ticks = 0;
  long threads = 0;
  unsigned long long start_ticks = 0;  // since boot
  unsigned long virtual_bytes = 0;
  long resident_pages = 0;
};

bool ReadProcessStat(ProcessStat* stat) {
  std::FILE* file = std::fopen("/proc/self/stat", "re");
  if (file == nullptr) return false;
  char text[1024];
  size_t length = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  text[length] = '\0';
  const char* rest = std::strrchr(text, ')');
  if (rest == nullptr) return false;
  return std::sscanf(rest + 1,
                     " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %ld %*d %llu %lu %ld",
                     &stat->user_ticks, &stat->system_ticks, &stat->threads, &stat->start_ticks, &stat->virtual_bytes,
                     &stat->resident_pages) == 6;
}

double CountOpenFiles() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  double count = 0;
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count - 3;  // ".", ".." and the directory itself
}

double StartSeconds(unsigned long long start_ticks, double ticks_per_second) {
  timespec wall, boot;
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_BOOTTIME, &boot);
  auto seconds = [](const timespec& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9; };
  return seconds(wall) - seconds(boot) + static_cast<double>(start_ticks) / ticks_per_second;
}

}  // namespace

std::unique_ptr<Metrics::Collector> AddProcessMetrics(Metrics& metrics) {
  Counter cpu = metrics.AddCounter("process_cpu_seconds_total", "User and system CPU time spent, in seconds.");
  Gauge resident = metrics.AddGauge("process_resident_memory_bytes", "Resident memory size in bytes.");
  Gauge virtual_size = metrics.AddGauge("process_virtual_memory_bytes", "Virtual memory size in bytes.");
  Gauge start = metrics.AddGauge("process_start_time_seconds", "Start of the process, in seconds since 1970.");
  Gauge open_files = metrics.AddGauge("process_open_fds", "Open file descriptors.");
  Gauge max_files = metrics.AddGauge("process_max_fds", "Most file descriptors that may be open.");
  Gauge threads = metrics.AddGauge("process_threads", "Threads of the process.");
  const double ticks_per_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  const double page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  ProcessStat first;
  if (ReadProcessStat(&first)) start.Set(StartSeconds(first.start_ticks, ticks_per_second));
  return metrics.OnCollect([=] {
    ProcessStat stat;
    if (ReadProcessStat(&stat)) {
      cpu.RaiseTo(static_cast<double>(stat.user_ticks + stat.system_ticks) / ticks_per_second);
      resident.Set(static_cast<double>(stat.resident_pages) * page_bytes);
      virtual_size.Set(static_cast<double>(stat.virtual_bytes));
      threads.Set(static_cast<double>(stat.threads));
    }
    rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) max_files.Set(static_cast<double>(limit.rlim_cur));
    open_files.Set(CountOpenFiles());
  });
}

}  // namespace kalamdb
