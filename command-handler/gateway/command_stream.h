#pragma once

#include "command-handler/gateway/answer_mailbox.h"
#include "command-handler/gateway/ids_in_flight.h"
#include "command-handler/gateway/ordered_outcomes.h"
#include "command-handler/gateway/outcome_line.h"
#include "command-handler/intake/command_json.h"
#include "command-handler/intake/routing.h"
#include "command-handler/intake/stream_directory.h"
#include "command-handler/intake/validation.h"
#include "events/entries/arena.h"
#include "events/seal/deployment.h"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::command_handler {

struct SubmitCounts {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t malformed = 0;  ///< too large ones with them
    std::uint64_t cut_off = 0;    ///< without outcome: a shard that they need has stopped
    std::uint64_t total() const { return accepted + refused + malformed + cut_off; }
};

/// One stream of lines: what each means, when it may be sent, and the outcome lines in the order of
/// the input. Sends nothing itself and never waits.
///
/// A line waits for every earlier line that shares an account, hold or entry with it and is decided
/// on another shard; the accounts of the holds and entries that they name are shared too. One
/// that closes an account waits for those of its own shard as well, whose money may come back.
/// Memory is bounded by what the caller lets be in flight. One thread.
///
/// What no shard is to decide is answered here, recorded nowhere, and the outcome line says so: a
/// command on a hold or entry that nobody knows, whose shard cannot be told, and an id that another
/// shard has seen or is about to (docs/rules.md, "At the gateway").
///
/// What needs a shard that has stopped has no outcome: its line says which shard and why, and the
/// other lines go on.
class CommandStream {
public:
    /// Accounts, holds and entries that are remembered with the shard of their last line.
    static constexpr std::size_t kTouchedMax = 262'144;

    enum class Step {
        done,         ///< nothing to send: a blank line, or its outcome is known already
        send,         ///< `outgoing` is to be sent, all of it
        drain_first,  ///< nothing has happened: the same line again when nothing is in flight
    };
    struct Outgoing {
        ShardId shard;
        Command command;  ///< borrows from the stream until its next line
        std::uint64_t position = 0;
    };

    /// What is referred to outlives the stream. `one_at_a_time`: every line waits for the one
    /// before.
    CommandStream(const Deployment& deployment, Directory& books, IdsInFlight& ids,
                  bool one_at_a_time);
    ~CommandStream();
    CommandStream(const CommandStream&) = delete;
    CommandStream& operator=(const CommandStream&) = delete;

    Step take_line(std::string_view text);
    /// A line that was too long to be read.
    void take_long_line();
    /// A `clock` line is a command to every shard; every other one is one.
    std::span<const Outgoing> outgoing() const { return outgoing_; }

    /// The answer to what was sent under that position. One that is not final changes nothing.
    void take_answer(std::uint64_t position, ShardId shard, const KeptAnswer& answer);

    /// What was sent under that position will have no answer.
    void take_cut_off(std::uint64_t position, const CutOff& cut);

    /// Commands without outcome, and not cut off.
    std::size_t in_flight() const { return in_flight_; }
    std::size_t facts_in_flight() const { return directory_.facts_in_flight(); }
    OrderedOutcomes& outcomes() { return outcomes_; }
    const OrderedOutcomes& outcomes() const { return outcomes_; }
    const SubmitCounts& counts() const { return counts_; }
    /// Id, as sent, and ledger of the newest command.
    const std::string& last_id() const { return last_id_; }
    LedgerId last_ledger() const { return last_ledger_; }
    /// Why the newest malformed line is; empty when there is none.
    const std::optional<Malformed>& malformed() const { return malformed_; }
    /// What became of the newest line that was cut off; empty when none was.
    const std::optional<CutOffCommand>& cut_off() const { return cut_off_; }

private:
    /// A line on its way, as its outcome will need it.
    struct SentLine {
        std::uint64_t line = 0;  ///< of input, from 1
        std::string id;
        std::vector<std::string> members;
        std::size_t clock_answers = 0;  ///< still to come; of a clock line
        std::optional<StoppedShard> clock_cut{};
        std::optional<SeenPlace> transit{};  ///< recorded there, and waiting for another shard
        // Its ids, as long as other streams must not send them elsewhere.
        LedgerId ledger;
        std::vector<CommandId> claimed;
    };
    /// The last line that touched an id.
    struct TouchedBy {
        ShardId shard;
        std::uint64_t position = 0;
        /// Earlier ones, of the same shard, had no outcome then: this one may have its own first.
        bool is_behind_open = false;
    };
    struct TouchedHash {
        std::size_t operator()(const Touched& touched) const noexcept {
            return keyed_hash(HashKey::of_process(), touched.ledger.value(), touched.high,
                              touched.low);
        }
    };

    Step take_understood(std::string_view text);
    Step take_command(Command command);
    /// Answers the command if no shard is to decide it; otherwise `send`, which may be to where it
    /// was decided before.
    Step answer_here(Command& command, ShardId shard);
    void refuse_here(const UnrecordedRefusal& refusal);
    /// Nothing was sent now; an earlier copy of the command may have been.
    Step cut_off_here(const StoppedShard& by);
    bool is_unknown_everywhere(const SentLine& line);
    void take_clock_answer(std::uint64_t position);
    void settle_cut_off(std::uint64_t position, CutOffCommand cut);
    /// The lines before the first without outcome are not asked for any more.
    void forget_settled();
    /// Of a command that another shard has seen: its outcome there, or conflict.
    void tell_first(const KnownCommand& seen);
    /// The first member that no shard is to decide, and why.
    std::optional<UnrecordedRefusal> refusal_of_members(const Group& group, ShardId shard);
    Step refuse_claimed(const Command& command, ShardId other);
    /// The other shard that another stream sends one of its ids to; empty when there is none.
    std::optional<ShardId> claim_ids(const Command& command, ShardId shard);
    void release_ids(SentLine& line);
    Step send(const Command& command);
    Step take_clock(const ClockLine& clock);
    Step refuse(const Malformed& malformed, std::uint64_t line, std::uint64_t position);
    /// Whether a line up to this one may still be without outcome; exact but for several of them.
    bool is_open(const TouchedBy& touched) const;
    bool must_keep_order(const Command& command, ShardId shard) const;
    SentLine& sent(std::uint64_t position) { return sent_[position - first_sent_]; }

    const Deployment& deployment_;
    IdsInFlight& ids_;
    bool one_at_a_time_;
    OrderedOutcomes outcomes_;
    SubmitCounts counts_;
    std::optional<Malformed> malformed_;
    std::optional<CutOffCommand> cut_off_;
    std::string last_id_;
    LedgerId last_ledger_;

    CommandJson json_;
    StreamDirectory directory_;
    RawLine raw_;
    Arena arena_;
    std::uint64_t line_ = 0;
    std::uint64_t position_ = 0;  ///< of the line being taken; 0: none is
    bool is_barrier_ = false;     ///< a clock line is in flight: everything waits for it

    std::vector<Outgoing> outgoing_;
    std::deque<SentLine> sent_;  ///< by position, from `first_sent_`
    std::uint64_t first_sent_ = 1;
    std::size_t in_flight_ = 0;
    boost::unordered_flat_map<Touched, TouchedBy, TouchedHash> touched_;
};

}  // namespace vouch::command_handler
