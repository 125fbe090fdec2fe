#include "projector/views/view_rows.h"

#include "events/check.h"

#include <algorithm>
#include <cstring>
#include <limits>

// The rows of a view, kViewFormat 1.
//
//   key            = kind (u8), then by kind; all numbers big-endian, so bytes sort as numbers do:
//   position       = 0x01
//   history        = 0x10 account number (u32) event number (u64) change index (u16)
//   command        = 0x20 ledger (u32) id (16 bytes)
//   failed_member  = 0x30 ledger (u32) id (16 bytes) event number (u64)
//   account_id     = 0x31 ledger (u32) id (16 bytes)
//   account_opened = 0x32 account number (u32)
//   account_update = 0x33 account number (u32) field (u8)
//   hold           = 0x34 ledger (u32) id (16 bytes)
//   entry_state    = 0x35 ledger (u32) id (16 bytes)
//   context        = 0x36 ledger (u32) length (u8) context event number (u64)
//   owner          = 0x37 ledger (u32) length (u8) owner account number (u32)
//   event_block    = 0x80 number of its first event (u64)
//   record_time    = 0x81 time (u64: microseconds since 1970 + 2^63) record number (u64)
//
//   value          = by kind; varint: base 128, low groups first, at most 19 bytes, no needless
//   ones position       = format varint | next record varint | next event varint | time u64 | tag
//   32 bytes history        = flags u8 | version varint | [amount varint, if a posting] | debits
//   posted varint
//                    | credits posted varint | [debits held varint | credits held varint, if any is
//                    not 0] | [limit varint, if neither 0 nor unlimited]
//     flags        = side (bits 0-1: 0 none, 1 debit, 2 credit) | block (bits 2-3) | closed (bit 4)
//                    | limit (bits 5-6: 0 zero, 1 given, 2 unlimited) | held (bit 7)
//   command        = event number varint
//   failed_member  = empty              (the member's outcome is in the group's event)
//   account_id     = account number varint
//   account_opened = event number varint | time u64 | ledger varint | id 16 bytes | class u8
//                    | risk class u8 | asset text | name text | chart code text | owner text |
//                    metadata
//   account_update = metadata, or risk class varint
//   metadata       = count varint | (key text | value text)*
//   text           = length varint | bytes
//   hold           = event number varint | payer varint | payee + 1 varint | remaining varint
//                    | captured varint | expires at u64 | status u8
//   entry_state    = event number varint | reversed u8 | (posting varint | amount varint)*
//   context, owner = empty
//   event_block    = record number varint | time u64 | an EventBatch: events' bytes as in the
//   record record_time    = first event number varint | event count varint
//
// A history row has neither time nor record: both are the event's, and who shows a row needs its
// event (which entry?) anyway. That keeps the commonest row at about 14 bytes.

namespace vouch::projector {
namespace {

constexpr std::uint8_t kSideMask = 0x03;
constexpr unsigned kBlockShift = 2;
constexpr std::uint8_t kClosedBit = 0x10;
constexpr unsigned kLimitShift = 5;
constexpr std::uint8_t kLimitGiven = 1;
constexpr std::uint8_t kLimitUnlimited = 2;
constexpr std::uint8_t kHeldBit = 0x80;

constexpr std::uint64_t kTimeBias = std::uint64_t{1} << 63;

/// Times sort as unsigned numbers, also those before 1970.
std::uint64_t biased(Timestamp time) {
    return static_cast<std::uint64_t>(time.value()) + kTimeBias;
}
Timestamp unbiased(std::uint64_t value) {
    return Timestamp(static_cast<std::int64_t>(value - kTimeBias));
}

template <class T>
std::byte* write_big_endian(T value, std::byte* out) {
    for (std::size_t i = sizeof(T); i > 0; --i) {
        out[i - 1] = static_cast<std::byte>(value & 0xff);
        if constexpr (sizeof(T) > 1) value = static_cast<T>(value >> 8);
    }
    return out + sizeof(T);
}

std::byte* write_varint(std::uint64_t value, std::byte* out) {
    while (value >= 0x80) {
        *out++ = static_cast<std::byte>(value | 0x80);
        value >>= 7;
    }
    *out++ = static_cast<std::byte>(value);
    return out;
}

std::byte* write_amount(Amount amount, std::byte* out) {
    if (amount.high() == 0) return write_varint(amount.low(), out);
    u128 units = amount.units();
    while (units >= 0x80) {
        *out++ = static_cast<std::byte>((units & 0x7f) | 0x80);
        units >>= 7;
    }
    *out++ = static_cast<std::byte>(units);
    return out;
}

/// Appends to a value. For the rows that are written rarely.
class Writer {
public:
    explicit Writer(Bytes& out) : out_(out) { out_.clear(); }

