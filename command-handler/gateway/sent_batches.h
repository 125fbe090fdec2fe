#pragma once

#include "command-handler/gateway/deliveries.h"
#include "command-handler/gateway/known_stops.h"
#include "command-handler/shard/answer.h"
#include "events/log/log.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

namespace vouch::command_handler {

/// The batches of a shard that are with the log, and what was told of each of their commands. A
/// batch is forgotten when every command of it has its outcome. Under the shard's mutex.
///
/// What changes gives the number of commands for which nothing more comes.
class SentBatches {
public:
    /// `stops` outlives this.
    SentBatches(ShardId shard, KnownStops& stops) : shard_(shard), stops_(stops) {}

    /// The log has the batch, under this offset; answers that came before are delivered now.
    std::size_t add(Offset offset, std::vector<Sender> senders, Deliveries& out);
    /// Answers to the commands from `first` on of a batch. Those of a batch that is not known are
    /// kept for it while one is expected; else they are another producer's, and nobody's here.
    std::size_t take(Offset batch, std::size_t first, std::span<const Answer> answers,
                     bool is_expected, Deliveries& out);
    /// The batch that was expected did not get here.
    void forget_early() { early_.clear(); }
    /// All that has no outcome and waits for that shard; or all.
    std::size_t cut_off(std::optional<ShardId> waits_for, const StoppedShard& by, Deliveries& out);

    /// Batches wholly without answer.
    std::size_t unanswered() const { return unanswered_; }

private:
    enum class Told : std::uint8_t { nothing, in_transit, outcome, cut_off };
    struct Progress {
        Told told = Told::nothing;
        std::optional<ShardId> waits_for;  ///< while in transit
    };
    struct Batch {
        Offset offset;
        std::vector<Sender> senders;
        std::vector<Progress> progress;
        std::size_t unanswered = 0;  ///< told nothing
        std::size_t open = 0;        ///< without outcome, and not cut off
    };
    struct EarlyAnswers {
        Offset batch;
        std::size_t first = 0;
        std::vector<KeptAnswer> answers;
    };
    using Place = std::deque<Batch>::iterator;

    Place find(Offset offset);
    std::size_t take(Place batch, std::size_t first, std::span<const Answer> answers,
                     Deliveries& out);
    /// Why what is in transit gets no outcome after all.
    std::optional<CutOff> cut_of(const Answer& answer) const;

    ShardId shard_;
    KnownStops& stops_;
    std::deque<Batch> batches_;
    std::vector<EarlyAnswers> early_;  ///< came before the log had named the batch's offset
    std::size_t unanswered_ = 0;
};

}  // namespace vouch::command_handler
