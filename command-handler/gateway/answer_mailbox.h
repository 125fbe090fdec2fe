#pragma once

#include "command-handler/shard/answer.h"
#include "command-handler/shard/stopped_shard.h"
#include "events/world/mutex.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace vouch::command_handler {

/// An answer that outlives the call it came with.
struct KeptAnswer {
    Answer answer;  ///< `details` points to `details` below, or nowhere
    std::unique_ptr<AnswerDetails> details;

    explicit KeptAnswer(const Answer& given);
};

/// False when the command is durable but waits for another shard: its outcome comes as a second
/// answer, in no order.
inline bool is_final(const Answer& answer) { return !answer.in_transit; }

/// Instead of an outcome: a shard that the command needs has stopped; or, of a repeat in transit,
/// too many wait for that shard already.
struct CutOff {
    StoppedShard by;
    /// The command was never handed to the log; otherwise it may be recorded, or still be.
    bool is_dropped = false;
    bool is_busy = false;  ///< nothing has stopped
};

/// Whoever sent commands: told of each answer on the thread of its mailbox.
class AnswerRecipient {
public:
    virtual ~AnswerRecipient() = default;
    virtual void take_answer(std::uint64_t position, ShardId shard, const KeptAnswer& answer) = 0;
    /// No answer follows.
    virtual void take_cut_off(std::uint64_t position, const CutOff& cut) = 0;
};

/// Takes answers from the shards' threads to the one thread that its recipients live on. `wake` is
/// called, on a shard's thread, only when the mailbox was empty: not for each command. Bounded by
/// what the recipients have in flight.
class AnswerMailbox {
public:
    struct Delivery {
        AnswerRecipient* recipient = nullptr;
        std::uint64_t position = 0;
        ShardId shard;
        std::variant<KeptAnswer, CutOff> told;
    };

    explicit AnswerMailbox(std::function<void()> wake) : wake_(std::move(wake)) {}
    AnswerMailbox(const AnswerMailbox&) = delete;
    AnswerMailbox& operator=(const AnswerMailbox&) = delete;

    void put(std::vector<Delivery> deliveries);
    /// Nothing goes on; the first fault stays.
    void fail(const Fault& fault);

    /// Hands everything that has come to its recipient. Why nothing goes on, if nothing does.
    std::optional<Fault> hand_over();

private:
    std::function<void()> wake_;
    Mutex mutex_;
    std::vector<Delivery> deliveries_;
    std::optional<Fault> fault_;
    bool is_awake_ = false;
    std::vector<Delivery> taken_;  ///< of the recipients' thread: keeps its memory
};

}  // namespace vouch::command_handler
