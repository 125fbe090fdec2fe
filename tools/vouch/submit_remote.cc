#include "tools/vouch/submit_remote.h"

#include "command-handler/gateway/outcome_line.h"
#include "tools/server/http/wire/request_limits.h"
#include "tools/terminal/say.h"

#include <poll.h>

#include <algorithm>
#include <charconv>
#include <thread>
#include <utility>

namespace vouch::cli {

namespace {

constexpr std::string_view kMalformed = "{\"line\":";
/// Quotes within texts are escaped, so this is a key; a group's own comes before its members'.
constexpr std::string_view kAccepted = "\"accepted\":true";
constexpr std::string_view kRefused = "\"accepted\":false";

/// Quotes within texts are escaped, so this is a key: of a line that has no outcome.
constexpr std::string_view kProblem = "\"problem\":";

std::size_t count_lines(const std::string& outcomes) {
    return static_cast<std::size_t>(std::ranges::count(outcomes, '\n'));
}

/// The lines that have an outcome, which stands.
std::string standing(const std::string& outcomes) {
    std::string lines;
    for (std::size_t begin = 0; begin < outcomes.size();) {
        const std::size_t end = outcomes.find('\n', begin) + 1;
        const std::string_view line = std::string_view(outcomes).substr(begin, end - begin);
        if (line.find(kProblem) == line.npos) lines += line;
        begin = end;
    }
    return lines;
}

void wait_for(const LineReader& input) {
    pollfd source{.fd = input.fd(), .events = POLLIN, .revents = 0};
    (void)::poll(&source, 1, -1);
}

}  // namespace

bool SubmitRemote::is_full(std::string_view next_line) const {
    if (lines_ == 0) return false;
    return options_.one_at_a_time || lines_ == http::kRequestLinesMax ||
           body_.size() + next_line.size() + 1 > http::kRequestBytesMax;
}

Status SubmitRemote::run(LineReader& input) {
    std::string_view line;
    while (stopped_at_ == 0) {
        const Result<LineReader::Next> next = input.next(line);
        if (!next) return next.error();
        switch (*next) {
            case LineReader::Next::line:
                if (is_full(line)) {
                    if (Status sent = send(); !sent || stopped_at_ > 0) return sent;
                }
                body_ += line;
                body_ += '\n';
                ++lines_;
                if (line.find_first_not_of(" \t") == std::string_view::npos) ++blank_lines_;
                break;
            case LineReader::Next::too_long: {
                if (Status sent = send(); !sent || stopped_at_ > 0) return sent;
                ++lines_before_;
                ++counts_.malformed;
                stop_at(lines_before_);
                const command_handler::Malformed malformed{Outcome::too_large, "",
                                                           "a line of more than 1 MiB"};
                if (Status printed = terminal::print(outcome_line(malformed, lines_before_) + "\n");
                    !printed)
                    return printed;
                break;
            }
            case LineReader::Next::would_block:
                if (Status sent = send(); !sent || stopped_at_ > 0) return sent;
                wait_for(input);
                break;
            case LineReader::Next::end:
                return send();
        }
    }
    return {};
}

Status SubmitRemote::send() {
    if (lines_ == 0) return {};
    std::string stand;
    const Result<http::Reply> reply = answer_to(std::exchange(body_, {}), stand);
    if (!reply || reply->status != 200) {
        if (Status printed = print_outcomes(stand); !printed) return printed;
        lines_told_ = std::min(count_lines(stand), lines_);
        if (!reply) return reply.error();
        return Fault{FaultCode::retriable, "the server answered " + std::to_string(reply->status) +
                                               ": " + http::problem_detail(*reply)};
    }
    if (Status printed = print_outcomes(reply->body); !printed) return printed;
    lines_before_ += std::exchange(lines_, 0);
    blank_lines_ = 0;
    if (options_.progress) options_.progress();
    return {};
}

Result<http::Reply> SubmitRemote::answer_to(const std::string& lines, std::string& stand) {
    const auto until = std::chrono::steady_clock::now() + options_.outage_max;
    for (bool is_waiting = false;;) {
        Result<http::Reply> reply =
            server_.post("/v1/commands", "application/x-ndjson", lines,
                         options_.keep_going ? "" : "handling=strict");
        if (!reply) return reply;
        if (reply->status == 200) return reply;
        // A later answer knows more of the same lines.
        std::string outcomes = standing(http::problem_outcomes(*reply));
        if (count_lines(outcomes) >= count_lines(stand)) stand = std::move(outcomes);
        if (reply->status != 503) return reply;
        // Once it waits, it also waits for what only new requests are told, as that no room is
        // left.
        const std::string type = http::problem_type(*reply);
        const bool may_pass = type == "busy" || (is_waiting && type == "no-room");
        if (!may_pass || std::chrono::steady_clock::now() >= until) return reply;
        if (!std::exchange(is_waiting, true)) {
            terminal::say("the server has no outcomes yet: " + http::problem_detail(*reply) +
                          "; asking it again, for at most " +
                          std::to_string(options_.outage_max.count()) + " s");
        }
        std::this_thread::sleep_for(kPause);
    }
}

Status SubmitRemote::print_outcomes(const std::string& body) {
    std::string out;
    out.reserve(body.size());
    std::string_view rest = body;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        count(line);
        if (line.starts_with(kMalformed)) {
            // The server counts from the request's first line, people from the file's.
            line.remove_prefix(kMalformed.size());
            std::uint64_t number = 0;
            const auto [stopped, error] =
                std::from_chars(line.data(), line.data() + line.size(), number);
            if (error != std::errc())
                return Fault{FaultCode::storage, "the server's answer is not understood"};
            line.remove_prefix(static_cast<std::size_t>(stopped - line.data()));
            stop_at(number + lines_before_);
            out += kMalformed;
            out += std::to_string(number + lines_before_);
        } else if (stopped_at_ > 0) {
            stop_at(lines_before_ + lines_);  // it was only seen when others had been taken
        }
        out += line;
        out += '\n';
    }
    return terminal::print(out);
}

void SubmitRemote::count(std::string_view outcome) {
    if (outcome.starts_with(kMalformed)) {
        ++counts_.malformed;
    } else if (outcome.find(kAccepted) < outcome.find(kRefused)) {
        ++counts_.accepted;
    } else if (outcome.find(kRefused) != std::string_view::npos) {
        ++counts_.refused;
    } else {
        ++counts_.cut_off;  // a problem in an outcome's place
    }
}

}  // namespace vouch::cli
