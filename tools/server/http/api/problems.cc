#include "tools/server/http/api/problems.h"

#include "events/json_writer.h"
#include "tools/server/http/api/shard_health.h"

#include <algorithm>
#include <string>

namespace vouch::http {

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
namespace {

Response shard_stopped(ShardId shard, const std::string& detail) {
    return problem(503, command_handler::kShardStopped, "A shard has stopped", detail,
                   [&](JsonWriter& json) { json.member("shard", shard.value()); });
}

}  // namespace

Response shard_stopped(const command_handler::CutOffCommand& cut) {
    return shard_stopped(cut.by.shard, cut.detail());
}
Response shard_stopped(const ShardHealth& health, std::string_view consequence) {
    std::string detail = health.text();
    std::replace(detail.begin(), detail.end(), '\n', ';');
    return shard_stopped(health.shard, detail + ' ' + std::string(consequence));
}
Response failed() {
    return problem(503, "failed", "The ledger has stopped",
                   "what was sent may be recorded or not: send it again later, each command is "
                   "decided once");
}

}  // namespace vouch::http
