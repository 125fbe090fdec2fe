#pragma once

#include "command-handler/gateway/admission.h"
#include "command-handler/gateway/answer_mailbox.h"
#include "command-handler/gateway/claimed_ids.h"
#include "command-handler/gateway/ids_in_flight.h"
#include "command-handler/gateway/line_order.h"
#include "command-handler/gateway/sent_names.h"
#include "command-handler/gateway/told_outcomes.h"
#include "command-handler/intake/command_json.h"
#include "command-handler/intake/stream_directory.h"
#include "command-handler/intake/validation.h"
#include "events/entries/arena.h"
#include "events/seal/deployment.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::command_handler {

/// One stream of lines: what each means, when it may be sent, and the outcome lines in the order of
/// the input. Sends nothing itself and never waits.
///
/// Lines wait for each other where several shards decide (line_order.h). What no shard is to decide
/// (admission.h) is answered here, recorded nowhere, and the outcome line says so. What needs a
/// shard that has stopped has no outcome: its line says which shard and why, and the other lines go
/// on. Memory is bounded by what the caller lets be in flight. One thread.
class CommandStream {
public:
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
    CommandStream(const CommandStream&) = delete;
    CommandStream& operator=(const CommandStream&) = delete;

    /// `given_id`, which outlives the stream, is an id that was given beside the line, or empty.
    Step take_line(std::string_view text, std::string_view given_id = {});
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
    OrderedOutcomes& outcomes() { return told_.lines; }
    const ToldOutcomes& told() const { return told_; }
    /// The newest command: id, as sent, and ledger.
    const std::string& last_id() const { return last_id_; }
    LedgerId last_ledger() const { return last_ledger_; }

private:
    /// A line on its way, as its outcome will need it.
    struct SentLine {
        explicit SentLine(IdsInFlight& ids) : claimed(ids) {}

        std::uint64_t line = 0;  ///< of input, from 1
        LedgerId ledger;
        std::string id;
        std::vector<std::string> members;
        SentNames::Range names{};
        std::size_t clock_answers = 0;  ///< still to come; of a clock line
        std::optional<StoppedShard> clock_cut{};
        std::optional<SeenPlace> transit{};  ///< recorded there, and waiting for another shard
        ClaimedIds claimed;
    };

    Step take_understood(std::string_view text, std::string_view given_id);
    Step take_command(Command command);
    Step take_clock(const ClockLine& clock);
    Step refuse(const Malformed& malformed);
    Step send(const Command& command, ShardId shard);
    /// Nothing is sent now, and the line has its outcome, or none.
    Step answer_here(const Admission& admission);
    /// Nothing was sent now; an earlier copy of the command may have been.
    Step cut_off_here(const StoppedShard& by);
    void take_clock_answer(std::uint64_t position);
    void tell(std::uint64_t position, const Answer& answer, ShardId shard);
    SentLine& sent(std::uint64_t position) { return sent_[position - first_sent_]; }
    /// The lines before the first without outcome are not asked for any more.
    void forget_settled();

    const Deployment& deployment_;
    Directory& books_;
    IdsInFlight& ids_;
    bool one_at_a_time_;
    ToldOutcomes told_;
    LineOrder order_;
    AdmissionCheck admission_;
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
    SentNames names_;
    std::deque<SentLine> sent_;  ///< by position, from `first_sent_`
    std::uint64_t first_sent_ = 1;
    std::size_t in_flight_ = 0;
};

}  // namespace vouch::command_handler
