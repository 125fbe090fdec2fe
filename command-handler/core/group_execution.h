#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/core/shard_state.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"

#include <cstddef>

namespace vouch::command_handler {

/// One group on its way through its members, taken back from its start when one is refused.
class GroupExecution {
public:
    GroupExecution(ShardState& state, FactSource& facts, CommandDecided& group, Timestamp time,
                   EventSink& sink, Arena& arena)
        : state_(state), facts_(facts), group_(group), time_(time), sink_(sink), arena_(arena) {}

    void run();

private:
    bool refuse_whole();
    MemberOutcome run_member(const Command& member);
    MemberOutcome decide_member(const Command& member);

    ShardState& state_;
    FactSource& facts_;
    CommandDecided& group_;
    Timestamp time_;
    EventSink& sink_;
    Arena& arena_;
    std::size_t postings_ = 0;  // a short command may mirror a long entry
};

}  // namespace vouch::command_handler
