#pragma once

#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/log/log.h"
#include "events/seal/record.h"
#include "events/seal/record_macs.h"
#include "reconciler/reading/content_digest.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace vouch::reconciler {

/// An accepted transfer without balancing, group or expected version: nearly every event. A fifth
/// of an Event's size, because events wait between the threads that read them and the one that
/// folds.
struct PlainTransfer {
    PlainTransfer() {}  // not defaulted: a vector would fill it with zeros first

    struct Leg {
        AccountId id;
        AccountNumber number;
        AccountState state;
        Version version;
        Totals totals;
        Limit limit;
    };
    Leg debit;
    Leg credit;
    Amount amount;
    CommandId id;
    LedgerId ledger;
    std::optional<Scale> decimals;
    std::uint64_t content = 0;
    std::optional<std::uint64_t> context;  ///< its digest; empty: none
    std::uint32_t body_offset =
        0;  ///< of the event's bytes in the body, to read it again as an Event
    std::uint32_t body_size = 0;
};

/// Any other event.
struct PreparedEvent {
    Event event;
    std::uint64_t content = 0;  ///< of its command, if it has one
};

/// A body that is not the one its record names is wrong also without keys.
enum class MacCheck : std::uint8_t { right, wrong, not_checked };

/// A record, read as far as it can be without knowing the ones before it.
struct PreparedRecord {
    RecordNumber position;  ///< the number under which the log keeps it
    bool is_record = false;
    std::string fault;  ///< why it is none, or why `events` ends early
    RecordHeader header;
    Digest digest{};
    MacCheck mac = MacCheck::not_checked;
    ByteView body;
    bool is_whole = false;  ///< all events could be read
    std::size_t first_item = 0;
    std::size_t item_count = 0;
    std::optional<EpochSealed> seal;   ///< of the last event
    std::optional<Term> term_started;  ///< of the first event
    std::string_view program;          ///< of the same: the writer's version
    std::vector<const Event*> acts;    ///< what an operator asked for
};

/// A run of records on its way from the log to the fold: the unit of parallel work.
struct Chunk {
    static constexpr std::uint32_t kIsTransfer = 0x8000'0000U;

    std::vector<StoredRecord> stored;
    std::vector<PreparedRecord> records;
    std::vector<std::uint32_t> items;  ///< index of a transfer (kIsTransfer) or an event, in order
    std::vector<PlainTransfer> transfers;
    std::vector<PreparedEvent*> events;
    Arena arena;
    /// What the log said when it could not read on: the last record of this chunk is then its last.
    std::optional<Fault> fault;
    RecordNumber fault_at;

    void clear();
};

/// Reads records: header, MAC, events, contents. One for each thread.
class RecordPreparation {
public:
    /// `keys` null: MACs are not checked. Borrows what is given.
    RecordPreparation(ShardId shard, const EpochKeys* keys, const ContentDigest& content)
        : content_(content) {
        if (keys != nullptr) macs_.emplace(*keys, shard);
    }

    /// Fills everything of `chunk` from its stored records.
    void prepare(Chunk& chunk);

private:
    void prepare_events(Chunk& chunk, PreparedRecord& record);
    bool prepare_transfer(Chunk& chunk, const PreparedRecord& record, const CommandDecided& decided,
                          ByteView bytes);

    const ContentDigest& content_;
    std::optional<RecordMacs> macs_;  ///< empty: MACs are not checked
    Arena scratch_;
    Event event_;  // borrows from it
};

}  // namespace vouch::reconciler
