#include "reconciler/reading/record_pipeline.h"

#include <algorithm>
#include <mutex>
#include <utility>

namespace vouch::reconciler {

RecordPipeline::RecordPipeline(const Input& input, std::size_t chunks_max)
    : input_(input), chunks_max_(std::max<std::size_t>(chunks_max, 1)) {}

// Whole already when its threads are started: where there is no room for one of them, the
// destructor ends those that run.
RecordPipeline::RecordPipeline(const Input& input, unsigned threads, std::size_t chunks_max)
    : RecordPipeline(input, chunks_max) {
    {
        const std::lock_guard lock(mutex_);
        working_ = threads;
    }
    for (unsigned i = 0; i < threads; ++i) threads_.emplace_back("replay-read", [this] { work(); });
}

RecordPipeline::~RecordPipeline() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    changed_.notify_all();
    for (Thread& thread : threads_) thread.join();
}

std::unique_ptr<Chunk> RecordPipeline::next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ready_.contains(chunks_given_) || working_ == 0; });
    const auto place = ready_.find(chunks_given_);
    if (place == ready_.end()) return nullptr;
    std::unique_ptr<Chunk> chunk = std::move(place->second);
    ready_.erase(place);
    ++chunks_given_;
    return chunk;
}

void RecordPipeline::give_back(std::unique_ptr<Chunk> chunk) {
    {
        const std::lock_guard lock(mutex_);
        --in_flight_;
        free_.push_back(std::move(chunk));
    }
    changed_.notify_all();
}

void RecordPipeline::work() {
    RecordPreparation preparation(input_.shard, input_.keys, input_.content);
    while (true) {
        std::unique_ptr<Chunk> chunk;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock,
                          [this] { return in_flight_ < chunks_max_ || is_read_ || is_stopping_; });
            if (is_read_ || is_stopping_) break;
            ++in_flight_;
            if (!free_.empty()) {
                chunk = std::move(free_.back());
                free_.pop_back();
            }
        }
        if (!chunk) chunk = std::make_unique<Chunk>();
        chunk->clear();
        std::uint64_t order = 0;
        {
            const std::lock_guard reading(reading_);
            read(*chunk);
            order = chunks_read_++;
        }
        preparation.prepare(*chunk);
        {
            const std::lock_guard lock(mutex_);
            ready_.emplace(order, std::move(chunk));
        }
        changed_.notify_all();
    }
    {
        const std::lock_guard lock(mutex_);
        --working_;
    }
    changed_.notify_all();
}

void RecordPipeline::read(Chunk& chunk) {
    if (from_ < input_.end) {
        const Status status =
            input_.log.read_records(input_.shard, from_, kChunkBytes, chunk.stored);
        if (!status) {
            chunk.stored.clear();
            read_singly(chunk, status.error());
        } else if (chunk.stored.empty()) {
            chunk.fault = Fault{FaultCode::corrupt, "the log gives no record before its end"};
            chunk.fault_at = from_;
            from_ = input_.end;
        } else {
            from_ = RecordNumber(from_.value() + chunk.stored.size());
        }
        // A running writer may have added to what was there when the ends were taken.
        while (!chunk.stored.empty() && chunk.stored.back().number >= input_.end)
            chunk.stored.pop_back();
    }
    if (from_ >= input_.end) {
        const std::lock_guard lock(mutex_);
        is_read_ = true;
    }
}

/// Finds the one record that cannot be read, and goes on behind it.
void RecordPipeline::read_singly(Chunk& chunk, const Fault& fault) {
    chunk.fault = fault;
    while (from_ < input_.end && chunk.stored.size() < kSingleReadsMax) {
        const std::size_t before = chunk.stored.size();
        const Status status = input_.log.read_records(input_.shard, from_, 1, chunk.stored);
        if (!status || chunk.stored.size() == before) {
            chunk.stored.resize(before);
            break;
        }
        from_ = RecordNumber(from_.value() + chunk.stored.size() - before);
    }
    if (chunk.stored.size() >= kSingleReadsMax) {
        chunk.fault.reset();
        return;
    }
    chunk.fault_at = from_;
    from_ = from_.next();
    // A disk or broker that fails is given up; damage is looked behind.
    if (chunk.fault->code == FaultCode::corrupt || from_ >= input_.end) return;
    chunk.fault->message += "; nor are the " +
                            std::to_string(input_.end.value() - from_.value()) +
                            " records behind it";
    from_ = input_.end;
}

}  // namespace vouch::reconciler
