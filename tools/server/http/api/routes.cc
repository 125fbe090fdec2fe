#include "tools/server/http/api/routes.h"

#include "events/money/ids.h"
#include "events/money/text_ids.h"
#include "events/seal/deployment.h"
#include "tools/server/http/api/command_request.h"
#include "tools/server/http/api/problems.h"
#include "tools/server/http/api/queries.h"
#include "tools/server/http/api/server_metrics.h"
#include "tools/server/http/api/server_status.h"
#include "tools/server/http/api/view_questions.h"
#include "tools/server/http/wire/accept.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace vouch::http {

namespace asio = boost::asio;

namespace {

constexpr std::string_view kCommands = "/v1/commands";

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

bool is_commands(std::string_view target) { return path_of(target) == kCommands; }

/// Without parameters such as charset.
bool has_type(std::string_view content_type, std::string_view wanted) {
    std::string_view type = content_type.substr(0, content_type.find(';'));
    while (type.ends_with(' ') || type.ends_with('\t')) type.remove_suffix(1);
    return equal_ignoring_case(type, wanted);
}

bool is_lines(const RequestHead& head) {
    return has_type(head.field("content-type"), "application/x-ndjson");
}

/// Whether a `Prefer` has this preference (RFC 7240): the field may come more than once, and a
/// value in quotes is the same value.
bool prefers(const RequestHead& head, std::string_view preference) {
    for (const HeadField& field : head.fields) {
        if (!equal_ignoring_case(field.name, "prefer")) continue;
        std::string bare(field.value);
        std::erase(bare, '"');
        std::string_view prefer = bare;
        while (!prefer.empty()) {
            const std::size_t end = std::min(prefer.find_first_of(",;"), prefer.size());
            if (equal_ignoring_case(without_blanks(prefer.substr(0, end)), preference)) return true;
            prefer.remove_prefix(std::min(end + 1, prefer.size()));
        }
    }
    return false;
}

/// Whether a field came, and once; its value may stand in quotes, as a string of structured fields.
/// Printable ASCII alone, as an id that goes back in answers. What such a string escapes is no part
/// of a key: taken with its backslashes it was another id than the same text without quotes.
std::variant<std::string, Response> idempotency_key(const RequestHead& head) {
    constexpr std::string_view kName = "idempotency-key";
    const auto is_key = [](const HeadField& each) { return equal_ignoring_case(each.name, kName); };
    const auto times = std::ranges::count_if(head.fields, is_key);
    if (times == 0) return std::string();
    if (times > 1) return bad_parameter("Idempotency-Key: expected once");
    std::string_view key = head.field(kName);
    if (key.starts_with('"') || key.ends_with('"')) {
        if (key.size() < 2 || key.front() != '"' || key.back() != '"')
            return bad_parameter("Idempotency-Key: expected two quotes or none, nothing beside");
        key = key.substr(1, key.size() - 2);
        if (key.find_first_of("\\\"") != std::string_view::npos)
            return bad_parameter("Idempotency-Key: expected no \\ and no \" between its quotes");
    }
    const bool is_printable =
        std::ranges::all_of(key, [](char c) { return c >= ' ' && c <= '~'; });
    if (!key.empty() && key.size() <= kNameMax && is_printable) return std::string(key);
    return bad_parameter("Idempotency-Key: expected an id of 1 to 255 characters of ASCII");
}

Response method_not_allowed(std::string_view allow) {
    Response response = problem(405, "method-not-allowed", "The method does not fit the route",
                                "Allow names the methods that do");
    response.fields.emplace_back("Allow", std::string(allow));
    return response;
}

/// Forms of answers to questions; the first one where nothing else is wanted.
constexpr std::array<std::string_view, 3> kForms = {"application/json", "application/x-ndjson",
                                                    "text/plain"};
constexpr std::array<std::string_view, 2> kPlainForms = {"application/json", "text/plain"};

/// Routes that are answered at once, and by no question to the views.
struct PlainRoute {
    std::string_view path;
    bool is_of_health;  ///< answered however many others ask
    Response (*answer)(const LedgerThread&, bool as_text);
};
constexpr std::array kPlainRoutes = {
    PlainRoute{"/livez", true, [](const LedgerThread&, bool) { return liveness(); }},
    PlainRoute{"/readyz", true, [](const LedgerThread& thread, bool) { return readiness(thread); }},
    PlainRoute{"/status", true, status},
    PlainRoute{"/metrics", true,
               [](const LedgerThread& thread, bool) { return metrics_of(thread); }},
    PlainRoute{"/version", true,
               [](const LedgerThread& thread, bool as_text) {
                   return version(thread.parts, as_text);
               }},
    PlainRoute{"/openapi.yaml", false, [](const LedgerThread&, bool) { return description(); }},
};

const PlainRoute* find_plain(std::string_view path) {
    const auto* const found = std::ranges::find(kPlainRoutes, path, &PlainRoute::path);
    return found == kPlainRoutes.end() ? nullptr : found;
}

/// Counts a request when its answer is there, under the route that is set by then.
class Metered {
public:
    explicit Metered(metrics::RequestMeter& meter) : meter_(meter) {}
    ~Metered() {
        const auto time = std::chrono::steady_clock::now() - began_;
        meter_.took(route, time);
        if (is_outcome) meter_.lone_commands.add(time);
    }
    Metered(const Metered&) = delete;
    Metered& operator=(const Metered&) = delete;

