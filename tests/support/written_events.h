#pragma once

#include "command-handler/core/facts.h"
#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/entries/step.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace vouch::test {

/// A step on its way, as bytes.
struct SentStep {
    ShardId from;
    RecordNumber record;
    std::vector<std::byte> bytes;
};

/// Steps by sender and receiver, oldest first. Shared by all shards of a test.
using StepQueues = std::map<std::pair<ShardId, ShardId>, std::deque<SentStep>>;

/// A shard's events as written, which is all that facts are ever found in.
class WrittenEvents final : public command_handler::FactSource, public command_handler::EventSink {
public:
    WrittenEvents(ShardId shard, StepQueues& steps) : shard_(shard), steps_(steps) {}

    void append(const CommandDecided& event) override { write(event); }
    void append(const HoldExpired& event) override { write(event); }
    void append(const ConflictSeen& event) override { write(event); }
    void append(const CommandInTransit& event) override { write(event); }
    void append(const CommandAnswered& event) override { write(event); }
    void append(const StepFollowed& event) override { write(event); }
    void append(const TransitOpened& event) override { write(event); }
    void append(const ForwardRepeated& event) override { write(event); }
    void append(const CommandForwarded& event) override { write(event); }
    void send(ShardId to, const Step& step) override;

    void forget_answers() override {}  // what is read back stays, for the tests to look at

    std::uint64_t position() const override { return events_.size(); }
    void undo_to(std::uint64_t position) override;
    bool has_room() const override { return true; }
    EventNumber next_event() const override { return EventNumber(events_.size()); }
    RecordNumber record() const override { return record_; }
    void begin_record() { record_ = record_.next(); }

    std::optional<command_handler::PastCommand> find_command(LedgerId ledger,
                                                             CommandId id) override;
    std::optional<HoldState> find_closed_hold(LedgerId ledger, CommandId hold) override;
    std::optional<EntryState> find_entry_state(const command_handler::EntryKey& entry) override;
    Amount find_refunded(const command_handler::EntryKey& entry, std::uint32_t posting) override;
    std::optional<StepFollowed> find_followed_entry(LedgerId ledger, CommandId entry) override;

    const Event& read(std::size_t index) const { return events_[index]; }
    std::size_t size() const { return events_.size(); }
    /// Bytes of all events, as they stand in records.
    std::size_t bytes() const { return total_; }

private:
    void for_each_state(const command_handler::EntryKey& entry,
                        const std::function<void(const EntryState&)>& see);

    void write(const Event& event);

    ShardId shard_;
    StepQueues& steps_;
    std::vector<std::vector<std::byte>> bytes_;
    std::vector<std::size_t> ends_;  // of each event, in all their bytes
    std::size_t total_ = 0;
    std::vector<Event> events_;  // as read from the bytes
    RecordNumber record_;
    Arena arena_;
};

}  // namespace vouch::test
