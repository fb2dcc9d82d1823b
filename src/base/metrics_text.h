// Metric families as Prometheus text exposition 0.0.4. Private to base/.
//
// The library's own serializer writes through a stream, label by label; this
// one writes the labels of a series once, and numbers by std::to_chars: a tenth
// of the time.
#pragma once

#include <string>
#include <vector>

namespace prometheus {
struct MetricFamily;
}  // namespace prometheus

namespace kalamdb {

// REQUIRES: no family is empty.
std::string MetricsText(const std::vector<prometheus::MetricFamily>& families);

}  // namespace kalamdb
