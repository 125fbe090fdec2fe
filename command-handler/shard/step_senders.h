#pragma once

#include "command-handler/shard/shard_environment.h"
#include "command-handler/shard/step_sender.h"
#include "events/log/log.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/result.h"

#include <cstdint>
#include <vector>

namespace vouch::command_handler {

/// The shards as senders of steps, where each of them stands, and where their common input is read
/// on. The shard's thread.
class StepSenders {
public:
    /// `with` outlives it.
    explicit StepSenders(const ShardEnvironment& with)
        : with_(with), senders_(with.deployment.shards) {}

    StepSender& of(ShardId shard) { return senders_[shard.value()]; }
    std::uint32_t count() const { return static_cast<std::uint32_t>(senders_.size()); }

    Offset next_read() const { return next_read_; }
    void read_from(Offset next) { next_read_ = next; }
    /// The first offset that is not wholly taken, if everything before `otherwise` is looked at.
    Offset first_held(Offset otherwise) const;

    /// What cannot be read of a sender's records is that sender's: everybody else's steps go on,
    /// and so do commands. Returns the fault when it is the log's.
    Status hold_back(ShardId from, Offset offset, const Fault& fault);
    /// A batch of a sender that is set aside stays in the log.
    void pass_over(ShardId from);

    /// Reads on where a sender was set aside.
    void resume(ShardId from);
    /// Those whose records are to be tried again by now.
    void resume_due();
    /// Some of them are to be tried again later.
    bool has_failed_reads() const;

private:
    const ShardEnvironment& with_;
    std::vector<StepSender> senders_;  // by shard
    Offset next_read_;
};

}  // namespace vouch::command_handler
