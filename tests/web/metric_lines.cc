#include "tests/web/metric_lines.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <string_view>

namespace vouch::test {

namespace {

bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/// Reads one line from its front.
class LineFront {
public:
    explicit LineFront(std::string_view line) : rest_(line) {}

    bool skip(std::string_view text) {
        if (!rest_.starts_with(text)) return false;
        rest_.remove_prefix(text.size());
        return true;
    }
    std::string name() {
        const auto end = std::ranges::find_if_not(rest_, is_name_char) - rest_.begin();
        std::string text(rest_.substr(0, static_cast<std::size_t>(end)));
        REQUIRE_FALSE(text.empty());
        REQUIRE_FALSE((text.front() >= '0' && text.front() <= '9'));
        rest_.remove_prefix(text.size());
        return text;
    }
    std::string quoted() {
        REQUIRE(skip("\""));
        std::string text;
        while (!skip("\"")) {
            REQUIRE_FALSE(rest_.empty());
            if (skip("\\n")) {
                text += '\n';
                continue;
            }
            const bool is_escape = skip("\\");
            REQUIRE((!is_escape || rest_.starts_with('\\') || rest_.starts_with('"')));
            text += rest_.front();
            rest_.remove_prefix(1);
        }
        return text;
    }
    double number() {
        if (rest_ == "+Inf") return HUGE_VAL;
        std::size_t read = 0;
        const double value = std::stod(std::string(rest_), &read);
        REQUIRE(read == rest_.size());
        return value;
    }

private:
    std::string_view rest_;
};

MetricLines::Labels labels_of(LineFront& line) {
    MetricLines::Labels labels;
    if (!line.skip("{")) return labels;
    do {
        const std::string name = line.name();
        REQUIRE(line.skip("="));
        REQUIRE(labels.emplace(name, line.quoted()).second);
    } while (line.skip(","));
    REQUIRE(line.skip("}"));
    return labels;
}

bool is_sample_of(const std::string& name, const std::string& family, const std::string& type) {
    if (type != "histogram") return name == family;
    return name == family + "_bucket" || name == family + "_count" || name == family + "_sum";
}

}  // namespace

MetricLines::MetricLines(const std::string& text) {
    REQUIRE(text.ends_with('\n'));
    std::set<std::string> families;
    std::set<std::pair<std::string, Labels>> seen;
    std::string family;
    std::string type;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        const std::string whole = text.substr(at, end - at);
        at = end + 1;
        CAPTURE(whole);
        LineFront line(whole);
        if (line.skip("# HELP ")) {
            if (type == "histogram") check_histogram(family);
            family = line.name();
            REQUIRE(families.insert(family).second);
            type.clear();
        } else if (line.skip("# TYPE ")) {
            REQUIRE(line.name() == family);
            REQUIRE(line.skip(" "));
            type = line.name();
            CHECK((type == "counter" || type == "gauge" || type == "histogram"));
            CHECK((type == "counter") == family.ends_with("_total"));
        } else {
            Sample sample;
            sample.name = line.name();
            REQUIRE(is_sample_of(sample.name, family, type));
            sample.labels = labels_of(line);
            REQUIRE(line.skip(" "));
            sample.value = line.number();
            REQUIRE(seen.emplace(sample.name, sample.labels).second);
            samples_.push_back(std::move(sample));
        }
    }
    if (type == "histogram") check_histogram(family);
}

void MetricLines::check_histogram(const std::string& family) const {
    std::map<Labels, std::vector<std::pair<double, double>>> buckets;  // bound and count
    for (const Sample& each : samples_) {
        if (each.name != family + "_bucket") continue;
        Labels labels = each.labels;
        REQUIRE(labels.contains("le"));
        const std::string bound = labels.extract("le").mapped();
        buckets[labels].emplace_back(LineFront(bound).number(), each.value);
    }
    REQUIRE_FALSE(buckets.empty());
    for (const auto& [labels, of] : buckets) {
        CHECK(std::ranges::is_sorted(of));
        CHECK(std::ranges::is_sorted(of, {}, &std::pair<double, double>::second));
        CHECK(of.back().first == HUGE_VAL);
        CHECK(value(family + "_count", labels) == of.back().second);
        CHECK(value(family + "_sum", labels).has_value());
    }
}

std::optional<double> MetricLines::value(const std::string& name, const Labels& labels) const {
    const auto is_it = [&](const Sample& each) {
        return each.name == name && each.labels == labels;
    };
    const auto found = std::ranges::find_if(samples_, is_it);
    return found == samples_.end() ? std::nullopt : std::optional(found->value);
}

double MetricLines::sum(const std::string& name) const {
    double sum = 0;
    for (const Sample& each : samples_) sum += each.name == name ? each.value : 0;
    return sum;
}

std::size_t MetricLines::count(const std::string& name) const {
    return static_cast<std::size_t>(std::ranges::count(samples_, name, &Sample::name));
}

}  // namespace vouch::test
