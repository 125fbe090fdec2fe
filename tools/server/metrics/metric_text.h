#pragma once

#include "tools/server/metrics/duration_histogram.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch::metrics {

/// Values as Prometheus reads them: its text format, version 0.0.4.
class MetricText {
public:
    static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";
    enum class Kind { counter, gauge, histogram };
    /// Names in static storage. Of few values each: no ids, no names of holders.
    using Labels = std::vector<std::pair<std::string_view, std::string>>;

    MetricText();
    ~MetricText();
    MetricText(const MetricText&) = delete;
    MetricText& operator=(const MetricText&) = delete;

    /// What is added from here on is of this family. One without a value is not told.
    void begin(Kind kind, std::string_view name, std::string_view help);
    void add(double value, const Labels& labels = {});
    void add(const DurationHistogram::Counts& counts, const Labels& labels = {});

    std::string text() const;

private:
    struct Families;
    std::unique_ptr<Families> families_;
};

}  // namespace vouch::metrics
