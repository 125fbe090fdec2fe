#include "tools/vouch/http/response.h"

#include "events/json_text.h"
#include "tools/vouch/http/shard_health.h"

#include <algorithm>

namespace vouch::http {

Response problem(unsigned status, std::string_view type, std::string_view title,
                 std::string_view detail,
                 const std::vector<std::pair<std::string_view, std::string>>& members) {
    Response response;
    response.status = status;
    response.content_type = "application/problem+json";
    response.detail = detail;
    response.body = "{\"type\":\"urn:vouch:problem:";
    response.body += type;
    response.body += "\",\"title\":";
    append_json(response.body, title);
    response.body += ",\"status\":" + std::to_string(status) + ",\"detail\":";
    append_json(response.body, detail);
    for (const auto& [name, value] : members) {
        response.body += ",\"";
        response.body += name;
        response.body += "\":";
        append_json(response.body, value);
    }
    response.body += "}\n";
    if (status == 503) response.fields.emplace_back("Retry-After", kRetryAfterSeconds);
    return response;
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
Response busy(std::string_view detail) {
    return problem(503, "busy", "Too much is under way", detail);
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
    Response response = problem(503, cli::kShardStopped, "A shard has stopped", detail);
    // A number, where the other members of problems are texts.
    const std::size_t end = response.body.rfind('}');
    response.body.insert(end, ",\"shard\":" + std::to_string(shard.value()));
    return response;
}

}  // namespace

Response shard_stopped(const cli::CutOffCommand& cut) {
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

std::string_view reason_of(unsigned status) {
    switch (status) {
        case 100:
            return "Continue";
        case 200:
            return "OK";
        case 202:
            return "Accepted";
        case 204:
            return "No Content";
        case 400:
            return "Bad Request";
        case 404:
            return "Not Found";
        case 405:
            return "Method Not Allowed";
        case 408:
            return "Request Timeout";
        case 411:
            return "Length Required";
        case 413:
            return "Content Too Large";
        case 414:
            return "URI Too Long";
        case 415:
            return "Unsupported Media Type";
        case 417:
            return "Expectation Failed";
        case 421:
            return "Misdirected Request";
        case 422:
            return "Unprocessable Content";
        case 431:
            return "Request Header Fields Too Large";
        case 500:
            return "Internal Server Error";
        case 501:
            return "Not Implemented";
        case 503:
            return "Service Unavailable";
        case 505:
            return "HTTP Version Not Supported";
        default:
            return "Answer";
    }
}

std::string head_of(const Response& response, std::string_view date, bool keep_alive) {
    std::string head;
    head.reserve(256);
    head += "HTTP/1.1 " + std::to_string(response.status) + ' ';
    head += reason_of(response.status);
    head += "\r\nDate: ";
    head += date;
    head += "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
    if (response.status != 204) {
        head += "Content-Type: ";
        head += response.content_type;
        head += "\r\nContent-Length: " + std::to_string(response.body.size()) + "\r\n";
    }
    for (const auto& [name, value] : response.fields) {
        head += name;
        head += ": ";
        head += value;
        head += "\r\n";
    }
    head += keep_alive ? "\r\n" : "Connection: close\r\n\r\n";
    return head;
}

}  // namespace vouch::http
