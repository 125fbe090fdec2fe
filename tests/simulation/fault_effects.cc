#include "tests/simulation/fault_effects.h"

#include "events/log/kafka/record_message.h"
#include "tests/simulation/disk_changes.h"

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
    const std::size_t end = written_end(bytes);
    if (end == 0) return std::nullopt;
    return WrittenByte{path, details.below(end)};
}

BegunFault nothing() {
    return {.took_place = [] { return false; }};
}
/// Whether a count has grown since now.
template <class Count>
std::function<bool()> grows(Count count) {
    return [count, before = count()] { return count() > before; };
}

BegunFault let_rot(MemoryFiles& disk, Details& details) {
    const std::optional<WrittenByte> place = find_written(disk, details);
    if (!place) return nothing();
    const std::uint64_t bit = 8 * place->at + details.below(8);
    disk.flip(place->path, bit);
    const std::byte rotten = disk.contents(place->path)[place->at];
    return {[&disk, place, bit, rotten] {
                const Bytes bytes = disk.contents(place->path);
                if (bytes.size() > place->at && bytes[place->at] == rotten)
                    disk.flip(place->path, bit);
            },
            grows([&disk] { return disk.met().rot; })};
}

BegunFault set_clock_for_a_while(Machine& machine, std::int64_t us) {
    machine.clock.set_by_us += us;
    return {[&machine, us] { machine.clock.set_by_us -= us; }};
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

/// Any bytes; or what stood there, or in another shard's partition, or was aborted, with a bit
/// changed or not. What changed commands are, a client could as well have sent.
void write_strange(MemoryBroker& broker, const KafkaLogOptions& options, std::uint64_t shard,
                   Details& details) {
    const auto partition = static_cast<std::int32_t>(shard);
    const std::string topic = topic_of(options, details);
    const bool are_commands = topic == kafka::commands_topic(options);
    const std::uint64_t from =
        are_commands ? shard : details.below(options.shard_count);
    const auto there = broker.written(topic, static_cast<std::int32_t>(from));
    MemoryPartition::Message message{{}, Bytes(details.below(kStrangeBytes), std::byte{7})};
    if (!there.empty() && details.below(4) != 0) {
        // Near the end is what is not long ago, or was aborted and never came again.
        const std::size_t back = details.below(2) == 0 ? there.size()
                                                       : std::min<std::size_t>(there.size(), 8);
        message = there[there.size() - 1 - details.below(back)];
        if (!are_commands && !message.payload.empty() && details.below(2) == 0)
            message.payload[details.below(message.payload.size())] ^= std::byte{1}
                                                                      << details.below(8);
    }
    (void)broker.put(topic, partition, message.key, message.payload);
}

/// As retention does, up to where the shard goes on reading.
BegunFault trim_consumed(MemoryBroker& broker, const KafkaLogOptions& options, std::uint64_t shard,
                         Details& details) {
    const auto partition = static_cast<std::int32_t>(shard);
    const std::string topic = details.below(2) == 0 ? kafka::commands_topic(options)
                                                    : kafka::steps_topic(options);
    const auto consumed = broker.consumed(kafka::group_name(options), topic, partition);
    if (!consumed || *consumed == 0) return nothing();
    broker.trim(topic, partition, *consumed);
    return {};
}

BegunFault fail_commit(MemoryBroker& broker, MemoryBroker::CommitFault fault) {
    broker.fail_commit(fault);
    return {.took_place = grows([&broker, fault] { return broker.troubles().commits[fault]; })};
}

BegunFault begin_on_kafka(const PlannedFault& fault, const FaultSite& at) {
    using CommitFault = MemoryBroker::CommitFault;
    using Troubles = MemoryBroker::Troubles;
    MemoryBroker& broker = at.kafka->broker();
    const KafkaLogOptions& options = at.kafka->options();
    Details details(fault.draw);
    const std::uint64_t shard = details.below(at.shards);
    const std::string instance = options.name + ".handler." + at.machine.instance;
    const auto meets = [&broker](std::uint64_t Troubles::*count) {
        return grows([&broker, count] { return broker.troubles().*count; });
    };
    const auto spoil_steps = [&](MemoryBroker::Spoil spoil) -> BegunFault {
        broker.spoil_next(kafka::steps_topic(options), static_cast<std::int32_t>(shard), spoil,
                          fault.lasts);
        return {.took_place = meets(&Troubles::spoiled)};
    };
    switch (fault.kind) {
        case FaultKind::brokers_away:
            broker.leave();
            return {[&] { broker.come_back(); }, meets(&Troubles::away)};
        case FaultKind::brokers_unsteady:
            broker.set_faults(draw_faults(details));
            return {[&] { broker.set_faults({}); }, meets(&Troubles::drawn)};
        case FaultKind::commit_not_answered:
            return fail_commit(broker, CommitFault::done_and_not_answered);
        case FaultKind::commit_not_done:
            return fail_commit(broker, CommitFault::not_done_and_not_answered);
        case FaultKind::commit_ended_twice:
            return fail_commit(broker, CommitFault::answered_twice);
        case FaultKind::session_expired: {
            const auto expires = meets(&Troubles::expired);
            broker.expire(instance);
            return {.took_place = expires};
        }
        case FaultKind::member_stalled:
            broker.stall(instance, fault.lasts.count() / 1'000);
            return {.took_place = meets(&Troubles::stalls)};
        case FaultKind::epoch_bumped:
            // Of a producer that has not come yet nothing is known.
            if (!at.has_producers) return nothing();
            broker.bump_epoch(options.name + ".shard." + std::to_string(shard));
            return {};
        case FaultKind::leader_lost:
            broker.lose_leader(topic_of(options, details), static_cast<std::int32_t>(shard));
            return {[&] { broker.find_leaders(); }, meets(&Troubles::leaderless)};
        case FaultKind::marks_held:
            broker.hold_marks();
            return {[&] { broker.write_marks(); }, meets(&Troubles::marks_held)};
        case FaultKind::strange_message:
            write_strange(broker, options, shard, details);
            return {};
        case FaultKind::steps_lost:
            return spoil_steps(MemoryBroker::Spoil::lost);
        case FaultKind::steps_twice:
            return spoil_steps(MemoryBroker::Spoil::twice);
        case FaultKind::steps_late:
            return spoil_steps(MemoryBroker::Spoil::late);
        case FaultKind::inputs_trimmed:
            return trim_consumed(broker, options, shard, details);
        case FaultKind::inputs_lost:
            return {};  // with the process's end
        case FaultKind::copied_directory:
            at.machine.instance = at.machine.name == "a" ? "b" : "a";
            return {[&machine = at.machine] { machine.instance = machine.name; }};
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
        case FaultKind::old_segment:
        case FaultKind::old_log:
        case FaultKind::lost_segment:
        case FaultKind::rotten_end:
        case FaultKind::misdirected_write:
        case FaultKind::rot_beside:
        case FaultKind::old_beside:
        case FaultKind::old_directory:
        case FaultKind::lost_views:
        case FaultKind::lost_stores:
            break;
    }
    return nothing();
}

}  // namespace

BegunFault begin_effect(const PlannedFault& fault, const FaultSite& at) {
    MemoryFiles& disk = at.machine.disk;
    Details details(fault.draw);
    constexpr std::array kErrors = {EIO, ENOSPC};
    const auto meets = [&disk](std::uint64_t MemoryFiles::Met::*count) {
        return grows([&disk, count] { return disk.met().*count; });
    };
    switch (fault.kind) {
        case FaultKind::kill:
        case FaultKind::power_loss:
        case FaultKind::power_losses:
        case FaultKind::pause:
        case FaultKind::old_segment:
        case FaultKind::old_log:
        case FaultKind::lost_segment:
        case FaultKind::rotten_end:
        case FaultKind::misdirected_write:
        case FaultKind::rot_beside:
        case FaultKind::old_beside:
        case FaultKind::old_directory:
            return {};
        case FaultKind::lost_views:
            at.machine.loses_views = true;
            return {};
        case FaultKind::lost_stores:
            at.machine.loses_stores = true;
            return {};
        case FaultKind::clock_step:
            return set_clock_for_a_while(at.machine, details.around_zero(kStepMax_us));
        case FaultKind::clock_leap:
            return set_clock_for_a_while(at.machine, details.around_zero(kLeapMax_us));
        case FaultKind::slow_disk:
            disk.set_sync_time(milliseconds(1 + details.below(kSyncMax_ms)));
            return {[&] { disk.set_sync_time(Machine::kSyncTime); },
                    grows([&disk] { return disk.calls("fdatasync"); })};
        case FaultKind::full_disk:
            disk.set_capacity(1);
            return {[&] { disk.set_capacity(~std::uint64_t{0}); },
                    meets(&MemoryFiles::Met::no_room)};
        case FaultKind::failing_change:
            disk.fail_change(1 + details.below(kNthMax), kErrors[details.below(kErrors.size())]);
            return {[&] { disk.fail_change(0, 0); }, meets(&MemoryFiles::Met::failed_changes)};
        case FaultKind::failing_read:
            disk.fail_read(1 + details.below(kNthMax), EIO);
            return {[&] { disk.fail_read(0, 0); }, meets(&MemoryFiles::Met::failed_reads)};
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
        case FaultKind::steps_lost:
        case FaultKind::steps_twice:
        case FaultKind::steps_late:
        case FaultKind::inputs_trimmed:
        case FaultKind::inputs_lost:
        case FaultKind::copied_directory:
            return begin_on_kafka(fault, at);
    }
    return nothing();
}

}  // namespace vouch::test
