#include "tools/server/http/api/long_queries.h"

#include <algorithm>
#include <utility>

namespace vouch::http {

void LongAnswer::tell_by(std::function<void()> tell) {
    const std::lock_guard lock(mutex_);
    tell_ = std::move(tell);
}

void LongAnswer::set(QueryAnswer answer) {
    const std::lock_guard lock(mutex_);
    found_ = std::move(answer);
    if (tell_) tell_();
}

std::optional<QueryAnswer> LongAnswer::take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(found_, std::nullopt);
}

std::size_t LongAnswer::bytes() const {
    const std::lock_guard lock(mutex_);
    return found_ ? found_->response.body.size() : 0;
}

LongQueries::LongQueries() : thread_([this] { run(); }) {}

LongQueries::~LongQueries() { stop(); }

std::shared_ptr<LongAnswer> LongQueries::ask(Make make) {
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [](const Waiting& each) { return each.answer.expired(); });
    if (is_stopping_ || waiting_.size() == kWaitingMax) return nullptr;
    auto answer = std::make_shared<LongAnswer>();
    waiting_.push_back({answer, std::move(make)});
    changed_.notify_one();
    return answer;
}

std::string LongQueries::leave(const std::string& question, std::shared_ptr<LongAnswer> answer,
                               SteadyTime now) {
    answer->tell_by({});
    const std::lock_guard lock(mutex_);
    forget_old(now);
    if (left_.size() == kWaitingMax) left_.pop_front();
    left_.push_back({std::to_string(++words_), question, std::move(answer), now});
    changed_.notify_one();
    return left_.back().word;
}

std::shared_ptr<LongAnswer> LongQueries::pick_up(const std::string& word,
                                                 const std::string& question, SteadyTime now) {
    const std::lock_guard lock(mutex_);
    forget_old(now);
    const auto left = std::ranges::find(left_, word, &Left::word);
    if (left == left_.end() || left->question != question) return nullptr;
    std::shared_ptr<LongAnswer> answer = std::move(left->answer);
    left_.erase(left);
    return answer;
}

void LongQueries::forget_old(SteadyTime now) {
    std::erase_if(left_, [now](const Left& each) { return now - each.since > kLeftMax; });
    std::size_t bytes = 0;
    for (const Left& each : left_) bytes += each.answer->bytes();
    for (; bytes > kLeftBytesMax; left_.pop_front()) bytes -= left_.front().answer->bytes();
}

/// Meanwhile what was left too long ago goes.
void LongQueries::wait_for_more(std::unique_lock<std::mutex>& lock) {
    const auto is_called = [&] { return is_stopping_ || !waiting_.empty(); };
    for (; !is_called(); forget_old(std::chrono::steady_clock::now())) {
        if (left_.empty()) changed_.wait(lock, [&] { return is_called() || !left_.empty(); });
        else changed_.wait_until(lock, left_.front().since + kLeftMax, is_called);
    }
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
        wait_for_more(lock);
        if (is_stopping_) return;
        const Waiting next = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        if (const std::shared_ptr<LongAnswer> answer = next.answer.lock()) answer->set(next.make());
        lock.lock();
    }
}

}  // namespace vouch::http
