#pragma once

#include "command-handler/shard/handler.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

namespace vouch::cli {

/// An answer that outlives the call it came with.
struct KeptAnswer {
    command_handler::Answer answer;  ///< `details` points to `details` below, or nowhere
    std::unique_ptr<command_handler::AnswerDetails> details;

    explicit KeptAnswer(const command_handler::Answer& given);
};

/// False when the command is durable but waits for another shard: its outcome comes as a second
/// answer, in no order.
inline bool is_final(const command_handler::Answer& answer) { return !answer.in_transit; }

/// Instead of an outcome: a shard that the command needs has stopped; or, of a repeat in transit, too
/// many wait for that shard already.
struct CutOff {
    command_handler::StoppedShard by;
    /// The command was never handed to the log; otherwise it may be recorded, or still be.
    bool is_dropped = false;
    bool is_busy = false;  ///< nothing has stopped
};

/// Whoever sent commands: told of each answer on the thread of its box.
class AnswerTaker {
public:
    virtual ~AnswerTaker() = default;
    virtual void take_answer(std::uint64_t position, ShardId shard, const KeptAnswer& answer) = 0;
    /// No answer follows.
    virtual void take_cut_off(std::uint64_t position, const CutOff& cut) = 0;
};

/// Takes answers from the shards' threads to the one thread that its takers live on. `wake` is
/// called, on a shard's thread, only when the box was empty: not for each command. Bounded by what
/// the takers have in flight.
class AnswerBox {
public:
    struct Delivery {
        AnswerTaker* taker = nullptr;
        std::uint64_t position = 0;
        ShardId shard;
        std::variant<KeptAnswer, CutOff> told;
    };

    explicit AnswerBox(std::function<void()> wake) : wake_(std::move(wake)) {}
    AnswerBox(const AnswerBox&) = delete;
    AnswerBox& operator=(const AnswerBox&) = delete;

    void put(std::vector<Delivery> deliveries);
    /// Nothing goes on; the first fault stays.
    void fail(const Fault& fault);

    /// Hands everything that has come to its taker. Why nothing goes on, if nothing does.
    std::optional<Fault> hand_over();

private:
    std::function<void()> wake_;
    std::mutex mutex_;
    std::vector<Delivery> deliveries_;
    std::optional<Fault> fault_;
    bool is_awake_ = false;
    std::vector<Delivery> taken_;  ///< of the takers' thread: keeps its memory
};

}  // namespace vouch::cli
