#include "tests/support/memory_broker.h"

#include "events/world/clock.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

namespace vouch::test {

using kafka::Polled;

namespace {

std::shared_ptr<const MemoryPartition::Message> message_of(ByteView key, ByteView payload) {
    return std::make_shared<MemoryPartition::Message>(Bytes(key.begin(), key.end()),
                                                      Bytes(payload.begin(), payload.end()));
}

}  // namespace

// --- Faults -----------------------------------------------------------------------------------

void MemoryBroker::fail_commit(CommitFault fault) {
    const std::lock_guard lock(mutex_);
    commit_faults_.push_back(fault);
}

std::optional<MemoryBroker::CommitFault> MemoryBroker::take_commit_fault() {
    if (commit_faults_.empty()) {
        if (happens(faults_.end_repeated)) return CommitFault::answered_twice;
        return std::nullopt;
    }
    const CommitFault fault = commit_faults_.front();
    ++troubles_.commits[fault];
    commit_faults_.pop_front();
    return fault;
}

MemoryBroker::Troubles MemoryBroker::troubles() {
    const std::lock_guard lock(mutex_);
    return troubles_;
}

void MemoryBroker::leave() {
    const std::lock_guard lock(mutex_);
    is_away_ = true;
}

void MemoryBroker::come_back() {
    {
        const std::lock_guard lock(mutex_);
        is_away_ = false;
        // A coordinator that starts gives each member a new session.
        for (auto& [name, group] : groups_) group.renew_sessions(boot_time_ms());
    }
    changed_.notify_all();
}

void MemoryBroker::lose_leader(const std::string& topic, std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    leaderless_[{topic, partition}] = SteadyTime::max();
}

void MemoryBroker::find_leaders() {
    const std::lock_guard lock(mutex_);
    leaderless_.clear();
}

void MemoryBroker::hold_settings() {
    const std::lock_guard lock(mutex_);
    hides_settings_ = true;
}

void MemoryBroker::fail_reads(const std::string& topic, int times, const Fault& fault) {
    const std::lock_guard lock(mutex_);
    topics_.at(topic).failing_reads = times;
    topics_.at(topic).fault = fault;
}

void MemoryBroker::stall(const std::string& instance, std::int64_t ms) {
    const std::lock_guard lock(mutex_);
    stalls_[instance] = ms;
}

void MemoryBroker::expire(const std::string& instance) {
    const std::lock_guard lock(mutex_);
    for (auto& [name, group] : groups_) {
        if (group.knows_instance(instance)) ++troubles_.expired;
        group.remove(instance);
    }
    changed_.notify_all();
}

void MemoryBroker::bump_epoch(const std::string& transactional_name) {
    const std::lock_guard lock(mutex_);
    coordinator_.bump_epoch(transactional_name);
    settle_marks();
    tell();
}

void MemoryBroker::hold_marks() {
    const std::lock_guard lock(mutex_);
    holds_marks_ = true;
}

void MemoryBroker::write_marks() {
    const std::lock_guard lock(mutex_);
    holds_marks_ = false;
    for (const auto& each : std::exchange(held_marks_, {})) write(each);
    tell();
}

void MemoryBroker::write_mark(const std::string& topic, std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    const auto mark = std::ranges::find(held_marks_, Place(topic, partition),
                                        &MemoryCoordinator::Mark::place);
    if (mark == held_marks_.end()) return;
    write(*mark);
    held_marks_.erase(mark);
    tell();
}

void MemoryBroker::spoil_next(const std::string& topic, std::int32_t partition, Spoil spoil,
                              std::chrono::microseconds late) {
    const std::lock_guard lock(mutex_);
    spoils_[{topic, partition}] = {spoil, late};
}

void MemoryBroker::spoil(const Place& place, std::int64_t offset) {
    const auto spoiling = spoils_.extract(place);
    if (spoiling.empty()) return;
    ++troubles_.spoiled;
    const auto [how, late] = spoiling.mapped();
    MemoryPartition& partition = *find(place);
    const auto message = partition.at(offset).message;
    if (how != Spoil::twice) partition.lose(offset);
    if (how == Spoil::lost) return;
    do_later(late, [this, place, message] {
        find(place)->put({message});
        changed(place);
    });
}

void MemoryBroker::expire_consumed(const std::string& group) {
    const std::lock_guard lock(mutex_);
    groups_[group].forget_consumed();
}

// --- Partitions -------------------------------------------------------------------------------

MemoryPartition* MemoryBroker::find(const Place& place) {
    const auto topic = topics_.find(place.first);
    if (topic == topics_.end()) return nullptr;
    auto& partitions = topic->second.partitions;
    const auto index = static_cast<std::size_t>(place.second);
    return index < partitions.size() ? &partitions[index] : nullptr;
}

void MemoryBroker::changed(const Place& place) {
    for (const auto& [id, watch] : watches_) {
        if (watch.place == place) to_tell_.insert(id);
    }
    changed_.notify_all();
}

void MemoryBroker::tell() {
    while (!to_tell_.empty()) {
        const auto watch = watches_.find(to_tell_.extract(to_tell_.begin()).value());
        if (watch != watches_.end()) watch->second.on_more();
    }
}

std::int64_t MemoryBroker::put(const std::string& topic, std::int32_t partition, ByteView key,
                               ByteView payload) {
    const std::lock_guard lock(mutex_);
    const Place place(topic, partition);
    const std::int64_t offset = find(place)->put({message_of(key, payload)});
    changed(place);
    tell();
    return offset;
}

std::int64_t MemoryBroker::put_open(const std::string& transactional_name,
                                    const std::string& topic, std::int32_t partition, ByteView key,
                                    ByteView payload) {
    const std::lock_guard lock(mutex_);
    Sender& stranger = strangers_[transactional_name];
    constexpr std::chrono::minutes kOpenMax{1};
    for (int tries = 0; stranger.life.id < 0 && tries < 2; ++tries) {
        stranger.life = coordinator_.init(transactional_name, kOpenMax).life;
        settle_marks();
    }
    const Place place(topic, partition);
    (void)coordinator_.add(transactional_name, stranger.life, {place}, now());
    const auto produced = produce(transactional_name, place,
                                  {message_of(key, payload), State::open, 0, stranger.life,
                                   stranger.sequences[place]++, true});
    tell();
    return produced.offset;
}

bool MemoryBroker::end_open(const std::string& transactional_name, bool commits) {
    const std::lock_guard lock(mutex_);
    Sender& stranger = strangers_.at(transactional_name);
    const auto ended = end(transactional_name, stranger.life, commits);
    tell();
    if (ended.answer != Reply::done) return false;
    if (ended.life != stranger.life) stranger = {ended.life, {}};
    return true;
}

void MemoryBroker::put_mark(const std::string& topic, std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    find({topic, partition})->put({nullptr, State::commit_mark});
    changed({topic, partition});
    tell();
}

void MemoryBroker::put_unreadable(const std::string& topic, std::int32_t partition, int count) {
    const std::lock_guard lock(mutex_);
    const Place place(topic, partition);
    const std::int64_t batch = find(place)->high();
    for (int i = 0; i < count; ++i)
        find(place)->put({message_of({}, {}), State::unreadable, batch});
    changed(place);
    tell();
}

void MemoryBroker::trim(const std::string& topic, std::int32_t partition, std::int64_t before) {
    const std::lock_guard lock(mutex_);
    find({topic, partition})->trim(before);
}

void MemoryBroker::lose_end(const std::string& topic, std::int32_t partition, std::int64_t from) {
    const std::lock_guard lock(mutex_);
    find({topic, partition})->lose_end(from);
}

void MemoryBroker::delete_topic(const std::string& topic) {
    const std::lock_guard lock(mutex_);
    topics_.erase(topic);
    for (auto& [name, group] : groups_) group.forget_topic(topic);
    changed_.notify_all();
}

void MemoryBroker::make_again(const std::string& topic) {
    const std::lock_guard lock(mutex_);
    for (MemoryPartition& each : topics_.at(topic).partitions) each = {};
    for (auto& [name, group] : groups_) group.forget_topic(topic);
}

std::vector<std::string> MemoryBroker::shown(const std::string& topic, std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    if (!is_away_) go_on();
    std::vector<std::string> payloads;
    const MemoryPartition& all = *find({topic, partition});
    for (std::int64_t offset = all.first(); offset < all.stable_end(); ++offset) {
        if (all.at(offset).state != State::shown) continue;
        const Bytes& bytes = all.at(offset).message->payload;
        payloads.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    return payloads;
}

std::vector<MemoryPartition::Message> MemoryBroker::written(const std::string& topic,
                                                            std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    std::vector<MemoryPartition::Message> messages;
    const MemoryPartition& all = *find({topic, partition});
    for (std::int64_t offset = all.first(); offset < all.stable_end(); ++offset)
        if (all.at(offset).message) messages.push_back(*all.at(offset).message);
    return messages;
}

std::int64_t MemoryBroker::stable_end(const std::string& topic, std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    return find({topic, partition})->stable_end();
}

std::optional<std::int64_t> MemoryBroker::consumed(const std::string& group,
                                                   const std::string& topic,
                                                   std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    if (!is_away_) go_on();
    const auto& offsets = groups_[group].consumed();
    const auto found = offsets.find({topic, partition});
    return found == offsets.end() ? std::nullopt : std::optional(found->second);
}

/// What stands where a reader has come to; what nobody sees is passed.
Result<Polled> MemoryBroker::look(Reading& reading) {
    const Place place(reading.topic, reading.partition);
    const MemoryPartition* const partition = find(place);
    if (partition == nullptr) return Fault{FaultCode::retriable, "no such partition"};
    Topic& topic = topics_.at(reading.topic);
    if (topic.failing_reads > 0) {
        --topic.failing_reads;
        return topic.fault;
    }
    if (steady_now() < reading.held_until) return Polled{};
    if (reading.next < partition->first() || reading.next > partition->high()) {
        return Fault{FaultCode::corrupt, reading.topic + " partition " +
                                             std::to_string(reading.partition) +
                                             ": offset out of range"};
    }
    if (happens(faults_.fetch_short)) {
        const auto time = draw_time(faults_.latency_us) + std::chrono::milliseconds(1);
        reading.held_until = steady_now() + time;
        do_later(time, [this, place] { changed(place); });
        return Polled{};
    }
    const std::int64_t end = partition->stable_end();
    for (; reading.next < end; ++reading.next) {
        const std::int64_t offset = reading.next;
        const Entry& entry = partition->at(offset);
        if (entry.state == State::unreadable)
            return Polled{Polled::Kind::unreadable, {}, entry.batch};
        if (entry.state != State::shown) continue;
        ++reading.next;
        using Held = std::shared_ptr<const MemoryPartition::Message>;
        constexpr auto release = [](void* held) { delete static_cast<Held*>(held); };
        kafka::TopicMessage message{offset, entry.message->key, entry.message->payload,
                               {new Held(entry.message), release}};
        return Polled{Polled::Kind::message, std::move(message), offset};
    }
    if (reading.told_end >= reading.next) return Polled{};
    reading.told_end = reading.next;
    return Polled{Polled::Kind::end, {}, reading.next};
}

}  // namespace vouch::test
