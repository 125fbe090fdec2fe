#include "tools/server/metrics/metric_text.h"

#include "tests/web/metric_lines.h"
#include "tools/server/metrics/outcome_counts.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

using namespace vouch;
using metrics::MetricText;
using test::MetricLines;

TEST_CASE("metric text: any label's value is read back, large numbers are whole") {
    MetricText text;
    const std::string odd = "a \"b\" \\ c\nd \\n {e=\"f\"}, \xc3\xa4";
    text.begin(MetricText::Kind::gauge, "vouch_odd", "Of no use.");
    text.add(3, {{"what", odd}, {"shard", "0"}});
    text.add(1'700'000'000.123456, {{"what", ""}});
    text.begin(MetricText::Kind::gauge, "vouch_none", "Has no value, and is not told.");
    text.begin(MetricText::Kind::counter, "vouch_large_total", "As many as 53 bits hold.");
    text.add(9'007'199'254'740'991.0);
    const MetricLines lines(text.text());
    CHECK(lines.value("vouch_odd", {{"what", odd}, {"shard", "0"}}) == 3);
    CHECK(lines.value("vouch_odd", {{"what", ""}}) == 1'700'000'000.123456);
    CHECK(lines.value("vouch_large_total") == 9'007'199'254'740'991.0);
    CHECK(text.text().find("vouch_none") == std::string::npos);
}

TEST_CASE("metric text: a time is in the first bucket that is not shorter") {
    using std::chrono::microseconds;
    metrics::DurationHistogram times;
    for (const int time : {1, 100, 101, 12'000'000, 12'000'001}) times.add(microseconds(time));
    MetricText text;
    text.begin(MetricText::Kind::histogram, "vouch_time_seconds", "Five.");
    text.add(times.counts(), {{"route", "/x"}});
    const MetricLines lines(text.text());
    const auto below = [&](const std::string& bound) {
        return lines.value("vouch_time_seconds_bucket", {{"route", "/x"}, {"le", bound}});
    };
    CHECK(below("0.0001") == 2);
    CHECK(below("0.00025") == 3);
    CHECK(below("5") == 3);
    CHECK(below("12") == 4);
    CHECK(below("+Inf") == 5);
    CHECK(lines.value("vouch_time_seconds_sum", {{"route", "/x"}}) == 24.000203);
}

TEST_CASE("told outcomes: first ones by shard and outcome, repeats apart, what is in transit not") {
    metrics::OutcomeCounts told(2);
    std::vector<command_handler::Answer> answers(5);
    for (command_handler::Answer& each : answers) each.outcome = Outcome::posted;
    answers[1].outcome = Outcome::insufficient_funds;
    answers[2].repeated = true;
    answers[3].in_transit = true;
    told.add(ShardId(1), answers);
    CHECK(told.first(ShardId(1), Outcome::posted) == 2);
    CHECK(told.first(ShardId(1), Outcome::insufficient_funds) == 1);
    CHECK(told.repeats(ShardId(1)) == 1);
    CHECK(told.first(ShardId(0), Outcome::posted) == 0);
}
