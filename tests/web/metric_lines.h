#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vouch::test {

/// Metrics as a strict reader of the text format 0.0.4 takes them: each family has its help, its
/// type and then its samples, all together; no sample is there twice; a histogram's buckets grow to
/// its count; a counter ends in _total. The test fails where that is not so.
class MetricLines {
public:
    using Labels = std::map<std::string, std::string>;

    explicit MetricLines(const std::string& text);

    /// Empty when there is no such sample.
    std::optional<double> value(const std::string& name, const Labels& labels = {}) const;
    /// Of all samples of that name.
    double sum(const std::string& name) const;
    std::size_t count(const std::string& name) const;

private:
    struct Sample {
        std::string name;
        Labels labels;
        double value = 0;
    };
    void check_histogram(const std::string& family) const;

    std::vector<Sample> samples_;
};

}  // namespace vouch::test
