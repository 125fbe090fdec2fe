#include "tools/server/http/api/command_request.h"

#include "events/json_writer.h"
#include "events/money/ids.h"
#include "tools/server/http/api/problems.h"
#include "tools/server/http/wire/target.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vouch::http {

namespace asio = boost::asio;

using command_handler::CommandStream;

CommandRequest::CommandRequest(LedgerThread& thread, CommandOptions options)
    : thread_(thread),
      options_(std::move(options)),
      stream_(*thread.parts.deployment, *thread.directory, thread.parts.gateway->ids(), false),
      waker_(thread.io),
      end_(std::chrono::steady_clock::now() + thread.parts.outcome_wait_max) {
    wait_from_now();
}

void CommandRequest::take_answer(std::uint64_t position, ShardId shard,
                                 const command_handler::KeptAnswer& kept) {
    // A conflict's id leads to the outcome of another command, and a clock line has none.
    const Outcome outcome = kept.answer.outcome;
    const bool has_own = outcome != Outcome::conflict && outcome != Outcome::clock_set;
    const bool is_taken = kept.answer.in_transit || has_own;
    if (!acceptance_ && is_taken) {
        acceptance_ =
            Acceptance{.shard = shard, .record = kept.answer.record, .event = kept.answer.event};
        if (options_.respond_async) waker_.wake();
    }
    stream_.take_answer(position, shard, kept);
    wait_from_now();
    end_if_known();
}

void CommandRequest::take_cut_off(std::uint64_t position, const command_handler::CutOff& cut) {
    stream_.take_cut_off(position, cut);
    wait_from_now();
    end_if_known();
}

void CommandRequest::wait_from_now() {
    wait_until_ =
        std::min(std::chrono::steady_clock::now() + thread_.parts.outcome_wait_max, end_);
}

bool CommandRequest::goes_on() const {
    return !thread_.fault && std::chrono::steady_clock::now() < wait_until_;
}

Response CommandRequest::no_outcome() {
    Response told = why_no_outcome();
    return options_.is_lines ? with_outcomes(std::move(told), stream_.outcomes().ready()) : told;
}

Response CommandRequest::why_no_outcome() const {
    if (thread_.fault) return failed(recorded());
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(thread_.parts.outcome_wait_max);
    if (!has_sent_) {
        return busy("the ledger's queue was full for " + std::to_string(seconds.count()) + " s",
                    Recorded::no);
    }
    const bool is_slow = options_.is_lines && std::chrono::steady_clock::now() >= end_;
    const std::string why =
        is_slow ? "the request took longer than " + std::to_string(seconds.count()) + " s and " +
                      std::to_string(thread_.parts.line_time_max.count()) + " ms a line"
                : "no outcome came within " + std::to_string(seconds.count()) + " s";
    return busy(why + ": what was sent may be recorded or not; send it again later, each command "
                      "is decided once",
                Recorded::unknown);
}

void CommandRequest::end_if_known() {
    if (stream_.in_flight() > 0) return;
    waker_.wake();
    is_kept_ = false;
    thread_.forget(*this);
}

asio::awaitable<void> CommandRequest::drain() {
    thread_.flush_soon();
    while (stream_.in_flight() > 0 && goes_on()) co_await waker_.wait(wait_until_);
}

asio::awaitable<std::optional<Response>> CommandRequest::send(
    const CommandStream::Outgoing& outgoing) {
    const command_handler::CommandGateway::Sender self{&thread_.mailbox, this, outgoing.position};
    while (!thread_.parts.gateway->append(outgoing.shard, outgoing.command, self)) {
        if (!goes_on()) co_return no_outcome();
        thread_.flush_soon();
        const SteadyTime next_look = std::chrono::steady_clock::now() + kRoomLookInterval;
        co_await waker_.wait(next_look);
    }
    has_sent_ = true;
    wait_from_now();
    if (!std::exchange(is_kept_, true)) thread_.keep(shared_from_this());
    co_return std::nullopt;
}

asio::awaitable<std::optional<Response>> CommandRequest::take_line(std::string_view line) {
    for (;;) {
        switch (stream_.take_line(line, options_.given_id)) {
            case CommandStream::Step::done:
                co_return std::nullopt;
            case CommandStream::Step::drain_first:
                co_await drain();
                if (stream_.in_flight() > 0) co_return no_outcome();
                continue;
            case CommandStream::Step::send:
                break;
        }
        // A full ledger is waited for between commands of a line: the span stays, since nobody
        // else takes lines of this stream.
        for (const CommandStream::Outgoing& each : stream_.outgoing()) {
            std::optional<Response> refused = co_await send(each);
            if (refused) co_return refused;
        }
        co_return std::nullopt;
    }
}

