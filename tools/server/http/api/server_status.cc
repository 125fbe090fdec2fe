#include "tools/server/http/api/server_status.h"

#include "events/json_writer.h"
#include "events/seal/deployment.h"
#include "tools/server/http/api/openapi.h"
#include "tools/server/http/api/problems.h"
#include "tools/server/http/api/shard_health.h"
#include "tools/server/http/api/told_by_fields.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace vouch::http {

namespace {

Response text(std::string body) {
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::move(body);
    return response;
}

std::optional<Response> log_waits(const LedgerParts& parts) {
    const std::optional<Fault> fault = parts.log ? parts.log->waits() : std::nullopt;
    if (!fault) return std::nullopt;
    if (parts.deployment->kafka)
        return problem(503, "no-brokers", "The log waits for its brokers", fault->message);
    return problem(503, "no-room", "The log waits for its disk", fault->message);
}

}  // namespace

std::optional<Response> not_ready(const LedgerThread& thread,
                                  const std::vector<ShardHealth>& shards) {
    const places::ViewFollower* const views = thread.parts.views;
    if (thread.is_draining()) return stopping();
    const bool none_is_whole = std::none_of(
        shards.begin(), shards.end(), [](const ShardHealth& each) { return each.is_whole(); });
    if (thread.fault || none_is_whole)
        return problem(503, "failed", "The ledger has stopped", "no shard is left that is whole");
    // Brokers before views, which stand still without them.
    if (std::optional<Response> waits = log_waits(thread.parts)) return waits;
    if (views != nullptr && !views->is_ready())
        return behind("the views have not yet reached the log's end");
    return std::nullopt;
}

// Brokers that come back soon are waited for: what comes meanwhile is not turned away.
std::optional<Response> waits_for_room(const LedgerParts& parts) {
    return parts.deployment->kafka ? std::nullopt : log_waits(parts);
}

Response liveness() { return text("alive\n"); }

// Whoever sends elsewhere what this server does not take has nowhere to send it: there is one
// writer. So it is ready as long as some shards are, and says which are not.
Response readiness(const LedgerThread& thread) {
    const std::vector<ShardHealth> shards = health_of(thread.parts);
    if (std::optional<Response> reason = not_ready(thread, shards)) return std::move(*reason);
    return text("ready\n" + findings_text(thread.parts, shards));
}

Response status(const LedgerThread& thread, bool as_text) {
    const std::vector<ShardHealth> shards = health_of(thread.parts);
    const std::optional<Response> reason = not_ready(thread, shards);
    const std::string findings = findings_text(thread.parts, shards);
    Response response;
    if (as_text) {
        response = text((reason ? "not ready: " + reason->detail + "\n" : "ready\n") + findings);
    } else {
        response.body = status_json(thread.parts, !reason, reason ? reason->detail : "", shards);
    }
    if (!findings.empty()) response.fields.emplace_back(kFindingField, "stopped");
    return response;
}

Response version(const LedgerParts& parts, bool as_text) {
    const Deployment& deployment = *parts.deployment;
    if (as_text) {
        return text("vouch " + parts.program_version + "\ncommit " + parts.program_commit +
                    "\ndeployment " + id_text(deployment.id) + "\nshards " +
                    std::to_string(deployment.shards) + "\ntest clock " +
                    (deployment.test_clock ? "true" : "false") + "\n");
    }
    JsonWriter json;
    json.open_object()
        .member("version", parts.program_version)
        .member("commit", parts.program_commit)
        .member("deployment", id_text(deployment.id))
        .member("shards", deployment.shards)
        .key("test_clock")
        .boolean(deployment.test_clock)
        .close_object();
    Response response;
    response.body = json.take() + "\n";
    return response;
}

Response description() {
    Response response;
    response.content_type = "application/yaml";
    response.body = kOpenApi;
    return response;
}

}  // namespace vouch::http
