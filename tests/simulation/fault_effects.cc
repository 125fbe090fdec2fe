#include "tests/simulation/fault_effects.h"

#include "events/log/kafka/record_message.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace vouch::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t kStepMax_us = microseconds(seconds(30)).count();
constexpr std::int64_t kLeapMax_us = microseconds(hours(24 * 20)).count();
constexpr std::uint64_t kSyncMax_ms = 500;
/// The n-th change or read from now on, up to this.
constexpr std::uint64_t kNthMax = 60;
constexpr std::size_t kStrangeBytes = 40;
/// Of brokers that are unsteady: chances of a request, and times.
constexpr std::uint64_t kOfAMillionMax = 40'000;
constexpr std::uint64_t kBrokerTimeMax_us = 2'000'000;
constexpr std::uint32_t kOftener = 50;

/// Numbers of a fault's draw, one after the other.
class Details {
public:
    explicit Details(std::uint64_t draw) : left_(draw) {}
    std::uint64_t below(std::uint64_t bound) {
        const std::uint64_t number = left_ % bound;
        left_ = left_ / bound + 0x9e3779b97f4a7c15ULL * (number + 1);
        return number;
    }
    std::int64_t around_zero(std::int64_t most) {
        return static_cast<std::int64_t>(below(2 * static_cast<std::uint64_t>(most))) - most;
    }

private:
    std::uint64_t left_;
};

/// A byte of the log that was written: a file is longer than that.
struct WrittenByte {
    std::string path;
    std::size_t at = 0;
};

std::optional<WrittenByte> find_written(MemoryFiles& disk, Details& details) {
    std::vector<std::string> names;
    if (disk.list("log", names).error != 0 || names.empty()) return std::nullopt;
    const std::string path = "log/" + names[details.below(names.size())];
    const Bytes bytes = disk.contents(path);
    if (bytes.empty()) return std::nullopt;
    std::size_t at = details.below(bytes.size());
    // Behind what is written are zeros, which are written over.
    while (at > 0 && bytes[at] == std::byte{}) --at;
    return bytes[at] == std::byte{} ? std::nullopt : std::optional(WrittenByte{path, at});
}

std::function<void()> let_rot(MemoryFiles& disk, Details& details) {
    const std::optional<WrittenByte> place = find_written(disk, details);
    if (!place) return nullptr;
    const std::uint64_t bit = 8 * place->at + details.below(8);
    disk.flip(place->path, bit);
    const std::byte rotten = disk.contents(place->path)[place->at];
    return [&disk, place, bit, rotten] {
        const Bytes bytes = disk.contents(place->path);
        if (bytes.size() > place->at && bytes[place->at] == rotten) disk.flip(place->path, bit);
    };
}

std::function<void()> set_clock_for_a_while(Machine& machine, std::int64_t us) {
    machine.clock.set_by_us += us;
    return [&machine, us] { machine.clock.set_by_us -= us; };
}

/// About half of what a broker can do wrong, each as often and for as long as the draw says.
BrokerFaults draw_faults(Details& details) {
    BrokerFaults faults;
    for (const BrokerFaultKind& kind : broker_fault_kinds()) {
        if (details.below(2) == 0) continue;
        const std::uint64_t most = kind.is_time ? kBrokerTimeMax_us : kOfAMillionMax;
        faults.*kind.value = static_cast<std::uint32_t>(details.below(most));
    }
    // Of every request, and of every heartbeat.
    faults.latency_us /= kOftener;
    faults.place_forgotten /= kOftener;
    return faults;
}

std::string topic_of(const KafkaLogOptions& options, Details& details) {
    const std::array<std::string, 3> topics = {kafka::commands_topic(options),
                                               kafka::steps_topic(options),
                                               kafka::events_topic(options)};
    return topics[details.below(topics.size())];
}

/// Any bytes, or a copy of a record or of commands that stand there.
void write_strange(MemoryBroker& broker, const KafkaLogOptions& options, std::uint64_t shard,
                   Details& details) {
    const auto partition = static_cast<std::int32_t>(shard);
    const std::string topic = topic_of(options, details);
    const std::vector<std::string> there = broker.shown(topic, partition);
    const std::size_t nth = details.below(std::max<std::size_t>(1, there.size()));
    Bytes key;
    Bytes bytes(details.below(kStrangeBytes), std::byte{7});
    if (!there.empty() && topic != kafka::steps_topic(options) && details.below(2) == 0) {
        const auto record = kafka::key_of(RecordNumber(nth));
        key.assign(record.begin(), record.end());
        const auto* const begin = reinterpret_cast<const std::byte*>(there[nth].data());
        bytes.assign(begin, begin + there[nth].size());
    }
    (void)broker.put(topic, partition, key, bytes);
}