    Writer& u8(std::uint8_t value) {
        out_.push_back(static_cast<std::byte>(value));
        return *this;
    }
    Writer& u64(std::uint64_t value) {
        std::byte bytes[8];
        write_big_endian(value, bytes);
        return raw(bytes);
    }
    Writer& varint(std::uint64_t value) { return amount(Amount(value)); }
    Writer& amount(Amount value) {
        std::byte bytes[19];
        const std::byte* end = write_amount(value, bytes);
        return raw({bytes, end});
    }
    Writer& text(std::string_view text) {
        return varint(text.size()).raw(std::as_bytes(std::span(text)));
    }
    Writer& raw(ByteView bytes) {
        out_.insert(out_.end(), bytes.begin(), bytes.end());
        return *this;
    }
    Writer& metadata(std::span<const Metadata> pairs) {
        varint(pairs.size());
        for (const Metadata& pair : pairs) text(pair.key).text(pair.value);
        return *this;
    }

private:
    Bytes& out_;
};

/// Takes a value apart. After the first thing that is not there, everything read is zero and
/// `is_done` is false for ever.
class Reader {
public:
    explicit Reader(ByteView bytes) : rest_(bytes) {}

    std::uint8_t u8() { return static_cast<std::uint8_t>(big_endian(1)); }
    std::uint64_t u64() { return big_endian(8); }
    std::uint64_t big_endian(std::size_t size) {
        std::uint64_t value = 0;
        for (const std::byte b : raw(size)) value = (value << 8) | static_cast<std::uint64_t>(b);
        return value;
    }
    Amount amount() {
        u128 units = 0;
        for (unsigned shift = 0;; shift += 7) {
            const ByteView one = raw(1);
            if (one.empty()) return {};
            const u128 group = static_cast<std::uint8_t>(one[0]) & 0x7fU;
            const bool is_last = (one[0] & std::byte{0x80}) == std::byte{0};
            // The 19th group has the two bits that are left; a last group of zero is a needless
            // one.
            if ((shift == 126 && (group > 3 || !is_last)) || (is_last && group == 0 && shift > 0)) {
                fail();
                return {};
            }
            units |= group << shift;
            if (is_last) return Amount(units);
        }
    }
    std::uint64_t varint(std::uint64_t max = std::numeric_limits<std::uint64_t>::max()) {
        const Amount value = amount();
        if (value > Amount(max)) {
            fail();
            return 0;
        }
        return value.low();
    }
    std::string text() {
        const ByteView bytes = raw(varint());
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    ByteView raw(std::uint64_t size) {
        if (size > rest_.size()) {
            fail();
            return {};
        }
        const ByteView taken = rest_.first(static_cast<std::size_t>(size));
        rest_ = rest_.subspan(static_cast<std::size_t>(size));
        return taken;
    }
    std::vector<std::pair<std::string, std::string>> metadata() {
        std::vector<std::pair<std::string, std::string>> pairs;
        const std::uint64_t count = varint(kMetadataMax);
        for (std::uint64_t i = 0; i < count; ++i) {
            std::string key = text();
            pairs.emplace_back(std::move(key), text());
        }
        return pairs;
    }
    ByteView rest() const { return rest_; }
    void fail() {
        failed_ = true;
        rest_ = {};
    }
    bool has_failed() const { return failed_; }
    /// All was there, and nothing more.
    bool is_done() const { return !failed_ && rest_.empty(); }

private:
    ByteView rest_;
    bool failed_ = false;
};

/// Reader after the kind byte of a key.
Reader key_reader(ByteView key, RowKind kind) {
    Reader reader(key);
    if (reader.u8() != static_cast<std::uint8_t>(kind)) reader.fail();
    return reader;
}

RowKey id_key(RowKind kind, LedgerId ledger, std::uint64_t high, std::uint64_t low) {
    RowKey key(kind);
    key.put_u32(ledger.value()).put_u64(high).put_u64(low);
    return key;
}

std::uint32_t narrow32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

constexpr std::uint64_t kU32Max = std::numeric_limits<std::uint32_t>::max();

}  // namespace

RowKey& RowKey::put_u8(std::uint8_t value) {
    VOUCH_ASSERT(size_ + 1 <= bytes_.size());
    bytes_[size_++] = static_cast<std::byte>(value);
    return *this;
}

RowKey& RowKey::put_u16(std::uint16_t value) {
    VOUCH_ASSERT(size_ + 2 <= bytes_.size());
    write_big_endian(value, bytes_.data() + size_);
    size_ += 2;
    return *this;
}

RowKey& RowKey::put_u32(std::uint32_t value) {
    VOUCH_ASSERT(size_ + 4 <= bytes_.size());
    write_big_endian(value, bytes_.data() + size_);
    size_ += 4;
    return *this;
}

RowKey& RowKey::put_u64(std::uint64_t value) {
    VOUCH_ASSERT(size_ + 8 <= bytes_.size());
    write_big_endian(value, bytes_.data() + size_);
    size_ += 8;
    return *this;
}

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

RowKey account_id_key(LedgerId ledger, AccountId id) {
    return id_key(RowKind::account_id, ledger, id.high(), id.low());
}

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

RowKey entry_state_key(LedgerId ledger, CommandId id) {
    return id_key(RowKind::entry_state, ledger, id.high(), id.low());
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

RowKey event_block_key(EventNumber first) {
    return RowKey(RowKind::event_block).put_u64(first.value());
}

RowKey record_time_key(Timestamp time, RecordNumber record) {
    return RowKey(RowKind::record_time).put_u64(biased(time)).put_u64(record.value());
}

std::optional<HistoryKey> decode_history_key(ByteView key) {
    Reader in = key_reader(key, RowKind::history);
    HistoryKey out;
    out.account = AccountNumber(narrow32(in.big_endian(4)));
    out.event = EventNumber(in.u64());
    out.change = static_cast<std::uint16_t>(in.big_endian(2));
    if (!in.is_done()) return std::nullopt;
    return out;
}

std::optional<AccountNumber> decode_account_opened_key(ByteView key) {
    Reader in = key_reader(key, RowKind::account_opened);
    const AccountNumber account(narrow32(in.big_endian(4)));
    if (!in.is_done()) return std::nullopt;
    return account;
}

std::optional<EventNumber> decode_event_block_key(ByteView key) {
    Reader in = key_reader(key, RowKind::event_block);
    const EventNumber first(in.u64());
    if (!in.is_done()) return std::nullopt;
    return first;
}

std::optional<RecordTimeKey> decode_record_time_key(ByteView key) {
    Reader in = key_reader(key, RowKind::record_time);
    RecordTimeKey out;
    out.time = unbiased(in.u64());
    out.record = RecordNumber(in.u64());
    if (!in.is_done()) return std::nullopt;
    return out;
}

std::optional<EventNumber> decode_trailing_event(ByteView key) {
    if (key.size() < 8) return std::nullopt;
    return EventNumber(Reader(key.last(8)).u64());
}

std::optional<AccountNumber> decode_trailing_account(ByteView key) {
    if (key.size() < 4) return std::nullopt;
    return AccountNumber(narrow32(Reader(key.last(4)).big_endian(4)));
}

void encode_position(const ViewPosition& position, Bytes& out) {
    Writer(out)
        .varint(kViewFormat)
        .varint(position.next_record.value())
        .varint(position.next_event.value())
        .u64(biased(position.time))
        .raw(position.tag);
}

std::optional<ViewPosition> decode_position(ByteView value) {
    Reader in(value);
    if (in.varint() != kViewFormat) return std::nullopt;
    ViewPosition out;
    out.next_record = RecordNumber(in.varint());
    out.next_event = EventNumber(in.varint());
    out.time = unbiased(in.u64());
    const ByteView tag = in.raw(out.tag.size());
    if (!in.is_done()) return std::nullopt;
    std::copy(tag.begin(), tag.end(), out.tag.begin());
    return out;
}

std::byte* encode_history(const Change& change, std::byte* out) {
    const Totals& totals = change.totals;
    unsigned flags = change.side ? static_cast<unsigned>(*change.side) : 0U;
    flags |= static_cast<unsigned>(change.state.block) << kBlockShift;
    if (change.state.closed) flags |= kClosedBit;
    const bool has_limit = !change.limit.is_unlimited() && !change.limit.below_zero().is_zero();
    if (change.limit.is_unlimited()) flags |= unsigned{kLimitUnlimited} << kLimitShift;
    if (has_limit) flags |= unsigned{kLimitGiven} << kLimitShift;
    const bool has_held = !totals.debits_held.is_zero() || !totals.credits_held.is_zero();
    if (has_held) flags |= kHeldBit;

    *out++ = static_cast<std::byte>(flags);
    out = write_varint(change.version.value(), out);
    if (change.side) out = write_amount(change.amount, out);
    out = write_amount(totals.debits_posted, out);
    out = write_amount(totals.credits_posted, out);
    if (has_held) {
        out = write_amount(totals.debits_held, out);
        out = write_amount(totals.credits_held, out);
    }
    if (has_limit) out = write_amount(change.limit.below_zero(), out);
    return out;
}

std::optional<Change> decode_history(AccountNumber account, ByteView value) {
    Reader in(value);
    const unsigned flags = in.u8();
    Change out;
    out.account = account;
    const unsigned side = flags & kSideMask;
    const unsigned limit = (flags >> kLimitShift) & 3U;
    if (side > 2 || limit > 2) return std::nullopt;
    if (side != 0) out.side = static_cast<Side>(side);
    out.state.block = static_cast<Block>((flags >> kBlockShift) & 3U);
    out.state.closed = (flags & kClosedBit) != 0;

    out.version = Version(in.varint());
    if (out.side) out.amount = in.amount();
    out.totals.debits_posted = in.amount();
    out.totals.credits_posted = in.amount();
    if ((flags & kHeldBit) != 0) {
        out.totals.debits_held = in.amount();
        out.totals.credits_held = in.amount();
    }
    if (limit == kLimitUnlimited) out.limit = Limit::unlimited();
    if (limit == kLimitGiven) out.limit = Limit(in.amount());
    if (!in.is_done()) return std::nullopt;
    return out;
}

void encode_number(std::uint64_t number, Bytes& out) { Writer(out).varint(number); }

std::optional<std::uint64_t> decode_number(ByteView value) {
    Reader in(value);
    const std::uint64_t number = in.varint();
    if (!in.is_done()) return std::nullopt;
    return number;
}

void encode_account_opened(const Command& command, const OpenAccount& open, EventNumber event,
                           Timestamp time, Bytes& out) {
    Writer(out)
        .varint(event.value())
        .u64(biased(time))
        .varint(command.ledger.value())
        .raw(id_bytes(open.account))
        .u8(static_cast<std::uint8_t>(open.account_class))
        .u8(open.risk_class)
        .text(open.asset.text())
        .text(open.name)
        .text(open.chart_code)
        .text(open.owner)
        .metadata(command.metadata);
}

std::optional<AccountOpened> decode_account_opened(ByteView value) {
    Reader in(value);
    AccountOpened out;
    out.event = EventNumber(in.varint());
    out.time = unbiased(in.u64());
    out.ledger = LedgerId(narrow32(in.varint(kU32Max)));
    const std::uint64_t high = in.u64();
    out.id = AccountId(high, in.u64());
    const std::uint8_t account_class = in.u8();
    out.risk_class = in.u8();
    const std::optional<Asset> asset = Asset::parse(in.text());
    out.name = in.text();
    out.chart_code = in.text();
    out.owner = in.text();
    out.metadata = in.metadata();
    if (!in.is_done() || !asset || account_class < 1 || account_class > 5) return std::nullopt;
    out.account_class = static_cast<AccountClass>(account_class);
    out.asset = *asset;
    return out;
}

void encode_metadata(std::span<const Metadata> metadata, Bytes& out) {
    Writer(out).metadata(metadata);
}

std::optional<std::vector<std::pair<std::string, std::string>>> decode_metadata(ByteView value) {
    Reader in(value);
    std::vector<std::pair<std::string, std::string>> pairs = in.metadata();
    if (!in.is_done()) return std::nullopt;
    return pairs;
}

void encode_hold(const HoldState& hold, EventNumber event, Bytes& out) {
    Writer(out)
        .varint(event.value())
        .varint(hold.payer.value())
        .varint(hold.payee ? std::uint64_t{hold.payee->value()} + 1 : 0)
        .amount(hold.remaining)
        .amount(hold.captured)
        .u64(biased(hold.expires_at))
        .u8(static_cast<std::uint8_t>(hold.status));
}

std::optional<HoldRow> decode_hold(CommandId id, ByteView value) {
    Reader in(value);
    HoldRow out;
    out.event = EventNumber(in.varint());
    out.hold.id = id;
    out.hold.payer = AccountNumber(narrow32(in.varint(kU32Max)));
    const std::uint64_t payee_plus_one = in.varint(kU32Max + 1);
    if (payee_plus_one > 0) out.hold.payee = AccountNumber(narrow32(payee_plus_one - 1));
    out.hold.remaining = in.amount();
    out.hold.captured = in.amount();
    out.hold.expires_at = unbiased(in.u64());
    const std::uint8_t status = in.u8();
    if (!in.is_done() || status > static_cast<std::uint8_t>(HoldStatus::expired)) {
        return std::nullopt;
    }
    out.hold.status = static_cast<HoldStatus>(status);
    return out;
}

void encode_entry_state(const EntryState& entry, EventNumber event, Bytes& out) {
    Writer writer(out);
    writer.varint(event.value()).u8(entry.reversed ? 1 : 0);
    for (const Refunded& part : entry.refunded) writer.varint(part.posting).amount(part.amount);
}

std::optional<EntryStateRow> decode_entry_state(ByteView value) {
    Reader in(value);
    EntryStateRow out;
    out.event = EventNumber(in.varint());
    const std::uint8_t reversed = in.u8();
    if (in.has_failed() || reversed > 1) return std::nullopt;
    out.reversed = reversed == 1;
    while (!in.rest().empty()) {
        Refunded part;
        part.posting = narrow32(in.varint(kU32Max));
        part.amount = in.amount();
        out.refunded.push_back(part);
    }
    if (!in.is_done()) return std::nullopt;
    return out;
}

void encode_event_block(const EventBlockHeader& header, ByteView events, Bytes& out) {
    Writer(out).varint(header.record.value()).u64(biased(header.time)).raw(events);
}

std::optional<EventBlock> decode_event_block(ByteView value) {
    Reader in(value);
    EventBlock out;
    out.header.record = RecordNumber(in.varint());
    out.header.time = unbiased(in.u64());
    if (in.has_failed()) return std::nullopt;
    out.events = in.rest();
    return out;
}

void encode_record_events(const RecordEvents& events, Bytes& out) {
    Writer(out).varint(events.first_event.value()).varint(events.event_count);
}

std::optional<RecordEvents> decode_record_events(ByteView value) {
    Reader in(value);
    RecordEvents out;
    out.first_event = EventNumber(in.varint());
    out.event_count = narrow32(in.varint(kU32Max));
    if (!in.is_done()) return std::nullopt;
    return out;
}

}  // namespace vouch::projector
