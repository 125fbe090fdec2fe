#include "tools/server/metrics/metric_text.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstdint>
#include <limits>

namespace vouch::metrics {

namespace {

prometheus::MetricType type_of(MetricText::Kind kind) {
    switch (kind) {
        case MetricText::Kind::counter:
            return prometheus::MetricType::Counter;
        case MetricText::Kind::gauge:
            return prometheus::MetricType::Gauge;
        case MetricText::Kind::histogram:
            return prometheus::MetricType::Histogram;
    }
    return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric labelled(const MetricText::Labels& labels) {
    prometheus::ClientMetric metric;
    for (const auto& [name, value] : labels) metric.label.push_back({std::string(name), value});
    return metric;
}

}  // namespace

struct MetricText::Families {
    std::vector<prometheus::MetricFamily> all;
};

MetricText::MetricText() : families_(std::make_unique<Families>()) {}
MetricText::~MetricText() = default;

void MetricText::begin(Kind kind, std::string_view name, std::string_view help) {
    prometheus::MetricFamily& family = families_->all.emplace_back();
    family.name = name;
    family.help = help;
    family.type = type_of(kind);
}

void MetricText::add(double value, const Labels& labels) {
    prometheus::ClientMetric metric = labelled(labels);
    metric.counter.value = value;
    metric.gauge.value = value;
    families_->all.back().metric.push_back(std::move(metric));
}

void MetricText::add(const DurationHistogram::Counts& counts, const Labels& labels) {
    prometheus::ClientMetric metric = labelled(labels);
    std::uint64_t so_far = 0;
    for (std::size_t i = 0; i < counts.in_bucket.size(); ++i) {
        so_far += counts.in_bucket[i];
        const bool is_last = i == DurationHistogram::kBoundsSeconds.size();
        const double bound = is_last ? std::numeric_limits<double>::infinity()
                                     : DurationHistogram::kBoundsSeconds[i];
        metric.histogram.bucket.push_back({so_far, bound});
    }
    metric.histogram.sample_count = so_far;
    metric.histogram.sample_sum = counts.sum_seconds;
    families_->all.back().metric.push_back(std::move(metric));
}

std::string MetricText::text() const {
    std::vector<prometheus::MetricFamily> told;
    for (const prometheus::MetricFamily& each : families_->all) {
        if (!each.metric.empty()) told.push_back(each);
    }
    return prometheus::TextSerializer().Serialize(told);
}

}  // namespace vouch::metrics
