#pragma once

#include "command-handler/core/facts.h"
#include "command-handler/shard/open_record.h"
#include "command-handler/shard/shard_facts.h"

namespace vouch::command_handler {

/// Writes events into an open record and makes their facts known.
class RecordSink final : public EventSink {
public:
    RecordSink(OpenRecord& record, ShardFacts& facts) : record_(record), facts_(facts) {}

    void append(const CommandDecided& event) override;
    void append(const HoldExpired& event) override;
    void append(const ConflictSeen& event) override;
    void append(const Event& event);

    std::uint64_t position() const override;
    void undo_to(std::uint64_t position) override;
    bool has_room() const override { return record_.body_size < kRecordBodyMax; }
    EventNumber next_event() const override { return record_.next_event(); }
    RecordNumber record() const override { return record_.number(); }

    /// An upper bound of what a command of these many bytes can lead to.
    static std::size_t events_bytes_max(const CommandBody& body, std::size_t command_bytes);

private:
    template <class Written>
    Locator write(const Written& event);

    struct Point {
        std::size_t body_size;
        std::uint32_t event_count;
        std::size_t facts;
    };

    OpenRecord& record_;
    ShardFacts& facts_;
    mutable std::vector<Point> points_;  // of `position`, which is asked for by groups only
};

}  // namespace vouch::command_handler