std::function<void()> begin_on_kafka(const PlannedFault& fault, const FaultSite& at) {
    MemoryBroker& broker = at.kafka->broker();
    const KafkaLogOptions& options = at.kafka->options();
    Details details(fault.draw);
    const std::uint64_t shard = details.below(at.shards);
    const std::string instance = options.name + ".handler." + at.machine.name;
    switch (fault.kind) {
        case FaultKind::brokers_away:
            broker.leave();
            return [&] { broker.come_back(); };
        case FaultKind::brokers_unsteady:
            broker.set_faults(draw_faults(details));
            return [&] { broker.set_faults({}); };
        case FaultKind::commit_not_answered:
            broker.fail_commit(MemoryBroker::CommitFault::done_and_not_answered);
            return nullptr;
        case FaultKind::commit_not_done:
            broker.fail_commit(MemoryBroker::CommitFault::not_done_and_not_answered);
            return nullptr;
        case FaultKind::commit_ended_twice:
            broker.fail_commit(MemoryBroker::CommitFault::answered_twice);
            return nullptr;
        case FaultKind::session_expired:
            broker.expire(instance);
            return nullptr;
        case FaultKind::member_stalled:
            broker.stall(instance, fault.lasts.count() / 1'000);
            return nullptr;
        case FaultKind::epoch_bumped:
            // Of a producer that has not come yet nothing is known.
            if (!at.has_producers) return nullptr;
            broker.bump_epoch(options.name + ".shard." + std::to_string(shard));
            return nullptr;
        case FaultKind::leader_lost:
            broker.lose_leader(topic_of(options, details), static_cast<std::int32_t>(shard));
            return [&] { broker.find_leaders(); };
        case FaultKind::marks_held:
            broker.hold_marks();
            return [&] { broker.write_marks(); };
        case FaultKind::strange_message:
            write_strange(broker, options, shard, details);
            return nullptr;
        case FaultKind::kill:
        case FaultKind::power_loss:
        case FaultKind::power_losses:
        case FaultKind::pause:
        case FaultKind::clock_step:
        case FaultKind::clock_leap:
        case FaultKind::slow_disk:
        case FaultKind::full_disk:
        case FaultKind::failing_change:
        case FaultKind::failing_read:
        case FaultKind::bit_rot:
        case FaultKind::lost_views:
        case FaultKind::lost_stores:
            return nullptr;
    }
    return nullptr;
}

}  // namespace

std::function<void()> begin_effect(const PlannedFault& fault, const FaultSite& at) {
    MemoryFiles& disk = at.machine.disk;
    Details details(fault.draw);
    constexpr std::array kErrors = {EIO, ENOSPC};
    switch (fault.kind) {
        case FaultKind::kill:
        case FaultKind::power_loss:
        case FaultKind::power_losses:
        case FaultKind::pause:
            return nullptr;
        case FaultKind::lost_views:
            at.machine.loses_views = true;
            return nullptr;
        case FaultKind::lost_stores:
            at.machine.loses_stores = true;
            return nullptr;
        case FaultKind::clock_step:
            return set_clock_for_a_while(at.machine, details.around_zero(kStepMax_us));
        case FaultKind::clock_leap:
            return set_clock_for_a_while(at.machine, details.around_zero(kLeapMax_us));
        case FaultKind::slow_disk:
            disk.set_sync_time(milliseconds(1 + details.below(kSyncMax_ms)));
            return [&] { disk.set_sync_time(Machine::kSyncTime); };
        case FaultKind::full_disk:
            disk.set_capacity(1);
            return [&] { disk.set_capacity(~std::uint64_t{0}); };
        case FaultKind::failing_change:
            disk.fail_change(1 + details.below(kNthMax), kErrors[details.below(kErrors.size())]);
            return [&] { disk.fail_change(0, 0); };
        case FaultKind::failing_read:
            disk.fail_read(1 + details.below(kNthMax), EIO);
            return [&] { disk.fail_read(0, 0); };
        case FaultKind::bit_rot:
            return let_rot(disk, details);
        case FaultKind::brokers_away:
        case FaultKind::brokers_unsteady:
        case FaultKind::commit_not_answered:
        case FaultKind::commit_not_done:
        case FaultKind::commit_ended_twice:
        case FaultKind::session_expired:
        case FaultKind::member_stalled:
        case FaultKind::epoch_bumped:
        case FaultKind::leader_lost:
        case FaultKind::marks_held:
        case FaultKind::strange_message:
            return begin_on_kafka(fault, at);
    }
    return nullptr;
}

}  // namespace vouch::test
