#include "projector/views/follower.h"

#include "events/log/descriptors.h"

#include <algorithm>
#include <limits>

namespace vouch::projector {

namespace {

constexpr RecordNumber kUnknownEnd(std::numeric_limits<std::uint64_t>::max());

}  // namespace

Follower::Follower(LogReader& log, ShardViews& views, const FollowerOptions& options)
    : log_(log), views_(views), options_(options) {
    for (std::uint32_t number = 0; number < log.shard_count(); ++number) {
        Shard& shard = shards_.emplace_back();
        shard.next = views.projector(ShardId(number)).next_record();
        shard.whole_at = steady_now();
        shard.complete_below = complete_below(ShardId(number));
    }
    thread_ = Thread("views", [this] { run(); });
}

Follower::~Follower() { stop(); }

void Follower::stop() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    wake_.notify_all();
    applied_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void Follower::notify() {
    {
        const std::lock_guard lock(mutex_);
        is_notified_ = true;
    }
    wake_.notify_one();
}

RecordNumber Follower::position(ShardId shard) const {
    const std::lock_guard lock(mutex_);
    return shards_.at(shard.value()).next;
}

std::uint64_t Follower::look() {
    std::uint64_t next = 0;
    {
        const std::lock_guard lock(mutex_);
        is_notified_ = true;
        next = asked_look_ = look_ + 1;
    }
    wake_.notify_one();
    return next;
}

std::optional<std::vector<RecordNumber>> Follower::ends(std::uint64_t look) const {
    const std::lock_guard lock(mutex_);
    std::vector<RecordNumber> found;
    for (const Shard& shard : shards_) {
        if (shard.end_seen_in < look) return std::nullopt;
        found.push_back(shard.end);
    }
    return found;
}

Follower::Lag Follower::lag(ShardId shard) const {
    const std::lock_guard lock(mutex_);
    const Shard& at = shards_.at(shard.value());
    Lag lag;
    if (at.end_seen_in > 0 && at.end != kUnknownEnd)
        lag.records = std::max(at.end, at.next).value() - at.next.value();
    lag.time = steady_now() - at.whole_at;
    lag.complete_below = at.complete_below;
    return lag;
}

/// For its thread: the position is the writer's.
std::optional<Timestamp> Follower::complete_below(ShardId shard) const {
    const std::optional<ViewPosition>& position = views_.stores()[shard.value()]->position();
    return position ? std::optional(position->time) : std::nullopt;
}

std::optional<Fault> Follower::fault(ShardId shard) const {
    const std::lock_guard lock(mutex_);
    return shards_.at(shard.value()).fault;
}

Result<bool> Follower::wait_until(ShardId shard, RecordNumber record, Deadline deadline) {
    std::unique_lock lock(mutex_);
    const Shard& at = shards_.at(shard.value());
    const auto is_there = [&] { return at.next > record; };
    const auto is_lost = [&] { return at.fault && at.fault->code != FaultCode::retriable; };
    if (!is_there() && !is_lost() && !is_stopping_) {
        is_notified_ = true;
        wake_.notify_one();
        applied_.wait_until(lock, deadline,
                            [&] { return is_there() || is_lost() || is_stopping_; });
    }
    if (is_there()) return true;
    if (is_lost()) return *at.fault;
    return false;
}

void Follower::run() {
    while (true) {
        bool has_more = false;
        begin_look();
        for (std::uint32_t number = 0; number < shards_.size(); ++number) {
            has_more = take_turn(ShardId(number)) || has_more;
        }
        tell_of_look();
        std::unique_lock lock(mutex_);
        const auto is_called = [this] { return is_notified_ || is_stopping_; };
        if (!has_more) wake_.wait_for(lock, options_.look_interval, is_called);
        if (is_stopping_) return;
        // What comes from here on is seen by the turns that follow, or calls again.
        is_notified_ = false;
    }
}

void Follower::begin_look() {
    const std::lock_guard lock(mutex_);
    ++look_;
}

void Follower::tell_of_look() {
    {
        const std::lock_guard lock(mutex_);
        if (asked_look_ < look_) return;
    }
    if (options_.changed) options_.changed();
}

/// Of a view that has stopped: who asks for the log's end is told that it does not come there.
void Follower::see_end(Shard& at, const Result<RecordNumber>& end) {
    const std::lock_guard lock(mutex_);
    note_end(at, end);
}

/// Under the mutex.
void Follower::note_end(Shard& at, const Result<RecordNumber>& end) {
    at.end = end ? *end : kUnknownEnd;
    at.end_seen_in = look_;
}

/// Found by whoever reads, and told from here.
void Follower::look_for_damage(ShardId shard) {
    Shard& at = shards_[shard.value()];
    if (at.is_damaged || !damage(shard)) return;
    at.is_damaged = true;
    if (options_.changed) options_.changed();
}

bool Follower::take_turn(ShardId shard) {
    look_for_damage(shard);
    Shard& at = shards_[shard.value()];
    bool stands_still = false;
    {
        const std::lock_guard lock(mutex_);
        if (is_stopping_) return false;
        // Brokers that were away for long may answer again.
        const bool may_pass =
            at.fault && (at.fault->code == FaultCode::retriable ||
                         (at.fault->code == FaultCode::storage && !at.has_store_failed));
        stands_still = at.fault && !may_pass;
    }
    if (stands_still) {
        see_end(at, log_.end(shard));
        return false;
    }
    Projector& projector = views_.projector(shard);
    const RecordNumber before = projector.next_record();
    const SteadyTime looked_at = steady_now();
    const Result<RecordNumber> end = log_.end(shard);
    Status applied = end ? projector.compared() : Status(end.error());
    if (applied && before < *end) {
        const std::uint64_t turn = before.value() + options_.records_per_turn;
        applied = projector.catch_up(std::min(*end, RecordNumber(turn)));
    }
    const RecordNumber next = projector.next_record();
    if (next != before) {
        at.moved_at = looked_at;
        at.is_written_out = false;
    } else if (applied && !at.is_written_out &&
               looked_at - at.moved_at >= options_.write_out_after) {
        const Result<bool> written = views_.stores().at(shard.value())->write_out();
        if (!written) applied = written.error();
        at.is_written_out = written && *written;
    }
    const std::optional<Timestamp> complete = complete_below(shard);
    {
        const std::lock_guard lock(mutex_);
        at.complete_below = complete;
        if (end && next >= *end) at.whole_at = looked_at;
        const bool had_fault = at.fault.has_value();
        const bool had_stopped = had_fault && at.fault->code != FaultCode::retriable;
        const bool has_moved = next != at.next;
        applied_count_.fetch_add(next.value() - at.next.value(), std::memory_order_release);
        at.next = next;
        at.fault.reset();
        if (!applied) at.fault = applied.error();
        at.has_store_failed = views_.stores().at(shard.value())->has_failed();
        // Descriptors come back, those that the log's files want too.
        if (at.fault && is_out_of_descriptors(at.fault->message))
            at.fault->code = FaultCode::retriable;
        const bool has_stopped = at.fault && at.fault->code != FaultCode::retriable;
        // Whoever asked for this very look is told of the stop, and waits for no other.
        if (end || has_stopped) note_end(at, end);
        const bool is_news =
            has_moved || has_stopped != had_stopped || had_fault == applied.has_value();
        if (!is_news) return applied && next < *end;
    }
    applied_.notify_all();
    if (options_.changed) options_.changed();
    return applied && next < *end;
}

}  // namespace vouch::projector
