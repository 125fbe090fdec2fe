#include "projector/views/row_key.h"

#include "events/bytes/big_endian.h"
#include "events/check.h"

#include <algorithm>
#include <cstring>

// key            = kind (u8), then by kind; all numbers big-endian, so bytes sort as numbers do:
// position       = 0x01
// history        = 0x10 account number (u32) event number (u64) change index (u16)
// command        = 0x20 ledger (u32) id (16 bytes)
// failed_member  = 0x30 ledger (u32) id (16 bytes) event number (u64)
// account_id     = 0x31 ledger (u32) id (16 bytes)
// account_opened = 0x32 account number (u32)
// account_update = 0x33 account number (u32) field (u8)
// hold           = 0x34 ledger (u32) id (16 bytes)
// entry_state    = 0x35 ledger (u32) id (16 bytes) leader (u16)
// context        = 0x36 ledger (u32) length (u8) context event number (u64)
// owner          = 0x37 ledger (u32) length (u8) owner account number (u32)
// refunded       = 0x38 ledger (u32) id (16 bytes) leader (u16) posting (u32)
// hold_expiry    = 0x39 expires at (u64, as a record's time) ledger (u32) id (16 bytes)
// conflict       = 0x3a ledger (u32) id (16 bytes) event number (u64)
// event_block    = 0x80 number of its first event (u64)
// record_time    = 0x81 time (u64: microseconds since 1970, plus 2^63) record number (u64)
// leader: of an entry that was followed here, the shard that led it, plus 1; 0: this shard

