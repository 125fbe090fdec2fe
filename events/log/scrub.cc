#include "events/log/scrub.h"

#include "events/log/writer_turn.h"

#include <chrono>
#include <utility>

namespace vouch {

std::string RottenRecord::text() const {
    return place.empty() ? what : what + "; it lies in " + place;
}

Scrub::Scrub(LogReader& log, const Deployment& deployment, const EpochKeys& keys, Report report)
    : log_(log),
      deployment_(deployment),
      keys_(keys),
      report_(std::move(report)),
      verifier_(deployment, shard_, &keys),
      last_(deployment.genesis_tag) {}

Status Scrub::step() {
    const Result<RecordNumber> end = log_.end(shard_);
    if (!end || next_ >= *end) {
        next_shard();
        return end ? Status() : end.error();
    }
    records_.clear();
    const Status read = log_.read_records(shard_, next_, kStepBytes, records_);
    for (const StoredRecord& stored : records_) look_at(stored);
    if (!records_.empty()) return {};
    // The record alone cannot be read; what stands behind it may be.
    if (read) {
        found_wrong("is missing before the end of the log");
    } else {
        found_wrong(read.error().message, read.error().code != FaultCode::corrupt);
    }
    last_.reset();
    next_ = next_.next();
    return {};
}

void Scrub::look_at(const StoredRecord& stored) {
    const Result<RecordView> record = verifier_.verify(next_, stored.bytes);
    if (!record) {
        found_wrong(record.error().message);
        last_.reset();
    } else {
        if (last_ && !follows(record->header, *last_))
            found_wrong("does not follow the record before it");
        else
            look_beside();
        last_ = record->digest;
    }
    next_ = next_.next();
}

void Scrub::found_wrong(const std::string& what, bool is_unread) {
    const std::string name = record_name(shard_, next_);
    tell({shard_, next_, what.starts_with(name) ? what : name + ": " + what,
          log_.place_of(shard_, next_), false, is_unread});
}

void Scrub::look_beside() {
    const std::optional<DamageBeside> damage = log_.damage_beside(shard_, next_);
    if (damage) return tell({shard_, next_, damage->what, damage->place, true});
    found_right();
}

void Scrub::tell(const RottenRecord& rotten) {
    {
        const std::lock_guard lock(mutex_);
        const auto known = rotten_.find(Place(shard_, next_));
        if (known == rotten_.end() && rotten_.size() >= kRottenMax) return;
        if (known != rotten_.end() && known->second.is_beside == rotten.is_beside) return;
        rotten_.insert_or_assign(Place(shard_, next_), rotten);
    }
    report_(rotten);
}

void Scrub::found_right() {
    const std::lock_guard lock(mutex_);
    rotten_.erase(Place(shard_, next_));
}

std::vector<RottenRecord> Scrub::rotten() const {
    const std::lock_guard lock(mutex_);
    std::vector<RottenRecord> all;
    for (const auto& [place, rotten] : rotten_) all.push_back(rotten);
    return all;
}

void Scrub::next_shard() {
    const std::uint32_t following = shard_.value() + 1;
    if (following == deployment_.shards) ++rounds_;
    shard_ = ShardId(following == deployment_.shards ? 0 : following);
    verifier_ = RecordVerifier(deployment_, shard_, &keys_);
    next_ = RecordNumber(0);
    last_ = deployment_.genesis_tag;
}

BackgroundScrub::BackgroundScrub(LogReader& log, const Deployment& deployment,
                                 const EpochKeys& keys, Scrub::Report report)
    : scrub_(log, deployment, keys, std::move(report)) {
    thread_ = Thread("scrub", [this] { run(); });
}

BackgroundScrub::~BackgroundScrub() {
    {
        const std::lock_guard lock(mutex_);
        stops_ = true;
    }
    stopping_.notify_all();
    thread_.join();
}

void BackgroundScrub::run() {
    constexpr std::chrono::microseconds kPause(1'000'000 * Scrub::kStepBytes / kBytesASecond);
    take_lowest_priority();
    std::unique_lock lock(mutex_);
    while (!stopping_.wait_for(lock, kPause, [this] { return stops_; })) {
        lock.unlock();
        // A log that fails as a whole is its writer's to tell.
        (void)scrub_.step();
        lock.lock();
    }
}

}  // namespace vouch
