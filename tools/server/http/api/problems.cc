#include "tools/server/http/api/problems.h"

#include "events/check.h"
#include "events/json_writer.h"
#include "tools/server/http/api/shard_health.h"

#include <algorithm>
#include <string>
#include <utility>

namespace vouch::http {

namespace {

std::string_view to_text(Recorded recorded) {
    switch (recorded) {
        case Recorded::no:
            return "no";
        case Recorded::unknown:
            return "unknown";
        case Recorded::in_transit:
            return "in_transit";
    }
    return "";
}

Response with_member(Response problem, const std::string& json) {
    const std::size_t end = problem.body.rfind('}');
    VOUCH_ASSERT(end != std::string::npos);
    problem.body.insert(end, "," + json);
    return problem;
}

Response shard_stopped(ShardId shard, const std::string& detail) {
    return problem(503, command_handler::kShardStopped, "A shard has stopped", detail,
                   [&](JsonWriter& json) { json.member("shard", shard.value()); });
}

}  // namespace

void add_recorded(JsonWriter& json, Recorded recorded) {
    json.member("recorded", to_text(recorded));
}
Response with_recorded(Response problem, Recorded recorded) {
    return with_member(std::move(problem),
                       "\"recorded\":\"" + std::string(to_text(recorded)) + "\"");
}
Response with_outcomes(Response problem, std::string_view outcome_lines) {
    std::string listed(outcome_lines.substr(0, outcome_lines.rfind('\n')));
    std::ranges::replace(listed, '\n', ',');
    return with_member(std::move(problem), "\"outcomes\":[" + listed + "]");
}

Response bad_request(std::string_view detail) {
    return problem(400, "bad-request", "The request is not understood", detail);
}
Response bad_parameter(std::string_view detail) {
    return problem(400, "bad-parameter", "A parameter is wrong", detail);
}
Response not_found(std::string_view detail) {
    return problem(404, "not-found", "There is no such thing", detail);
}
Response behind(std::string_view detail) {
    return problem(503, "behind", "The views are not that far yet", detail);
}
Response not_settled() {
    return problem(503, "not-settled", "The answer may still change",
                   "something at or before the time asked about may still come");
}
Response stopping() {
    return problem(503, "stopping", "The server is stopping", "nothing was recorded");
}
Response busy(std::string_view detail, Recorded recorded) {
    return with_recorded(busy(detail), recorded);
}
Response shard_stopped(const command_handler::CutOffCommand& cut) {
    const Recorded recorded = cut.is_busy || cut.transit ? Recorded::in_transit
                              : cut.is_unrecorded        ? Recorded::no
                                                         : Recorded::unknown;
    if (cut.is_busy) return busy(cut.detail(), recorded);
    return with_recorded(shard_stopped(cut.by.shard, cut.detail()), recorded);
}
Response shard_stopped(const ShardHealth& health, std::string_view consequence) {
    std::string detail = health.text();
    for (std::size_t at = 0; (at = detail.find('\n', at)) != std::string::npos;)
        detail.replace(at, 1, "; ");
    return shard_stopped(health.shard, detail + std::string(consequence));
}
Response failed(Recorded recorded) {
    const std::string_view detail =
        recorded == Recorded::no
            ? "nothing was recorded: send it again later"
            : "what was sent may be recorded or not: send it again later, each command is decided "
              "once";
    return problem(503, "failed", "The ledger has stopped", detail,
                   [&](JsonWriter& json) { add_recorded(json, recorded); });
}

}  // namespace vouch::http
