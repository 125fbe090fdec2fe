#include "tests/support/memory_broker.h"

#include "events/world/clock.h"

#include <algorithm>
#include <chrono>
#include <mutex>

namespace vouch::test {

using kafka::Assignment;
using kafka::Polled;

// --- Faults -----------------------------------------------------------------------------------

void MemoryBroker::fail_commit(CommitFault fault) {
    const std::lock_guard lock(mutex_);
    commit_faults_.push_back(fault);
}

std::optional<MemoryBroker::CommitFault> MemoryBroker::take_commit_fault() {
    if (commit_faults_.empty()) return std::nullopt;
    const CommitFault fault = commit_faults_.front();
    commit_faults_.pop_front();
    return fault;
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
        for (auto& [name, group] : groups_) {
            for (auto& [instance, member] : group.members) member.heard_ms = boot_time_ms();
        }
    }
    changed_.notify_all();
}

void MemoryBroker::lose_leader(const std::string& topic, std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    leaderless_.insert({topic, partition});
}

void MemoryBroker::find_leaders() {
    const std::lock_guard lock(mutex_);
    leaderless_.clear();
}

void MemoryBroker::hold_settings() {
    const std::lock_guard lock(mutex_);
    hides_settings_ = true;
}

bool MemoryBroker::await_back(std::unique_lock<Mutex>& lock, std::int64_t timeout_ms) {
    const bool is_back = changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                                           [&] { return !is_away_; });
    if (is_back) {
        abort_overdue();
        end_sessions();
    }
    return is_back;
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

void MemoryBroker::hold_marks() {
    const std::lock_guard lock(mutex_);
    holds_marks_ = true;
}

void MemoryBroker::write_marks() {
    const std::lock_guard lock(mutex_);
    holds_marks_ = false;
    for (Producer& each : std::exchange(unmarked_, {})) decide(each, State::shown);
}

// --- Partitions -------------------------------------------------------------------------------

std::int64_t MemoryBroker::Partition::stable_end() const {
    const auto open = std::ranges::find(entries, State::open, &Entry::state);
    return open - entries.begin();
}

MemoryBroker::Partition* MemoryBroker::find(const Place& place) {
    const auto topic = topics_.find(place.first);
    if (topic == topics_.end()) return nullptr;
    auto& partitions = topic->second.partitions;
    const auto index = static_cast<std::size_t>(place.second);
    return index < partitions.size() ? &partitions[index] : nullptr;
}

std::int64_t MemoryBroker::append(const Place& place, Entry entry) {
    Partition& partition = *find(place);
    partition.entries.push_back(std::move(entry));
    return partition.high() - 1;
}

void MemoryBroker::changed(const Place& place) {
    for (const auto& [id, watch] : watches_) {
        if (watch.place == place) watch.on_more();
    }
    changed_.notify_all();
}

std::int64_t MemoryBroker::put(const std::string& topic, std::int32_t partition, ByteView key,
                               ByteView payload) {
    const std::lock_guard lock(mutex_);
    const Place place(topic, partition);
    const std::int64_t offset =
        append(place, {std::make_shared<Stored>(Bytes(key.begin(), key.end()),
                                                Bytes(payload.begin(), payload.end())),
                       State::shown});
    changed(place);
    return offset;
}

void MemoryBroker::put_mark(const std::string& topic, std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    append({topic, partition}, {});
    changed({topic, partition});
}

void MemoryBroker::put_unreadable(const std::string& topic, std::int32_t partition, int count) {
    const std::lock_guard lock(mutex_);
    const Place place(topic, partition);
    const std::int64_t batch = find(place)->high();
    for (int i = 0; i < count; ++i)
        append(place, {std::make_shared<Stored>(), State::unreadable, batch});
    changed(place);
}

void MemoryBroker::trim(const std::string& topic, std::int32_t partition, std::int64_t before) {
    const std::lock_guard lock(mutex_);
    find({topic, partition})->first = before;
}

void MemoryBroker::lose_end(const std::string& topic, std::int32_t partition, std::int64_t from) {
    const std::lock_guard lock(mutex_);
    find({topic, partition})->entries.resize(static_cast<std::size_t>(from));
}

void MemoryBroker::make_again(const std::string& topic) {
    const std::lock_guard lock(mutex_);
    for (Partition& each : topics_.at(topic).partitions) each = {};
    for (auto& [name, group] : groups_)
        std::erase_if(group.offsets, [&](const auto& of) { return of.first.first == topic; });
}

