#pragma once

#include "events/entries/event.h"
#include "events/log/log.h"
#include "events/money/account.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/seal/mac.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vouch::projector {

/// The rows of a shard's view: keys and values as bytes, and nothing else. The grammar is at the
/// top of view_rows.cc; tests/projector pin its bytes. Decoding answers empty for bytes that no
/// encoder here wrote: the caller then reports `corrupt`.

/// First byte of every key. Kinds below 0x80 take new rows anywhere in their range; those above
/// only at their end, so that a file of new ones never overlaps an older one.
enum class RowKind : std::uint8_t {
    position = 0x01,
    history = 0x10,
    command = 0x20,
    failed_member = 0x30,
    account_id = 0x31,
    account_opened = 0x32,
    account_update = 0x33,
    hold = 0x34,
    entry_state = 0x35,
    context = 0x36,
    owner = 0x37,
    event_block = 0x80,
    record_time = 0x81,
};

/// How the rows are written; a view of another format is rebuilt from the log.
inline constexpr std::uint64_t kViewFormat = 1;

/// A block of events is closed by the event that brings its bytes to this size, or by its record's
/// end.
inline constexpr std::size_t kEventBlockBytes = 4096;

/// Longest key: a context row.
inline constexpr std::size_t kRowKeyMax = 1 + 4 + 1 + 255 + 8;
/// Longest value of a history row.
inline constexpr std::size_t kHistoryValueMax = 1 + 10 + 6 * 19;

/// One key, without allocation. Big-endian, so that the order of bytes is the order of numbers.
class RowKey {
public:
    explicit RowKey(RowKind kind) { put_u8(static_cast<std::uint8_t>(kind)); }

    ByteView view() const { return {bytes_.data(), size_}; }

    RowKey& put_u8(std::uint8_t value);
    RowKey& put_u16(std::uint16_t value);
    RowKey& put_u32(std::uint32_t value);
    RowKey& put_u64(std::uint64_t value);
    /// At most 255 bytes, its length first.
    RowKey& put_text(std::string_view text);

private:
    // Not initialised: most keys use a tenth of it.
    std::array<std::byte, kRowKeyMax> bytes_;
    std::size_t size_ = 0;
};

// --- Keys --------------------------------------------------------------------------------------

RowKey position_key();
RowKey history_key(AccountNumber account, EventNumber event, std::uint16_t change);
RowKey command_key(LedgerId ledger, CommandId id);
RowKey failed_member_key(LedgerId ledger, CommandId id, EventNumber event);
RowKey account_id_key(LedgerId ledger, AccountId id);
RowKey account_opened_key(AccountNumber account);
/// What an update can change, each in a row of its own, so that writing one needs no reading.
enum class AccountField : std::uint8_t { risk_class = 1, metadata = 2 };
RowKey account_update_key(AccountNumber account, AccountField field);
RowKey hold_key(LedgerId ledger, CommandId id);
RowKey entry_state_key(LedgerId ledger, CommandId id);
RowKey context_key(LedgerId ledger, std::string_view context, EventNumber event);
RowKey owner_key(LedgerId ledger, std::string_view owner, AccountNumber account);
RowKey event_block_key(EventNumber first);
RowKey record_time_key(Timestamp time, RecordNumber record);

struct HistoryKey {
    AccountNumber account;
    EventNumber event;
    std::uint16_t change = 0;
};
std::optional<HistoryKey> decode_history_key(ByteView key);
std::optional<AccountNumber> decode_account_opened_key(ByteView key);
std::optional<EventNumber> decode_event_block_key(ByteView key);
struct RecordTimeKey {
    Timestamp time;
    RecordNumber record;
};
std::optional<RecordTimeKey> decode_record_time_key(ByteView key);
/// The event number that ends a failed member's or a context's key.
std::optional<EventNumber> decode_trailing_event(ByteView key);
/// The account number that ends an owner's key.
std::optional<AccountNumber> decode_trailing_account(ByteView key);

// --- Values ------------------------------------------------------------------------------------

/// Up to where a view has applied its shard's log.
struct ViewPosition {
    RecordNumber next_record;
    EventNumber next_event;
    Timestamp time;  ///< of record next_record - 1
    Tag tag{};       ///< of record next_record - 1
    friend bool operator==(const ViewPosition&, const ViewPosition&) = default;
};
void encode_position(const ViewPosition& position, Bytes& out);
/// Empty also for another kViewFormat.
std::optional<ViewPosition> decode_position(ByteView value);

/// Writes at most kHistoryValueMax bytes at `out`; returns the end.
std::byte* encode_history(const Change& change, std::byte* out);
/// The account number is the key's.
std::optional<Change> decode_history(AccountNumber account, ByteView value);

/// An event number by itself (command rows), or an account number (account id rows).
void encode_number(std::uint64_t number, Bytes& out);
std::optional<std::uint64_t> decode_number(ByteView value);

/// An account as it was opened.
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
    Timestamp time;
    friend bool operator==(const AccountOpened&, const AccountOpened&) = default;
};
void encode_account_opened(const Command& command, const OpenAccount& open, EventNumber event,
                           Timestamp time, Bytes& out);
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
    std::vector<Refunded> refunded;
    EventNumber event;  ///< the newest reversal or refund
};
void encode_entry_state(const EntryState& entry, EventNumber event, Bytes& out);
std::optional<EntryStateRow> decode_entry_state(ByteView value);

/// The start of an event block's value; the events' bytes, as in the record, follow to its end.
struct EventBlockHeader {
    RecordNumber record;
    Timestamp time;
};
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
