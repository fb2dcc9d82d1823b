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

// What follows the labels in the lines of buckets: the same for every series of a family.
std::vector<std::string> BucketEnds(const prometheus::ClientMetric& metric) {
  std::vector<std::string> ends;
  for (const auto& bucket : metric.histogram.bucket) {
    std::string end = metric.label.empty() ? "le=\"" : ",le=\"";
    AppendNumber(bucket.upper_bound, &end);
    ends.push_back(end + "\"} ");
  }
  return ends;
}

void AppendHistogram(std::string_view name, const std::string& labels, const std::vector<std::string>& bucket_ends,
                     const prometheus::ClientMetric& metric, std::string* out) {
  const std::string start = std::string(name) + "_bucket{" + labels;
  char digits[24];
  for (size_t i = 0; i < metric.histogram.bucket.size(); ++i) {
    *out += start;
    *out += bucket_ends[i];
    const uint64_t count = metric.histogram.bucket[i].cumulative_count;
    out->append(digits, std::to_chars(digits, digits + sizeof(digits), count).ptr);
    *out += '\n';
  }
  AppendLine(name, "_sum", labels, metric.histogram.sample_sum, out);
  AppendLine(name, "_count", labels, static_cast<double>(metric.histogram.sample_count), out);
}

// About as many bytes as the text will have: growing step by step would copy it several times.
size_t EstimateBytes(const std::vector<prometheus::MetricFamily>& families) {
  constexpr size_t kLineBytes = 48;  // what stands around name and labels
  size_t bytes = 0;
  for (const auto& family : families) {
    size_t labels = 0;
    for (const auto& label : family.metric.front().label) labels += label.name.size() + label.value.size() + 4;
    const size_t lines = family.metric.size() * (family.metric.front().histogram.bucket.size() + 2);
    bytes += family.help.size() + lines * (family.name.size() + labels + kLineBytes);
  }
  return bytes;
}

}  // namespace

std::string MetricsText(const std::vector<prometheus::MetricFamily>& families) {
  std::string out;
  out.reserve(EstimateBytes(families));
  for (const auto& family : families) {
    const bool is_histogram = family.type == prometheus::MetricType::Histogram;
    const bool is_counter = family.type == prometheus::MetricType::Counter;
    AppendHead(family, is_histogram ? "histogram" : is_counter ? "counter" : "gauge", &out);
    // Families have the same buckets and label names throughout.
    const std::vector<std::string> bucket_ends = BucketEnds(family.metric.front());
    for (const auto& metric : family.metric) {
      const std::string labels = LabelsOf(metric);
      if (is_histogram) {
        AppendHistogram(family.name, labels, bucket_ends, metric, &out);
      } else {
        AppendLine(family.name, "", labels, is_counter ? metric.counter.value : metric.gauge.value, &out);
      }
    }
  }
  return out;
}

}  // namespace kalamdb
