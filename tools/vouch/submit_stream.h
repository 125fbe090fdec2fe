#pragma once

#include "command-handler/intake/command_json.h"
#include "command-handler/intake/routing.h"
#include "command-handler/intake/stream_directory.h"
#include "command-handler/intake/validation.h"
#include "events/entries/arena.h"
#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "tools/vouch/answer_queue.h"
#include "tools/vouch/line_reader.h"
#include "tools/vouch/ordered_outcomes.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::cli {

struct SubmitOptions {
    /// Each line waits for the outcome of the one before.
    bool one_at_a_time = false;
    /// Called now and then, with the lines that have an outcome; may be empty.
    std::function<void(std::uint64_t lines)> progress;
};

struct SubmitCounts {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t malformed = 0;  ///< too large ones with them
    std::uint64_t total() const { return accepted + refused + malformed; }
};

/// Lines of commands in, lines of outcomes out, in the same order.
///
/// Batches form by themselves: while a shard is busy, its lines collect, up to the limits of a
/// batch. A line waits for every earlier line that shares an account, hold or entry with it and is
/// decided on another shard. Memory is bounded by the constants below. One thread; answers come by
/// `answers`.
class SubmitStream {
public:
    /// Lines without outcome, or behind one without.
    static constexpr std::size_t kLinesInFlightMax = 65'536;
    /// Bytes of their commands.
    static constexpr std::size_t kBytesInFlightMax = std::size_t{64} << 20;
    /// Batches of a shard that are sent and not answered; far below kInputBatchesMax.
    static constexpr std::size_t kBatchesInFlightMax = 4;
    /// A second batch is sent behind an unanswered one only when it is worth a sync of its own.
    static constexpr std::size_t kSecondBatchCommands = 512;
    /// Accounts, holds and entries that are remembered with the shard of their last line.
    static constexpr std::size_t kTouchedMax = 262'144;

    /// Everything referred to outlives the stream. Outcomes go to `output_fd`.
    SubmitStream(const Deployment& deployment, Log& log, command_handler::Directory& books,
                 AnswerQueue& answers, int output_fd, SubmitOptions options);

    /// Until the input ends and every line has its outcome. A fault when input, output or a shard
    /// failed; the outcomes known by then are written.
    Status run(LineReader& input);

    const SubmitCounts& counts() const { return counts_; }
    /// Lines sent whose outcome is not known; after a fault.
    std::size_t lines_open() const { return lines_in_flight_; }

private:
    /// A line on its way, as its outcome will need it.
    struct SentLine {
        std::uint64_t line = 0;      ///< of input, from 1
        std::uint64_t position = 0;  ///< in `outcomes_`
        std::string id;
        std::vector<std::string> members;
        bool is_clock = false;
    };
    struct Batch {
        Offset offset;
        std::size_t bytes = 0;
        std::vector<SentLine> lines;
        std::size_t answered = 0;
    };
    struct Shard {
        Bytes forming;
        std::vector<SentLine> forming_lines;
        std::deque<Batch> sent;
    };
    struct TouchedBy {
        ShardId shard;
        std::uint64_t position = 0;
    };
    struct TouchedHash {
        std::size_t operator()(const command_handler::Touched& touched) const noexcept {
            return static_cast<std::size_t>(
                (touched.high ^ touched.ledger.value()) * 0x9e3779b97f4a7c15ULL + touched.low);
        }
    };

    bool may_take_line() const;
    Status take_line(std::string_view text);
    Status take_command(const Command& command, std::uint64_t position);
    Status take_clock(const command_handler::ClockLine& clock, std::uint64_t position);
    void refuse(const command_handler::Malformed& malformed, std::uint64_t line,
                std::uint64_t position);

    /// Puts a command into its shard's forming batch.
    Status append(const Command& command, ShardId shard, SentLine line);
    Status send(ShardId shard);
    /// Sends what should not wait longer; everything that may be sent when `all`.
    Status send_ready(bool all);
    Status take_answers();
    void take_piece(const AnswerPiece& piece);
    void take_answer(const KeptAnswer& kept, ShardId shard, const SentLine& line);
    /// Waits for answers, and for input too if there is one.
    void wait(const LineReader* input) const;
    /// Until nothing is in flight.
    Status drain();
    /// Waits if the command shares something with lines in flight on other shards.
    Status keep_order(const Command& command, ShardId shard, std::uint64_t position);

    const Deployment& deployment_;
    Log& log_;
    AnswerQueue& answers_;
    SubmitOptions options_;
    OrderedOutcomes outcomes_;
    SubmitCounts counts_;

    command_handler::CommandJson json_;
    command_handler::StreamDirectory directory_;
    command_handler::RawLine raw_;
    Arena arena_;
    std::uint64_t line_ = 0;

    std::vector<Shard> shards_;
    std::vector<AnswerPiece> pieces_;
    std::size_t lines_in_flight_ = 0;
    std::size_t bytes_in_flight_ = 0;
    boost::unordered_flat_map<command_handler::Touched, TouchedBy, TouchedHash> touched_;
};

}  // namespace vouch::cli
