#pragma once

#include "events/world/mutex.h"

#include <functional>
#include <vector>

namespace vouch::command_handler {

class ShardLoop;

/// What other threads ask a shard, until it answers between two records. Any thread.
class ShardQuestions {
public:
    using Question = std::function<void(ShardLoop&)>;

    /// False, and it will not be answered, once they are refused.
    bool ask(Question question);
    /// Those asked so far, in order.
    std::vector<Question> take();
    /// From now on. Those asked before are still to be answered.
    void refuse();

private:
    Mutex mutex_;
    std::vector<Question> asked_;
    bool is_refusing_ = false;
};

}  // namespace vouch::command_handler
