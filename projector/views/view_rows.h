#pragma once

#include "events/entries/event.h"
#include "events/log/log.h"
#include "events/money/account.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/seal/mac.h"
#include "projector/views/row_key.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vouch::projector {

/// The rows of a shard's view: keys and values as bytes, and nothing else. The grammar is at the
/// top of view_rows.cc; tests/projector pin its bytes. Decoding answers empty for bytes that no
/// encoder here wrote: the caller then reports `corrupt`.

/// How the rows are written; a view of another format is rebuilt from the log.
inline constexpr std::uint64_t kViewFormat = 5;

/// A block of events is closed by the event that brings its bytes to this size, or by its record's
/// end.
inline constexpr std::size_t kEventBlockBytes = 4096;

/// Longest value of a history row.
inline constexpr std::size_t kHistoryValueMax = 1 + 10 + 6 * 19;

/// Up to where a view has applied its shard's log.
struct ViewPosition {
    RecordNumber next_record;
    EventNumber next_event;
    Timestamp time;  ///< of record next_record - 1
    Digest digest{};  ///< of record next_record - 1
    friend bool operator==(const ViewPosition&, const ViewPosition&) = default;
};
void encode_position(const ViewPosition& position, Bytes& out);
/// Empty also for another kViewFormat.
std::optional<ViewPosition> decode_position(ByteView value);

/// Writes at most kHistoryValueMax bytes at `out`; returns the end.
std::byte* encode_history(const Change& change, std::byte* out);
/// The account number is the key's; the row has no id, which the account's own row has.
std::optional<Change> decode_history(AccountNumber account, ByteView value);

/// An event number by itself (command rows), or an account number (account id rows).
void encode_number(std::uint64_t number, Bytes& out);
std::optional<std::uint64_t> decode_number(ByteView value);

/// The record of events. Of an event block's value it is the start; the events' bytes, as in the
/// record, follow to its end.
struct EventBlockHeader {
    RecordNumber record;
    Timestamp time;
};

/// Between which shards a transit account stands: money goes from `from` to `to`.
struct TransitRoute {
    ShardId from;
    ShardId to;
    friend bool operator==(const TransitRoute&, const TransitRoute&) = default;
};

/// An account as it was opened. A transit account has no id, no name and no owner.
struct AccountOpened {
    LedgerId ledger;
    AccountId id;
    std::string name;
    Asset asset;
    AccountClass account_class = AccountClass::asset;
    std::string chart_code;
    std::string owner;
    std::uint8_t risk_class = 0;
    std::vector<std::pair<std::string, std::string>> metadata;
    EventNumber event;
    RecordNumber record;
    Timestamp time;
    std::optional<TransitRoute> transit;
    friend bool operator==(const AccountOpened&, const AccountOpened&) = default;
};
void encode_account_opened(const Command& command, const OpenAccount& open, EventNumber event,
                           const EventBlockHeader& recorded, Bytes& out);
void encode_transit_opened(const TransitOpened& opened, EventNumber event,
                           const EventBlockHeader& recorded, Bytes& out);
std::optional<AccountOpened> decode_account_opened(ByteView value);

void encode_metadata(std::span<const Metadata> metadata, Bytes& out);
std::optional<std::vector<std::pair<std::string, std::string>>> decode_metadata(ByteView value);

/// A hold's newest state, and the event that led to it. The id is the key's.
struct HoldRow {
    HoldState hold;
    EventNumber event;
};
void encode_hold(const HoldState& hold, EventNumber event, Bytes& out);
std::optional<HoldRow> decode_hold(CommandId id, ByteView value);

/// What became of an entry after it was posted.
struct EntryStateRow {
    bool reversed = false;
    EventNumber event;  ///< the newest reversal or refund
};
void encode_entry_state(const EntryState& entry, EventNumber event, Bytes& out);
std::optional<EntryStateRow> decode_entry_state(ByteView value);

/// What is refunded of one of an entry's postings.
void encode_refunded(const Refunded& refunded, Bytes& out);
std::optional<Refunded> decode_refunded(ByteView value);

void encode_event_block(const EventBlockHeader& header, ByteView events, Bytes& out);
struct EventBlock {
    EventBlockHeader header;
    ByteView events;  ///< an EventBatch, within the value
};
std::optional<EventBlock> decode_event_block(ByteView value);

/// The events of a record.
struct RecordEvents {
    EventNumber first_event;
    std::uint32_t event_count = 0;
    EventNumber end() const { return EventNumber(first_event.value() + event_count); }
};
void encode_record_events(const RecordEvents& events, Bytes& out);
std::optional<RecordEvents> decode_record_events(ByteView value);

}  // namespace vouch::projector
