#pragma once

#include "events/log/kafka/client.h"
#include "events/log/kafka/patience.h"
#include "events/log/kafka/strays.h"
#include "events/log/log.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::kafka {

/// What makes a shard's writer look again. Any thread.
class Signal {
public:
    void raise();
    /// Blocks until it was raised since the last wait ended, or `timeout_us` has passed.
    void wait(std::optional<std::int64_t> timeout_us);

private:
    Mutex mutex_;
    Condition raised_;
    bool is_raised_ = false;
};

/// One of a shard's two inputs: a partition, read from the offsets that its writer asks for. Raises
/// the signal when there is more. One thread.
///
/// What cannot be inflated is a range of the commands, and passed over among the steps: those are
/// never a shard's own.
class InputPartition {
public:
    /// What all partitions are read with; outlives them.
    struct With {
        InputConsumer& consumer;
        KafkaLogOptions options;
        Watermarks& watermarks;
        Strays& strays;
        const Patience& patience;
    };
    /// `signal` outlives it.
    InputPartition(const With& with, const std::string& topic, ShardId shard, Signal& signal);
    InputPartition(const InputPartition&) = delete;

    /// Moves up to `batches_max` messages with offset >= `from` to the end of `out`; does not wait.
    template <class Input>
    Status read(Offset from, std::size_t batches_max, std::vector<Input>& out);

    /// Behind `from`, where reading has come to, and behind what was found there to be no message.
    Offset next(Offset from) const;

    /// Begins to fetch, if that has not begun; true when something is there to be read.
    bool is_ready(Offset from);

private:
    Status start(Offset from);
    void stop();
    Result<Polled> poll();
    Result<Offset> end_of_unreadable(std::int64_t offset);
    Fault trimmed(const Fault& fault);

    const With with_;
    const std::string name_;
    const std::int32_t partition_;
    const std::unique_ptr<InputFetch> fetch_;
    bool is_started_ = false;
    std::int64_t next_ = 0;  ///< first offset not handed out, nor known to be no message's
    /// From here up to `next_` all was passed over: to ask for it again asks for what comes next.
    std::int64_t passed_from_ = 0;
    std::optional<std::int64_t> troubled_since_ms_;
};

/// Commands and steps of all shards, fetched by one consumer. A shard's two inputs are its
/// writer's.
class InputReader {
public:
    /// What it is given outlives it.
    static Result<std::unique_ptr<InputReader>> open(const KafkaLogOptions& options,
                                                     Watermarks& watermarks, Strays& strays,
                                                     const Patience& patience);

    InputPartition& commands(ShardId shard) { return *shards_.at(shard.value())->commands; }
    InputPartition& steps(ShardId shard) { return *shards_.at(shard.value())->steps; }
    Signal& signal(ShardId shard) { return shards_.at(shard.value())->signal; }
    void raise_all();

private:
    struct Shard {
        Signal signal;
        std::unique_ptr<InputPartition> commands;
        std::unique_ptr<InputPartition> steps;
    };

    std::unique_ptr<InputConsumer> consumer_;  ///< destroyed last
    std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace vouch::kafka
