#pragma once

#include "command-handler/shard/answer.h"
#include "command-handler/shard/stopped_shard.h"
#include "events/money/ids.h"
#include "events/money/number.h"

#include <cstddef>
#include <span>

namespace vouch::command_handler {

/// Receives answers, on a shard's thread: batch by batch in order, `first` being the position in
/// the batch of the first answer given here (a batch may be answered in pieces). A member that was
/// answered as in transit is answered a second time, whenever its outcome is durable: such second
/// answers come in no order, and not at all when the handler is started again in between, or what
/// it waits for has stopped or is held back: who sends the command again is then told of its
/// transit and gets its outcome. Must not block long.
///
/// A command that was sent to a shard that does not decide it is forwarded, and answered as in
/// transit with the record that did so; no second answer follows, since no outcome of it is
/// recorded there. Whoever waits for outcomes sends each command to the shard of its deciding
/// account.
class AnswerSink {
public:
    virtual ~AnswerSink() = default;
    virtual void answered(ShardId shard, Offset batch, std::size_t first,
                          std::span<const Answer> answers) = 0;
    /// The shard has stopped; what was not answered may or may not have happened. Of a shard that
    /// stopped while the handler was started, on the thread that starts it.
    virtual void stopped(ShardId shard, const Fault& fault, FaultScope scope) = 0;
    /// What was in transit between the two has no second answer any more. On the thread of
    /// `held.by`.
    virtual void held_back(const HeldBack&) {}
};

}  // namespace vouch::command_handler
