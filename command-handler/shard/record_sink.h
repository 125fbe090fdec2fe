#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/shard/open_record.h"
#include "command-handler/shard/recent_facts.h"
#include "command-handler/shard/shard_facts.h"

namespace vouch::command_handler {

/// Writes events into an open record and makes their facts known.
class RecordSink final : public EventSink {
public:
    /// `recent` takes back what `facts` adds.
    RecordSink(OpenRecord& record, ShardFacts& facts, RecentFacts& recent)
        : record_(record), facts_(facts), recent_(recent) {}

    void append(const CommandDecided& event) override;
    void append(const HoldExpired& event) override;
    void append(const ConflictSeen& event) override;
    void append(const CommandInTransit& event) override;
    void append(const CommandAnswered& event) override;
    void append(const StepFollowed& event) override;
    void append(const TransitOpened& event) override;
    void append(const ForwardRepeated& event) override;
    void append(const CommandForwarded& event) override;
    void append(const Event& event);
    void send(ShardId to, const Step& step) override { record_.outbox.add(to, step); }

    std::uint64_t position() const override;
    void undo_to(std::uint64_t position) override;
    bool has_room() const override { return has_room_for(1, 1); }
    /// Room for events of `bytes` and for `batches` more batches of steps, beside what the batches
    /// so far will take.
    bool has_room_for(std::size_t bytes, std::size_t batches) const;
    EventNumber next_event() const override { return record_.next_event(); }
    RecordNumber record() const override { return record_.number(); }

    /// An upper bound of a StepsSent event in the body.
    static constexpr std::size_t kStepsSentBytesMax = 64;
    /// An upper bound of a StepsTaken event in the body.
    static constexpr std::size_t kStepsTakenBytesMax = 128;

private:
    template <class Written>
    Locator write(const Written& event);

    struct Point {
        std::size_t body_size;
        std::uint32_t event_count;
        std::size_t facts;
        std::size_t batches;
    };

    OpenRecord& record_;
    ShardFacts& facts_;
    RecentFacts& recent_;
    mutable std::vector<Point> points_;  // of `position`, which is asked for by groups only
};

}  // namespace vouch::command_handler
