#pragma once

#include "command-handler/gateway/answer_mailbox.h"
#include "command-handler/gateway/command_stream.h"
#include "tools/server/http/api/ledger_thread.h"
#include "tools/server/http/api/problems.h"
#include "tools/server/http/wire/request_limits.h"
#include "tools/server/http/wire/response.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace vouch::http {

struct CommandOptions {
    bool is_lines = false;       ///< NDJSON, otherwise one object
    bool respond_async = false;  ///< of one object: answer once the command is durable
    bool is_strict = false;      ///< of lines: none is taken behind one that is malformed
    std::string given_id{};      ///< the Idempotency-Key of the one command; empty: none was sent
};

/// The commands of one request: a stream of its own, in batches that it shares with all others.
/// Belongs to one thread. Outlives its caller when that one does not wait for outcomes.
class CommandRequest final : public command_handler::AnswerRecipient,
                             public std::enable_shared_from_this<CommandRequest> {
public:
    static constexpr std::chrono::milliseconds kRoomLookInterval{5};
    /// After this time other connections have their turn.
    static constexpr std::chrono::milliseconds kTurnMax{1};

    CommandRequest(LedgerThread& thread, CommandOptions options);

    /// Sends what the body says and waits for the outcomes. `sent` outlives the call.
    boost::asio::awaitable<Response> run(const std::string& sent);

    void take_answer(std::uint64_t position, ShardId shard,
                     const command_handler::KeptAnswer& kept) override;
    void take_cut_off(std::uint64_t position, const command_handler::CutOff& cut) override;
    void wake() { waker_.wake(); }

private:
    struct Acceptance {
        ShardId shard;
        RecordNumber record;
        EventNumber event;
    };

    boost::asio::awaitable<std::optional<Response>> take_lines(std::string_view rest);
    boost::asio::awaitable<std::optional<Response>> take_line(std::string_view line);
    boost::asio::awaitable<std::optional<Response>> send(
        const command_handler::CommandStream::Outgoing& outgoing);
    /// Until nothing is in flight, or nothing goes on.
    boost::asio::awaitable<void> drain();
    /// Each answer, and each command that is sent, gives all the whole time again
    /// (LedgerParts::outcome_wait_max), up to the end of the request's own.
    void wait_from_now();
    bool goes_on() const;
    /// Why what was sent has none, when nothing goes on; with the outcomes that there are.
    Response no_outcome();
    Response why_no_outcome() const;
    /// A problem of one that was sent, or of none.
    Recorded recorded() const { return has_sent_ ? Recorded::unknown : Recorded::no; }
    /// When nothing is in flight any more.
    void end_if_known();
    Response outcome_response();
    Response acceptance_response() const;

    LedgerThread& thread_;
    CommandOptions options_;
    command_handler::CommandStream stream_;
    Waker waker_;
    std::optional<Acceptance> acceptance_;
    SteadyTime end_;  ///< no request goes on behind it
    SteadyTime wait_until_;
    bool has_sent_ = false;
    bool is_kept_ = false;  ///< by its thread, until nothing is in flight
};

}  // namespace vouch::http