asio::awaitable<std::optional<Response>> CommandRequest::take_lines(std::string_view rest) {
    SteadyTime turn_end = std::chrono::steady_clock::now() + kTurnMax;
    while (!rest.empty()) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view line = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.size() > command_handler::kLineBytesMax) {
            stream_.take_long_line();
        } else {
            std::optional<Response> refused = co_await take_line(line);
            if (refused) co_return refused;
        }
        if (options_.is_strict && stream_.told().malformed) break;
        // A line may ask a shard about an account, which takes its time.
        if (std::chrono::steady_clock::now() < turn_end) continue;
        co_await asio::post(thread_.io, asio::use_awaitable);
        turn_end = std::chrono::steady_clock::now() + kTurnMax;
    }
    co_return std::nullopt;
}

asio::awaitable<Response> CommandRequest::run(const std::string& sent) {
    const std::string_view body = command_handler::without_byte_order_mark(sent);
    std::optional<Response> refused;
    if (options_.is_lines) {
        const auto ends = static_cast<std::size_t>(std::count(body.begin(), body.end(), '\n'));
        const std::size_t lines = body.empty() || body.back() == '\n' ? ends : ends + 1;
        if (lines > kRequestLinesMax) {
            co_return problem(413, "too-large", "The request is too large",
                              "at most 8,192 lines in a request; nothing was recorded",
                              not_recorded);
        }
        if (lines > 1 && !options_.given_id.empty()) {
            co_return problem(400, "bad-parameter", "A parameter is wrong",
                              "an Idempotency-Key names one command: of several lines each has "
                              "its own id; nothing was recorded",
                              not_recorded);
        }
        end_ += lines * thread_.parts.line_time_max;
        refused = co_await take_lines(body);
    } else if (body.find_first_not_of(" \t\r\n") == std::string::npos) {
        // Of lines an empty one says nothing; a request that says nothing has lost its command.
        co_return problem(422, "malformed-command", "The command is malformed",
                          "expected a JSON object, found nothing", not_recorded);
    } else {
        refused = co_await take_line(body);
    }
    if (refused) co_return std::move(*refused);
    thread_.flush_soon();
    while (stream_.in_flight() > 0 && goes_on()) {
        if (options_.respond_async && acceptance_) break;
        co_await waker_.wait(wait_until_);
    }
    const bool is_known = stream_.in_flight() == 0 || (options_.respond_async && acceptance_);
    co_return is_known ? outcome_response() : no_outcome();
}

Response CommandRequest::outcome_response() {
    if (!options_.is_lines && stream_.told().malformed) {
        const command_handler::Malformed& malformed = *stream_.told().malformed;
        return problem(422, "malformed-command", "The command is malformed", malformed.detail,
                       [&](JsonWriter& json) {
                           json.member("outcome", to_text(malformed.outcome))
                               .member("field", malformed.field);
                           not_recorded(json);
                       });
    }
    if (options_.respond_async && acceptance_) return acceptance_response();
    if (!options_.is_lines && stream_.told().cut_off) {
        const command_handler::CutOffCommand& cut = *stream_.told().cut_off;
        return shard_stopped(cut);
    }
    Response response;
    response.body = std::move(stream_.outcomes().ready());
    if (options_.is_lines) {
        response.content_type = "application/x-ndjson";
    } else if (response.body.empty()) {
        response.status = 204;
    }
    return response;
}

Response CommandRequest::acceptance_response() const {
    Response response;
    response.status = 202;
    const std::string id = stream_.last_id();
    JsonWriter json;
    json.open_object()
        .member("id", id)
        .key("acceptance")
        .open_object()
        .member("shard", acceptance_->shard.value())
        .member("record", acceptance_->record.value())
        .member("event", acceptance_->event.value())
        .close_object()
        .close_object();
    response.body = json.take() + "\n";
    // The views may be a moment behind the record: who asks there waits for it.
    std::string location = "/v1/outcomes/" + encoded(id) +
                           "?at_least=" + std::to_string(acceptance_->shard.value()) + ":" +
                           std::to_string(acceptance_->record.value());
    if (const LedgerId ledger = stream_.last_ledger(); ledger != LedgerId(0))
        location += "&ledger=" + std::to_string(ledger.value());
    response.fields.emplace_back("Location", std::move(location));
    response.fields.emplace_back("Preference-Applied", "respond-async");
    return response;
}

}  // namespace vouch::http