namespace vouch::projector {
namespace {

/// Takes a key of one kind apart. What is not there reads as zero, and `is_done` is then false.
class KeyReader {
public:
    KeyReader(ByteView key, RowKind kind) : rest_(key) {
        if (number(1) != static_cast<std::uint8_t>(kind)) has_failed_ = true;
    }
    std::uint64_t number(std::size_t size) {
        if (rest_.size() < size) {
            has_failed_ = true;
            return 0;
        }
        const std::uint64_t value = from_big_endian(rest_.first(size));
        rest_ = rest_.subspan(size);
        return value;
    }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    bool is_done() const { return !has_failed_ && rest_.empty(); }

private:
    ByteView rest_;
    bool has_failed_ = false;
};

RowKey id_key(RowKind kind, LedgerId ledger, std::uint64_t high, std::uint64_t low) {
    RowKey key(kind);
    key.put_u32(ledger.value()).put_u64(high).put_u64(low);
    return key;
}

}  // namespace

bool is_kind(ByteView key, RowKind kind) {
    return !key.empty() && key[0] == static_cast<std::byte>(kind);
}

bool starts_with(ByteView key, ByteView prefix) {
    return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

template <std::size_t kSize>
RowKey& RowKey::put(std::uint64_t value) {
    VOUCH_ASSERT(size_ + kSize <= bytes_.size());
    put_big_endian(value, bytes_.data() + size_, kSize);
    size_ += kSize;
    return *this;
}

RowKey& RowKey::put_u8(std::uint8_t value) { return put<1>(value); }
RowKey& RowKey::put_u16(std::uint16_t value) { return put<2>(value); }
RowKey& RowKey::put_u32(std::uint32_t value) { return put<4>(value); }
RowKey& RowKey::put_u64(std::uint64_t value) { return put<8>(value); }

RowKey& RowKey::put_text(std::string_view text) {
    VOUCH_ASSERT(text.size() <= 255 && size_ + 1 + text.size() <= bytes_.size());
    put_u8(static_cast<std::uint8_t>(text.size()));
    std::memcpy(bytes_.data() + size_, text.data(), text.size());
    size_ += text.size();
    return *this;
}

RowKey position_key() { return RowKey(RowKind::position); }

RowKey history_key(AccountNumber account, EventNumber event, std::uint16_t change) {
    RowKey key(RowKind::history);
    key.put_u32(account.value()).put_u64(event.value()).put_u16(change);
    return key;
}

RowKey command_key(LedgerId ledger, CommandId id) {
    return id_key(RowKind::command, ledger, id.high(), id.low());
}

RowKey failed_member_key(LedgerId ledger, CommandId id, EventNumber event) {
    return id_key(RowKind::failed_member, ledger, id.high(), id.low()).put_u64(event.value());
}

RowKey conflict_key(LedgerId ledger, CommandId id, EventNumber event) {
    return id_key(RowKind::conflict, ledger, id.high(), id.low()).put_u64(event.value());
}

RowKey account_id_key(LedgerId ledger, AccountId id) {
    return id_key(RowKind::account_id, ledger, id.high(), id.low());
}

namespace {

std::uint16_t leader_number(Leader leader) {
    return leader ? static_cast<std::uint16_t>(leader->value() + 1) : std::uint16_t{0};
}

}  // namespace

RowKey account_opened_key(AccountNumber account) {
    return RowKey(RowKind::account_opened).put_u32(account.value());
}

RowKey account_update_key(AccountNumber account, AccountField field) {
    return RowKey(RowKind::account_update)
        .put_u32(account.value())
        .put_u8(static_cast<std::uint8_t>(field));
}

RowKey hold_key(LedgerId ledger, CommandId id) {
    return id_key(RowKind::hold, ledger, id.high(), id.low());
}

RowKey entry_state_key(LedgerId ledger, CommandId id, Leader leader) {
    return id_key(RowKind::entry_state, ledger, id.high(), id.low()).put_u16(leader_number(leader));
}

RowKey refunded_key(LedgerId ledger, CommandId entry, Leader leader, std::uint32_t posting) {
    return id_key(RowKind::refunded, ledger, entry.high(), entry.low())
        .put_u16(leader_number(leader))
        .put_u32(posting);
}

RowKey context_key(LedgerId ledger, std::string_view context, EventNumber event) {
    return RowKey(RowKind::context)
        .put_u32(ledger.value())
        .put_text(context)
        .put_u64(event.value());
}

RowKey owner_key(LedgerId ledger, std::string_view owner, AccountNumber account) {
    return RowKey(RowKind::owner).put_u32(ledger.value()).put_text(owner).put_u32(account.value());
}

RowKey hold_expiry_key(Timestamp expires_at, LedgerId ledger, CommandId id) {
    return RowKey(RowKind::hold_expiry)
        .put_u64(biased(expires_at))
        .put_u32(ledger.value())
        .put_u64(id.high())
        .put_u64(id.low());
}

RowKey event_block_key(EventNumber first) {
    return RowKey(RowKind::event_block).put_u64(first.value());
}

RowKey record_time_key(Timestamp time, RecordNumber record) {
    return RowKey(RowKind::record_time)
        .put_u64(biased(time))
        .put_u64(record.value());
}

std::optional<HistoryKey> decode_history_key(ByteView key) {
    KeyReader in(key, RowKind::history);
    HistoryKey out;
    out.account = AccountNumber(in.u32());
    out.event = EventNumber(in.number(8));
    out.change = static_cast<std::uint16_t>(in.number(2));
    if (!in.is_done()) return std::nullopt;
    return out;
}

std::optional<AccountNumber> decode_account_opened_key(ByteView key) {
    KeyReader in(key, RowKind::account_opened);
    const AccountNumber account(in.u32());
    if (!in.is_done()) return std::nullopt;
    return account;
}

std::optional<EventNumber> decode_event_block_key(ByteView key) {
    KeyReader in(key, RowKind::event_block);
    const EventNumber first(in.number(8));
    if (!in.is_done()) return std::nullopt;
    return first;
}

std::optional<HoldExpiryKey> decode_hold_expiry_key(ByteView key) {
    KeyReader in(key, RowKind::hold_expiry);
    HoldExpiryKey out;
    out.expires_at = unbiased(in.number(8));
    out.ledger = LedgerId(in.u32());
    const std::uint64_t high = in.number(8);
    out.id = CommandId(high, in.number(8));
    if (!in.is_done()) return std::nullopt;
    return out;
}

std::optional<RecordTimeKey> decode_record_time_key(ByteView key) {
    KeyReader in(key, RowKind::record_time);
    RecordTimeKey out;
    out.time = unbiased(in.number(8));
    out.record = RecordNumber(in.number(8));
    if (!in.is_done()) return std::nullopt;
    return out;
}

std::optional<EventNumber> decode_trailing_event(ByteView key) {
    if (key.size() < 8) return std::nullopt;
    return EventNumber(from_big_endian(key.last(8)));
}

}  // namespace vouch::projector
