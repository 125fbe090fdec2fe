#pragma once

#include "command-handler/shard/fact_map.h"
#include "command-handler/shard/shard_store.h"
#include "events/result.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"
#include "events/world/thread.h"

#include <optional>

namespace vouch::command_handler {

/// Writes facts to the shard store on a thread of its own, one map at a time. Its owner's thread
/// calls it.
class FactWriter {
public:
    explicit FactWriter(ShardStore& store);
    /// What is being written is finished.
    ~FactWriter();
    FactWriter(const FactWriter&) = delete;
    FactWriter& operator=(const FactWriter&) = delete;

    /// Neither may change until the write is over; nothing else is being written.
    void start(const FactMap& facts, const StorePosition& position);
    /// From `start` until `take_result` gave what it came to.
    bool is_at_work() const { return writing_ != nullptr; }
    /// Blocks while something is being written.
    void wait();
    /// What the write came to, once; empty while there is nothing to tell.
    std::optional<Status> take_result();

private:
    void run();

    enum class State { idle, busy, done };

    ShardStore& store_;
    // Not changed by the owner's thread while `state_` is busy.
    const FactMap* writing_ = nullptr;
    const StorePosition* position_ = nullptr;
    Mutex mutex_;
    Condition changed_;
    State state_ = State::idle;
    bool is_stopping_ = false;
    Status status_;
    Thread thread_;
};

}  // namespace vouch::command_handler
