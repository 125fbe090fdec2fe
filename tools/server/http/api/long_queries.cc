#include "tools/server/http/api/long_queries.h"

#include <utility>

namespace vouch::http {

LongQueries::LongQueries() : thread_([this] { run(); }) {}

LongQueries::~LongQueries() { stop(); }

bool LongQueries::add(std::function<void()> query) {
    const std::lock_guard lock(mutex_);
    if (is_stopping_ || waiting_.size() == kWaitingMax) return false;
    waiting_.push_back(std::move(query));
    changed_.notify_one();
    return true;
}

void LongQueries::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
        changed_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void LongQueries::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [&] { return is_stopping_ || !waiting_.empty(); });
        if (is_stopping_) return;
        const std::function<void()> query = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        query();
        lock.lock();
    }
}

}  // namespace vouch::http
