// Percentiles, and /proc for the other process.
#include "load_stats.h"

#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "row/json.h"

namespace kalamdb::bench {

namespace {

int64_t OwnCpuMicros() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto micros = [](const timeval& time) { return static_cast<int64_t>(time.tv_sec) * 1'000'000 + time.tv_usec; };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

}  // namespace

int64_t NowMicros() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1'000;
}

void LoadStats::Start() {
  cpu_us_ = ProcessCpuMicros();
  own_cpu_us_ = OwnCpuMicros();
  started_us_ = NowMicros();
}

void LoadStats::Stop() {
  stopped_us_ = NowMicros();
  cpu_us_ = ProcessCpuMicros() - cpu_us_;
  own_cpu_us_ = OwnCpuMicros() - own_cpu_us_;
}

// Fields 14 and 15 of /proc/<pid>/stat, behind the name in parentheses; children's (16, 17) for servers that fork.
int64_t LoadStats::ProcessCpuMicros() const {
  if (pid_ == 0) return 0;
  std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  int64_t ticks = 0;
  for (int i = 3; i <= 15 && fields >> field; ++i) {
    if (i >= 14) ticks += std::stoll(field);
  }
  return ticks * (1'000'000 / ::sysconf(_SC_CLK_TCK));
}

uint64_t LoadStats::ProcessPeakKiB() const {
  std::ifstream file("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("VmHWM:")) return std::stoull(line.substr(6));
  }
  return 0;
}

uint32_t LoadStats::Quantile(double q) {
  if (latencies_us_.empty()) return 0;
  const auto at = static_cast<size_t>(q * static_cast<double>(latencies_us_.size() - 1));
  std::nth_element(latencies_us_.begin(), latencies_us_.begin() + static_cast<ptrdiff_t>(at), latencies_us_.end());
  return latencies_us_[at];
}

std::string LoadStats::Json() {
  const double seconds = static_cast<double>(stopped_us_ - started_us_) / 1e6;
  const auto operations = static_cast<double>(std::max<uint64_t>(operations_, 1));
  char text[600];
  std::snprintf(
      text, sizeof text,
      R"({"scenario":"%s","connections":%d,"seconds":%.3f,"operations":%llu,"rate":%.1f,"p50_us":%u,"p99_us":%u,)"
      R"("p999_us":%u,"max_us":%u,"client_cpu_us":%.2f,"server_cpu_us":%.2f,"server_peak_kib":%llu,"ok":%s)",
      scenario_.c_str(), connections_, seconds, static_cast<unsigned long long>(operations_),
      operations / std::max(seconds, 1e-6), Quantile(0.5), Quantile(0.99), Quantile(0.999), Quantile(1.0),
      static_cast<double>(own_cpu_us_) / operations, static_cast<double>(cpu_us_) / operations,
      static_cast<unsigned long long>(pid_ == 0 ? 0 : ProcessPeakKiB()), failed() ? "false" : "true");
  std::string json = std::string(text) + notes_ + ",\"failure\":";
  row::AppendJsonString(failure_.substr(0, 300), &json);
  return json + "}";
}

}  // namespace kalamdb::bench
