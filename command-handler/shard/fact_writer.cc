#include "command-handler/shard/fact_writer.h"

#include <mutex>
#include <vector>

namespace vouch::command_handler {

FactWriter::FactWriter(ShardStore& store) : store_(store) {
    thread_ = Thread("facts", [this] { run(); });
}

FactWriter::~FactWriter() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void FactWriter::start(const FactMap& facts, const StorePosition& position) {
    {
        const std::lock_guard lock(mutex_);
        writing_ = &facts;
        position_ = &position;
        state_ = State::busy;
    }
    changed_.notify_all();
}

void FactWriter::wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return state_ != State::busy; });
}

std::optional<Status> FactWriter::take_result() {
    const std::lock_guard lock(mutex_);
    if (state_ != State::done) return std::nullopt;
    state_ = State::idle;
    writing_ = nullptr;
    return status_;
}

void FactWriter::run() {
    std::vector<FactEntry> facts;
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return is_stopping_ || state_ == State::busy; });
        if (state_ != State::busy) return;
        lock.unlock();
        // A copy, which the store may sort: the owner's thread goes on looking facts up there.
        facts = writing_->facts();
        Status status = store_.append(facts, *position_);
        lock.lock();
        status_ = status;
        state_ = State::done;
        changed_.notify_all();
    }
}

}  // namespace vouch::command_handler
