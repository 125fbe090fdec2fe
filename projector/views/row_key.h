#pragma once

#include "events/log/log.h"
#include "events/money/ids.h"
#include "events/money/number.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace vouch::projector {

/// The keys of a view's rows. The grammar is at the top of row_key.cc; tests/projector pin its
/// bytes. Decoding answers empty for bytes that are no key of that kind.

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
    refunded = 0x38,
    hold_expiry = 0x39,
    conflict = 0x3a,
    event_block = 0x80,
    record_time = 0x81,
};

bool is_kind(ByteView key, RowKind kind);
bool starts_with(ByteView key, ByteView prefix);

/// A time as keys and rows have it: those before 1970 sort before those after.
inline constexpr std::uint64_t kTimeBias = std::uint64_t{1} << 63;
constexpr std::uint64_t biased(Timestamp time) {
    return static_cast<std::uint64_t>(time.value()) + kTimeBias;
}
constexpr Timestamp unbiased(std::uint64_t value) {
    return Timestamp(static_cast<std::int64_t>(value - kTimeBias));
}

/// Longest key: a context row.
inline constexpr std::size_t kRowKeyMax = 1 + 4 + 1 + 255 + 8;
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
    template <std::size_t kSize>
    RowKey& put(std::uint64_t value);

    // Not initialised: most keys use a tenth of it.
    std::array<std::byte, kRowKeyMax> bytes_;
    std::size_t size_ = 0;
};

RowKey position_key();
RowKey history_key(AccountNumber account, EventNumber event, std::uint16_t change);
RowKey command_key(LedgerId ledger, CommandId id);
RowKey failed_member_key(LedgerId ledger, CommandId id, EventNumber event);
RowKey conflict_key(LedgerId ledger, CommandId id, EventNumber event);
RowKey account_id_key(LedgerId ledger, AccountId id);
RowKey account_opened_key(AccountNumber account);
/// What an update can change, each in a row of its own, so that writing one needs no reading.
enum class AccountField : std::uint8_t { risk_class = 1, metadata = 2 };
RowKey account_update_key(AccountNumber account, AccountField field);
RowKey hold_key(LedgerId ledger, CommandId id);
/// The shard that led an entry which was followed here; empty: this one. Two shards may have taken
/// one id, and each made an entry of it.
using Leader = std::optional<ShardId>;
RowKey entry_state_key(LedgerId ledger, CommandId id, Leader leader);
RowKey refunded_key(LedgerId ledger, CommandId entry, Leader leader, std::uint32_t posting);
RowKey context_key(LedgerId ledger, std::string_view context, EventNumber event);
RowKey owner_key(LedgerId ledger, std::string_view owner, AccountNumber account);
RowKey hold_expiry_key(Timestamp expires_at, LedgerId ledger, CommandId id);
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
struct HoldExpiryKey {
    Timestamp expires_at;
    LedgerId ledger;
    CommandId id;
};
std::optional<HoldExpiryKey> decode_hold_expiry_key(ByteView key);
struct RecordTimeKey {
    Timestamp time;
    RecordNumber record;
};
std::optional<RecordTimeKey> decode_record_time_key(ByteView key);
/// The event number that ends the key of a failed member or of a conflict.
std::optional<EventNumber> decode_trailing_event(ByteView key);

}  // namespace vouch::projector
