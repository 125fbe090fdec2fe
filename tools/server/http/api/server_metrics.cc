#include "tools/server/http/api/server_metrics.h"

#include "events/log/disk_room.h"
#include "events/money/outcome.h"
#include "events/seal/deployment.h"
#include "tools/server/http/api/server_status.h"
#include "tools/server/http/api/shard_health.h"
#include "tools/server/metrics/metric_text.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace vouch::http {

namespace {

using metrics::MetricText;
using Kind = MetricText::Kind;

std::string text_of(ShardId shard) { return std::to_string(shard.value()); }

/// One word a code, whatever the message says.
std::string_view reason_of(const Fault& fault) {
    switch (fault.code) {
        case FaultCode::retriable:
            return "retriable";
        case FaultCode::fenced:
            return "fenced";
        case FaultCode::corrupt:
            return "corrupt";
        case FaultCode::storage:
            return "storage";
        case FaultCode::configuration:
            return "configuration";
    }
    return "";
}

double seconds_of(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

/// "/v1/holds/{id}" of "v1/holds/*".
std::string template_of(const std::string& route) {
    if (route == metrics::RequestMeter::kOther || route.starts_with('/')) return route;
    std::string text = "/" + route;
    if (const std::size_t id = text.find('*'); id != std::string::npos)
        text.replace(id, 1, "{id}");
    return text;
}

void add_process(MetricText& text, const LedgerParts& parts) {
    text.begin(Kind::gauge, "vouch_build_info", "The program that runs; always 1.");
    text.add(1, {{"version", parts.program_version}});
    text.begin(Kind::gauge, "vouch_role_info", "Each part that runs in this process; always 1.");
    if (parts.handler != nullptr) text.add(1, {{"role", "handler"}});
    if (parts.views != nullptr) text.add(1, {{"role", "projector"}});
    text.add(1, {{"role", "api"}});
}

void add_log(MetricText& text, const LedgerParts& parts) {
    if (parts.log == nullptr) return;
    text.begin(Kind::gauge, "vouch_log_waiting",
               "1 while the log waits for room on its disk, or for a broker that answers.");
    text.add(parts.log->waits() ? 1 : 0);
    text.begin(Kind::gauge, "vouch_log_alarms", "What is wrong around the log now: see /readyz.");
    text.add(static_cast<double>(parts.log->alarms().size()));
    text.begin(Kind::gauge, "vouch_brokers_unanswered_seconds",
               "Since a broker has last answered the watch, which asks every second.");
    if (const auto age = parts.log->unanswered_for()) text.add(seconds_of(*age));
}

void add_disk(MetricText& text, const LedgerParts& parts) {
    std::error_code error;
    const std::filesystem::space_info space = std::filesystem::space(parts.directory, error);
    if (parts.directory.empty() || error) return;
    text.begin(Kind::gauge, "vouch_disk_free_bytes",
               "Free for this process on the disk of the data directory.");
    text.add(static_cast<double>(space.available));
    text.begin(Kind::gauge, "vouch_disk_reserve_bytes",
               "What is left free: with less, commands wait, on Kafka views and stores do.");
    text.add(static_cast<double>(parts.deployment->kafka ? kDiskReserveBytes : kLogReserveBytes));
}

void add_health(MetricText& text, const LedgerParts& parts,
                const std::vector<ShardHealth>& shards) {
    const auto each_part = [&](const auto& add) {
        for (const ShardHealth& each : shards) {
            if (parts.handler != nullptr) add(each.shard, "handler", each.handler);
            if (parts.views != nullptr) add(each.shard, "view", each.view);
        }
    };
    text.begin(Kind::gauge, "vouch_shard_up", "0 when the shard's handler or view has stopped.");
    each_part([&](ShardId shard, const char* part, const std::optional<Fault>& fault) {
        text.add(fault ? 0 : 1, {{"shard", text_of(shard)}, {"part", part}});
    });
    text.begin(Kind::gauge, "vouch_shard_stopped_info",
               "Why the shard's handler or view has stopped, as one word; 1 while it has.");
    each_part([&](ShardId shard, const char* part, const std::optional<Fault>& fault) {
        if (fault) {
            text.add(1, {{"shard", text_of(shard)},
                         {"part", part},
                         {"reason", std::string(reason_of(*fault))}});
        }
    });
    text.begin(Kind::gauge, "vouch_shard_findings",
               "Lines of /readyz about the shard: what has stopped, or was found changed.");
    for (const ShardHealth& each : shards) {
        const std::string lines = each.text();
        text.add(static_cast<double>(std::ranges::count(lines, '\n')),
                 {{"shard", text_of(each.shard)}});
    }
}

void add_commands(MetricText& text, const LedgerParts& parts) {
    if (parts.handler == nullptr || parts.told == nullptr) return;
    const std::uint32_t shards = parts.deployment->shards;
    text.begin(Kind::counter, "vouch_commands_total",
               "Commands that got their outcome, repeats apart.");
    for (std::uint32_t i = 0; i < shards; ++i) {
        for (const OutcomeRow& row : kOutcomes) {
            const std::uint64_t count = parts.told->first(ShardId(i), row.outcome);
            if (count == 0) continue;
            text.add(static_cast<double>(count),
                     {{"shard", text_of(ShardId(i))}, {"outcome", std::string(row.word)}});
        }
    }
    text.begin(Kind::counter, "vouch_commands_repeated_total",
               "Commands that were sent again, and got their first outcome.");
    for (std::uint32_t i = 0; i < shards; ++i) {
        text.add(static_cast<double>(parts.told->repeats(ShardId(i))),
                 {{"shard", text_of(ShardId(i))}});
    }
    text.begin(Kind::gauge, "vouch_commands_in_transit",
               "Commands of the shard that wait for another shard's answer.");
    for (std::uint32_t i = 0; i < shards; ++i) {
        // One that has stopped counts no more, and one that did at its start never has.
        if (parts.handler->stop_of(ShardId(i))) continue;
        text.add(static_cast<double>(parts.handler->in_transit(ShardId(i))),
                 {{"shard", text_of(ShardId(i))}});
    }
}

void add_views(MetricText& text, const LedgerParts& parts) {
    if (parts.views == nullptr) return;
    std::vector<projector::Follower::Lag> lags;
    for (std::uint32_t i = 0; i < parts.deployment->shards; ++i)
        lags.push_back(parts.views->lag(ShardId(i)));
    const auto add_each = [&](const auto& value_of) {
        for (std::uint32_t i = 0; i < lags.size(); ++i) {
            if (const std::optional<double> value = value_of(lags[i]))
                text.add(*value, {{"shard", text_of(ShardId(i))}});
        }
    };
    using Lag = projector::Follower::Lag;
    text.begin(Kind::gauge, "vouch_view_lag_records",
               "Durable records that the shard's view has not applied.");
    add_each([](const Lag& lag) { return lag.records; });
    text.begin(Kind::gauge, "vouch_view_lag_seconds",
               "Since the shard's view had all that the log had, by looks at the log.");
    add_each([](const Lag& lag) { return std::optional(seconds_of(lag.time)); });
    text.begin(Kind::gauge, "vouch_view_complete_timestamp_seconds",
               "Answers about times before this are settled by the shard: its newest record's.");
    add_each([](const Lag& lag) {
        return lag.complete_below
                   ? std::optional(static_cast<double>(lag.complete_below->value()) / 1e6)
                   : std::nullopt;
    });
}

void add_requests(MetricText& text, const metrics::RequestMeter& meter) {
    text.begin(Kind::histogram, "vouch_command_duration_seconds",
               "From a request of one command to the outcome of that command.");
    text.add(meter.lone_commands.counts());
    text.begin(Kind::histogram, "vouch_http_request_duration_seconds",
               "From a request, read whole, to its answer, not sent yet.");
    for (const auto& route : meter.routes()) {
        const metrics::DurationHistogram::Counts counts = route.times.counts();
        const bool is_asked = std::ranges::any_of(counts.in_bucket, [](auto n) { return n > 0; });
        if (is_asked) text.add(counts, {{"route", template_of(route.name)}});
    }
    text.begin(Kind::counter, "vouch_http_responses_total",
               "Answers by their status, those to what is no request among them.");
    for (unsigned status = 0; status < metrics::RequestMeter::kStatusEnd; ++status) {
        if (const std::uint64_t count = meter.answers(status); count > 0)
            text.add(static_cast<double>(count), {{"code", std::to_string(status)}});
    }
}

}  // namespace

Response metrics_of(const LedgerThread& thread) {
    const LedgerParts& parts = thread.parts;
    const std::vector<ShardHealth> shards = health_of(parts);
    MetricText text;
    add_process(text, parts);
    text.begin(Kind::gauge, "vouch_ready", "1 while /readyz answers 200.");
    text.add(not_ready(thread, shards) ? 0 : 1);
    add_log(text, parts);
    add_disk(text, parts);
    add_health(text, parts, shards);
    add_commands(text, parts);
    add_views(text, parts);
    add_requests(text, thread.meter);
    Response response;
    response.content_type = MetricText::kContentType;
    response.body = text.text();
    return response;
}

}  // namespace vouch::http
