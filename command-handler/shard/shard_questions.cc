#include "command-handler/shard/shard_questions.h"

#include <utility>

namespace vouch::command_handler {

bool ShardQuestions::ask(Question question) {
    const std::lock_guard lock(mutex_);
    if (is_refusing_) return false;
    asked_.push_back(std::move(question));
    return true;
}

std::vector<ShardQuestions::Question> ShardQuestions::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(asked_, {});
}

void ShardQuestions::refuse() {
    const std::lock_guard lock(mutex_);
    is_refusing_ = true;
}

}  // namespace vouch::command_handler
