#pragma once

#include "command-handler/gateway/answer_mailbox.h"
#include "command-handler/gateway/deliveries.h"
#include "command-handler/gateway/ids_in_flight.h"
#include "command-handler/gateway/known_stops.h"
#include "command-handler/gateway/sent_batches.h"
#include "command-handler/shard/answer_sink.h"
#include "events/entries/command.h"
#include "events/log/log.h"
#include "events/world/condition.h"
#include "events/world/thread.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace vouch::command_handler {

/// Takes the commands of many streams to the log in common batches, one at a time for each shard,
/// and their answers back to whoever sent them.
///
/// Nothing waits for a batch to fill: while a shard is busy its commands collect, and the next
/// batch is what is there then. A batch may be answered in pieces, and a command that waits for
/// another shard twice, whenever its outcome comes; a batch is forgotten when every command has its
/// outcome. Any thread may append; a thread of each shard hands batches to the log, which may
/// block.
class CommandGateway final : public AnswerSink {
public:
    /// Batches of a shard that are sent and wholly without answer; far below kInputBatchesMax.
    static constexpr std::size_t kBatchesUnansweredMax = 2;
    /// A second batch is sent behind an unanswered one, unasked, only when it is worth a sync of
    /// its own.
    static constexpr std::size_t kSecondBatchCommands = 512;
    /// Bytes of a shard's commands that are not sent yet.
    static constexpr std::size_t kWaitingBytesMax = std::size_t{32} << 20;
    /// Commands of a shard without outcome, sent or not.
    static constexpr std::size_t kOpenCommandsMax = 262'144;

    using Sender = command_handler::Sender;

    /// The log outlives the gateway.
    CommandGateway(Log& log, std::uint32_t shard_count);
    ~CommandGateway() override;
    CommandGateway(const CommandGateway&) = delete;
    CommandGateway& operator=(const CommandGateway&) = delete;

    /// Told when nothing goes on, at once when that is so. Before its first command.
    void add_mailbox(AnswerMailbox& mailbox);
    /// Called on a shard's thread after answers; must be quick. Before the first command.
    void on_answers(std::function<void()> call) { after_answers_ = std::move(call); }

    /// False, and nothing has happened, when the shard has as much as it can hold. What is for a
    /// shard that has stopped is cut off at once.
    bool append(ShardId shard, const Command& command, const Sender& sender);
    /// What has been appended should not wait for more.
    void flush();
    /// The shard should say, by a record, up to where it is complete. Does not block.
    void ask_for_mark(ShardId shard);

    /// Ends the threads. What was not handed to the log by then is dropped: nobody was told that it
    /// is recorded.
    void stop();

    void answered(ShardId shard, Offset batch, std::size_t first,
                  std::span<const Answer> answers) override;
    /// Cuts off what needs the shard: what waits, what it has not answered, and what other shards
    /// have in transit to it.
    void stopped(ShardId shard, const Fault& fault, FaultScope scope) override;
    /// Cuts off what the two have in transit to each other.
    void held_back(const HeldBack& held) override;

    /// For the streams that send through this gateway.
    IdsInFlight& ids() { return ids_; }

private:
    struct Batch {
        Bytes bytes;
        std::vector<Sender> senders;
    };
    struct Shard {
        Shard(ShardId shard, KnownStops& stops) : number(shard), sent(shard, stops) {}

        const ShardId number;
        Mutex mutex;
        Condition changed;
        std::deque<Batch> waiting;  ///< the last one may still grow
        std::size_t waiting_bytes = 0;
        std::size_t open = 0;  ///< commands without outcome
        bool should_flush = false;
        bool wants_mark = false;
        bool is_stopped = false;  ///< the gateway is
        std::optional<StoppedShard> stop;
        bool is_producing = false;
        SentBatches sent;
        Thread thread;
    };

    void run(Shard& shard);
    static bool may_send(const Shard& shard);
    /// Hands one batch to the log; waits while the log's queue is full.
    Result<Offset> produce(Shard& shard, const Bytes& batch);
    /// All that has no outcome and waits for the shard; or all.
    static void cut_off(Shard& shard, std::optional<ShardId> waits_for, const StoppedShard& by);
    void fail(const Fault& fault);

    Log& log_;
    IdsInFlight ids_;
    Mutex mailboxes_mutex_;  ///< taken last
    std::vector<AnswerMailbox*> mailboxes_;
    std::optional<Fault> fault_;
    std::function<void()> after_answers_;
    KnownStops stops_;
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace vouch::command_handler
