// Writing the text.
#include "base/metrics_text.h"

#include <prometheus/metric_family.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string_view>

namespace kalamdb {
namespace {

void AppendNumber(double value, std::string* out) {
  if (std::isnan(value)) {
    *out += "NaN";
  } else if (std::isinf(value)) {
    *out += value > 0 ? "+Inf" : "-Inf";
  } else {
    char digits[32];
    // Whole numbers as such: most are, and it is the faster way.
    constexpr double kWhole = 1e15;
    const auto end = std::abs(value) < kWhole && value == std::trunc(value)
                         ? std::to_chars(digits, digits + sizeof(digits), static_cast<int64_t>(value))
                         : std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::general);
    out->append(digits, end.ptr);
  }
}

void AppendEscaped(std::string_view text, bool quotes, std::string* out) {
  for (char c : text) {
    if (c == '\n') {
      *out += "\\n";
    } else if (c == '\\' || (c == '"' && quotes)) {
      *out += '\\';
      *out += c;
    } else {
      *out += c;
    }
  }
}

void AppendHead(const prometheus::MetricFamily& family, std::string_view type, std::string* out) {
  *out += "# HELP " + family.name + ' ';
  AppendEscaped(family.help, false, out);
  *out += "\n# TYPE " + family.name + ' ';
  *out += type;
  *out += '\n';
}

// name="value",… without braces.
std::string LabelsOf(const prometheus::ClientMetric& metric) {
  std::string labels;
  for (const auto& label : metric.label) {
    if (!labels.empty()) labels += ',';
    labels += label.name + "=\"";
    AppendEscaped(label.value, true, &labels);
    labels += '"';
  }
  return labels;
}

void AppendLine(std::string_view name, std::string_view suffix, std::string_view labels, double value,
                std::string* out) {
  *out += name;
  *out += suffix;
  if (!labels.empty()) {
    *out += '{';
    *out += labels;
    *out += '}';
  }
  *out += ' ';
  AppendNumber(value, out);
  *out += '\n';
}

void AppendHistogram(std::string_view name, const std::string& labels, const prometheus::ClientMetric& metric,
                     std::string* out) {
  std::string start(name);
  start += "_bucket{";
  start += labels;
  start += labels.empty() ? "le=\"" : ",le=\"";
  for (const auto& bucket : metric.histogram.bucket) {
    *out += start;
    AppendNumber(bucket.upper_bound, out);
    *out += "\"} ";
    AppendNumber(static_cast<double>(bucket.cumulative_count), out);
    *out += '\n';
  }
  AppendLine(name, "_sum", labels, metric.histogram.sample_sum, out);
  AppendLine(name, "_count", labels, static_cast<double>(metric.histogram.sample_count), out);
}

}  // namespace

std::string MetricsText(const std::vector<prometheus::MetricFamily>& families) {
  std::string out;
  for (const auto& family : families) {
    const bool is_histogram = family.type == prometheus::MetricType::Histogram;
    const bool is_counter = family.type == prometheus::MetricType::Counter;
    AppendHead(family, is_histogram ? "histogram" : is_counter ? "counter" : "gauge", &out);
    for (const auto& metric : family.metric) {
      const std::string labels = LabelsOf(metric);
      if (is_histogram) {
        AppendHistogram(family.name, labels, metric, &out);
      } else {
        AppendLine(family.name, "", labels, is_counter ? metric.counter.value : metric.gauge.value, &out);
      }
    }
  }
  return out;
}

}  // namespace kalamdb