    std::string_view route = metrics::RequestMeter::kOther;
    bool is_outcome = false;  ///< of one command

private:
    metrics::RequestMeter& meter_;
    const SteadyTime began_ = std::chrono::steady_clock::now();
};

asio::awaitable<Response> answer_commands(LedgerThread& thread, CommandOptions options,
                                          const std::string& body) {
    if (thread.fault) co_return failed(Recorded::no);
    const auto request = std::make_shared<CommandRequest>(thread, std::move(options));
    Response response = co_await request->run(body);
    co_return response;
}

/// Of commands that are not even read.
std::optional<Response> refuse_commands(const RequestHead& head, const LedgerParts& parts) {
    const std::uint64_t length = head.content_length.value_or(0);
    if (head.method != "POST") return method_not_allowed("POST");
    if (head.target != kCommands) return bad_parameter("this route has no parameters");
    const bool is_object = has_type(head.field("content-type"), "application/json");
    if (!is_object && !is_lines(head)) {
        return problem(415, "unsupported-media-type", "The body is of a type not taken here",
                       "expected application/json or application/x-ndjson");
    }
    const std::string_view coding = head.field("content-encoding");
    if (!coding.empty() && !equal_ignoring_case(coding, "identity")) {
        return problem(415, "unsupported-media-type", "The body is of a type not taken here",
                       "expected a body without Content-Encoding");
    }
    std::variant<std::string, Response> key = idempotency_key(head);
    if (auto* const wrong = std::get_if<Response>(&key)) return std::move(*wrong);
    if (!head.content_length)
        return problem(411, "length-required", "The length is missing", "send a Content-Length");
    if (length > (is_object ? kObjectBytesMax : kRequestBytesMax)) {
        return problem(413, "too-large", "The request is too large",
                       is_object ? "at most 1 MiB a command" : "at most 8 MiB a request");
    }
    if (parts.gateway == nullptr)
        return problem(503, "no-handler", "Commands are not taken here",
                       "this server runs without a command handler");
    return waits_for_room(parts);
}

}  // namespace

std::optional<Response> refuse_by_head(const RequestHead& head, const LedgerParts& parts) {
    if (is_commands(head.target)) {
        std::optional<Response> refused = refuse_commands(head, parts);
        if (refused) refused = with_recorded(std::move(*refused), Recorded::no);
        return refused;
    }
    if (head.content_length.value_or(0) > 0)
        return problem(413, "too-large", "The request is too large", "this route takes no body");
    return std::nullopt;
}

std::vector<std::string_view> route_names() {
    // Commands first: they are looked for most often.
    std::vector<std::string_view> names = {kCommands};
    for (const std::string_view each : query_paths()) names.push_back(each);
    for (const PlainRoute& each : kPlainRoutes) names.push_back(each.path);
    return names;
}

bool asks_for_health(const RequestHead& head) {
    const PlainRoute* const route = find_plain(path_of(head.target));
    return route != nullptr && route->is_of_health;
}

asio::awaitable<Response> answer_request(LedgerThread& thread, const RequestHead& head,
                                         const std::string& body) {
    Metered metered(thread.meter);
    if (is_commands(head.target)) {
        metered.route = kCommands;
        std::variant<std::string, Response> key = idempotency_key(head);
        CommandOptions options{
            .is_lines = is_lines(head),
            .respond_async = !is_lines(head) && prefers(head, "respond-async"),
            .is_strict = prefers(head, "handling=strict")};
        if (auto* const given = std::get_if<std::string>(&key))
            options.given_id = std::move(*given);
        const bool is_lone = !options.is_lines;
        Response response = co_await answer_commands(thread, std::move(options), body);
        metered.is_outcome = is_lone && response.status == 200;
        co_return response;
    }
    const bool is_get = head.method == "GET" || head.method == "HEAD";
    const std::string_view path = path_of(head.target);
    if (const PlainRoute* const plain = find_plain(path)) {
        metered.route = plain->path;
        if (!is_get) co_return method_not_allowed("GET, HEAD");
        // Probes may say what they like, but once.
        const std::optional<Target> asked = parse_target(head.target);
        if (!asked) co_return bad_request("the target is no path of encoded names");
        if (const auto twice = repeated_parameter(*asked))
            co_return bad_parameter(std::string(*twice) + ": expected once");
        const bool as_text = wanted_type(head.field("accept"), kPlainForms) == "text/plain";
        co_return plain->answer(thread, as_text);
    }
    const std::optional<Target> target = parse_target(head.target);
    if (!target) co_return bad_request("the target is no path of encoded names");
    const std::optional<std::string_view> form = wanted_type(head.field("accept"), kForms);
    std::optional<std::variant<Query, Response>> query =
        read_query(*target, path, form.value_or(""), *thread.parts.deployment);
    if (!query)
        co_return problem(404, "no-route", "There is no such route",
                          "GET /openapi.yaml describes those there are");
    if (!is_get) co_return method_not_allowed("GET, HEAD");
    if (auto* wrong = std::get_if<Response>(&*query)) co_return std::move(*wrong);
    if (!form) {
        co_return problem(406, "not-acceptable", "There is no such form of the answer",
                          "Accept: expected application/json, application/x-ndjson or text/plain");
    }
    Query& asked = std::get<Query>(*query);
    metered.route = asked.route->path;
    asked.target = head.target;
    asked.is_narrow = head.field("accept") == kNarrowText;
    Response response = co_await answer_views(thread, std::move(asked));
    co_return response;
}

}  // namespace vouch::http
