// Latencies of one run, and what the measured process spent on it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace kalamdb::bench {

int64_t NowMicros();  // monotonic

// One run's figures; prints itself as one JSON object.
class LoadStats {
 public:
  LoadStats(std::string scenario, int connections) : scenario_(std::move(scenario)), connections_(connections) {}

  void Start();  // counts from here
  void Add(int64_t latency_us, uint64_t operations = 1) {
    latencies_us_.push_back(static_cast<uint32_t>(latency_us < 0 ? 0 : latency_us));
    operations_ += operations;
  }
  void Stop();

  // The process whose CPU and memory are reported; 0 = none.
  void Watch(int pid) { pid_ = pid; }
  // The first failure is kept: what follows comes of it.
  void Fail(std::string why) {
    if (failure_.empty()) failure_ = std::move(why);
  }
  // A further figure of this run.
  void Note(const std::string& name, double value) { notes_ += ",\"" + name + "\":" + std::to_string(value); }
  bool failed() const { return !failure_.empty(); }
  uint64_t operations() const { return operations_; }

  std::string Json();

 private:
  uint32_t Quantile(double q);
  int64_t ProcessCpuMicros() const;
  uint64_t ProcessPeakKiB() const;

  const std::string scenario_;
  const int connections_;
  int pid_ = 0;
  int64_t started_us_ = 0, stopped_us_ = 0, cpu_us_ = 0, own_cpu_us_ = 0;
  uint64_t operations_ = 0;
  std::vector<uint32_t> latencies_us_;
  std::string failure_, notes_;
};

}  // namespace kalamdb::bench