std::vector<std::string> MemoryBroker::shown(const std::string& topic, std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> payloads;
    for (const Entry& entry : find({topic, partition})->entries) {
        if (entry.state == State::open) break;
        if (entry.state != State::shown || !entry.stored) continue;
        const Bytes& bytes = entry.stored->payload;
        payloads.emplace_back(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    return payloads;
}

/// What stands where a reader has come to; what nobody sees is passed.
Result<Polled> MemoryBroker::look(Reading& reading) {
    Partition* const partition = find({reading.topic, reading.partition});
    if (partition == nullptr) return Fault{FaultCode::retriable, "no such partition"};
    Topic& topic = topics_.at(reading.topic);
    if (topic.failing_reads > 0) {
        --topic.failing_reads;
        return topic.fault;
    }
    if (reading.next < partition->first || reading.next > partition->high()) {
        return Fault{FaultCode::corrupt, reading.topic + " partition " +
                                             std::to_string(reading.partition) +
                                             ": offset out of range"};
    }
    const std::int64_t end = partition->stable_end();
    for (; reading.next < end; ++reading.next) {
        const std::int64_t offset = reading.next;
        const Entry& entry = partition->entries[static_cast<std::size_t>(offset)];
        if (entry.state == State::unreadable)
            return Polled{Polled::Kind::unreadable, {}, entry.batch};
        if (entry.state == State::hidden) continue;
        ++reading.next;
        constexpr auto release = [](void* held) {
            delete static_cast<std::shared_ptr<const Stored>*>(held);
        };
        kafka::Message message{offset, entry.stored->key, entry.stored->payload,
                               {new std::shared_ptr<const Stored>(entry.stored), release}};
        return Polled{Polled::Kind::message, std::move(message), offset};
    }
    if (reading.told_end >= reading.next) return Polled{};
    reading.told_end = reading.next;
    return Polled{Polled::Kind::end, {}, reading.next};
}

// --- Transactions -----------------------------------------------------------------------------

/// A mark in each partition that the transaction wrote to.
void MemoryBroker::decide(Producer& producer, State state) {
    std::set<Place> places;
    for (const auto& [place, index] : std::exchange(producer.open, {})) {
        if (Partition* const partition = find(place); index < partition->entries.size())
            partition->entries[index].state = state;
        places.insert(place);
    }
    for (const Place& place : places) {
        append(place, {});
        changed(place);
    }
}

void MemoryBroker::abort_overdue() {
    constexpr std::chrono::milliseconds kOpenMax{kafka::kTransactionTimeoutMs};
    for (auto& [name, producer] : producers_) {
        if (producer.open.empty() || steady_now() - producer.since <= kOpenMax) continue;
        ++producer.epoch;
        decide(producer, State::hidden);
    }
}

void MemoryBroker::bump_epoch(const std::string& transactional_name) {
    const std::lock_guard lock(mutex_);
    Producer& producer = producers_.at(transactional_name);
    ++producer.epoch;
    decide(producer, State::hidden);
}

// --- Groups -----------------------------------------------------------------------------------

std::optional<std::int64_t> MemoryBroker::consumed(const std::string& group,
                                                   const std::string& topic,
                                                   std::int32_t partition) {
    const std::lock_guard lock(mutex_);
    const auto& offsets = groups_[group].offsets;
    const auto found = offsets.find({topic, partition});
    return found == offsets.end() ? std::nullopt : std::optional(found->second);
}

/// To all members, in the order of their instances: each gets as many partitions as the others, or
/// one more.
void MemoryBroker::share_out(Group& group) {
    ++group.generation;
    const std::size_t partitions = topics_[group.topic].partitions.size();
    std::size_t next = 0, index = 0;
    for (auto& [instance, member] : group.members) {
        if (!member.partitions.empty()) member.news.push_back({Assignment::Kind::taken_back});
        member.partitions.clear();
        const std::size_t behind = partitions * ++index / group.members.size();
        for (; next < behind; ++next) member.partitions.insert(static_cast<std::int32_t>(next));
        member.news.push_back({Assignment::Kind::given, member.partitions});
    }
    changed_.notify_all();
}

void MemoryBroker::end_sessions() {
    const std::int64_t now = boot_time_ms();
    for (auto& [name, group] : groups_) {
        const auto gone = std::erase_if(group.members, [&](const auto& each) {
            return now - each.second.heard_ms > each.second.session_ms;
        });
        if (gone > 0) share_out(group);
    }
}

void MemoryBroker::expire(const std::string& instance) {
    const std::lock_guard lock(mutex_);
    for (auto& [name, group] : groups_) {
        if (group.members.erase(instance) > 0) share_out(group);
    }
    changed_.notify_all();
}

}  // namespace vouch::test
