#include "projector/views/view_rows.h"

#include "events/bytes/big_endian.h"
#include "events/bytes/wire.h"

#include <algorithm>
#include <cstring>
#include <limits>

// The values of a view's rows, of kViewFormat. Numbers of fixed width (u8, u64) are big-endian; a
// varint is base 128, low groups first, at most 19 bytes, none of them needless.
//
// position       = format varint | next record varint | next event varint | time | tag 32 bytes
// history        = flags u8 | version varint | [amount varint, if a posting]
//                  | debits posted varint | credits posted varint
//                  | [debits held varint | credits held varint, if either is not 0]
//                  | [limit varint, if neither 0 nor unlimited]
//   flags        = side (bits 0-1: 0 none, 1 debit, 2 credit) | block (bits 2-3) | closed (bit 4)
//                  | limit (bits 5-6: 0 zero, 1 given, 2 unlimited) | held (bit 7)
// command        = event number varint
// failed_member  = empty; the member's outcome is in the group's event
// account_id     = account number varint
// account_opened = event number varint | record number varint | time | ledger varint
//                  | id 16 bytes | class u8 | risk class u8 | asset text | name text
//                  | chart code text | owner text | metadata
//                  | [from varint | to varint, if the id is 0: a transit account]
// account_update = metadata, or risk class varint
// metadata       = count varint | (key text | value text)*
// text           = length varint | bytes
// time           = u64: microseconds since 1970, plus 2^63
// hold           = event number varint | payer varint | payee + 1 varint | remaining varint
//                  | captured varint | expires at time | status u8
//                  | [remote payee 16 bytes, if there is one]
// entry_state    = event number varint | reversed u8
// refunded       = posting varint | amount varint, 0 when all of it came back
// context, owner, conflict = empty
// event_block    = record number varint | time | events' bytes as in the record (an EventBatch)
// record_time    = first event number varint | event count varint
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

std::byte* write_amount(Amount amount, std::byte* out) {
    if (amount.high() == 0) return wire::put_long_varint(out, amount.low());
    return wire::put_long_varint(out, amount.units());
}

/// Appends to a value. For the rows that are written rarely.
class Writer {
public:
    enum class Where { instead, behind };
    explicit Writer(Bytes& out, Where where = Where::instead) : out_(out) {
        if (where == Where::instead) out_.clear();
    }

    Writer& u8(std::uint8_t value) {
        const std::byte one[] = {static_cast<std::byte>(value)};
        return raw(one);
    }
    Writer& u64(std::uint64_t value) { return raw(vouch::big_endian(value)); }
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
        const std::size_t old_size = out_.size();
        out_.resize(old_size + bytes.size());
        if (!bytes.empty()) std::memcpy(out_.data() + old_size, bytes.data(), bytes.size());
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
    std::uint64_t big_endian(std::size_t size) { return from_big_endian(raw(size)); }
    Amount amount() {
        const std::byte* const end = rest_.data() + rest_.size();
        if (const wire::Varint few = wire::read_varint(rest_.data(), end, end);
            few.size != 0 && wire::is_minimal(few)) [[likely]] {
            rest_ = rest_.subspan(few.size);
            return Amount(few.value);
        }
        const wire::VarintOf<u128> units = wire::read_long_varint<u128>(rest_.data(), end);
        if (units.size == 0 || !wire::is_minimal(units)) {
            fail();
            return {};
        }
        rest_ = rest_.subspan(units.size);
        return Amount(units.value);
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

std::uint32_t narrow32(std::uint64_t value) { return static_cast<std::uint32_t>(value); }

constexpr std::uint64_t kU32Max = std::numeric_limits<std::uint32_t>::max();

}  // namespace

void encode_position(const ViewPosition& position, Bytes& out) {
    Writer(out)
        .varint(kViewFormat)
        .varint(position.next_record.value())
        .varint(position.next_event.value())
        .u64(biased(position.time))
        .raw(position.digest);
}

std::optional<ViewPosition> decode_position(ByteView value) {
    Reader in(value);
    if (in.varint() != kViewFormat) return std::nullopt;
    ViewPosition out;
    out.next_record = RecordNumber(in.varint());
    out.next_event = EventNumber(in.varint());
    out.time = unbiased(in.u64());
    const ByteView digest = in.raw(out.digest.size());
    if (!in.is_done()) return std::nullopt;
    std::copy(digest.begin(), digest.end(), out.digest.begin());
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
    out = wire::put_long_varint(out, change.version.value());
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
                           const EventBlockHeader& recorded, Bytes& out) {
    Writer(out)
        .varint(event.value())
        .varint(recorded.record.value())
        .u64(biased(recorded.time))
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

void encode_transit_opened(const TransitOpened& opened, EventNumber event,
                           const EventBlockHeader& recorded, Bytes& out) {
    Command command;
    command.ledger = opened.ledger;
    OpenAccount open;
    open.asset = opened.asset;
    open.account_class = AccountClass::liability;
    encode_account_opened(command, open, event, recorded, out);
    Writer(out, Writer::Where::behind).varint(opened.from.value()).varint(opened.to.value());
}

std::optional<AccountOpened> decode_account_opened(ByteView value) {
    Reader in(value);
    AccountOpened out;
    out.event = EventNumber(in.varint());
    out.record = RecordNumber(in.varint());
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
    if (out.id.is_zero()) {
        const ShardId from(narrow32(in.varint(kU32Max)));
        out.transit = TransitRoute{from, ShardId(narrow32(in.varint(kU32Max)))};
    }
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
    Writer writer(out);
    writer.varint(event.value())
        .varint(hold.payer.value())
        .varint(hold.payee ? std::uint64_t{hold.payee->value()} + 1 : 0)
        .amount(hold.remaining)
        .amount(hold.captured)
        .u64(biased(hold.expires_at))
        .u8(static_cast<std::uint8_t>(hold.status));
    if (!hold.remote_payee.is_zero()) writer.raw(id_bytes(hold.remote_payee));
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
    if (!in.rest().empty()) {
        const std::uint64_t high = in.u64();
        out.hold.remote_payee = AccountId(high, in.u64());
        if (out.hold.remote_payee.is_zero()) return std::nullopt;
    }
    if (!in.is_done() || status > static_cast<std::uint8_t>(HoldStatus::refused)) {
        return std::nullopt;
    }
    out.hold.status = static_cast<HoldStatus>(status);
    return out;
}

void encode_entry_state(const EntryState& entry, EventNumber event, Bytes& out) {
    Writer(out).varint(event.value()).u8(entry.reversed ? 1 : 0);
}

std::optional<EntryStateRow> decode_entry_state(ByteView value) {
    Reader in(value);
    EntryStateRow out;
    out.event = EventNumber(in.varint());
    const std::uint8_t reversed = in.u8();
    if (!in.is_done() || reversed > 1) return std::nullopt;
    out.reversed = reversed == 1;
    return out;
}

void encode_refunded(const Refunded& refunded, Bytes& out) {
    Writer(out).varint(refunded.posting).amount(refunded.amount);
}

std::optional<Refunded> decode_refunded(ByteView value) {
    Reader in(value);
    Refunded out;
    out.posting = narrow32(in.varint(kU32Max));
    out.amount = in.amount();
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
