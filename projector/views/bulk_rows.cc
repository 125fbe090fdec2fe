#include "projector/views/bulk_rows.h"

#include "events/bytes/big_endian.h"
#include "events/check.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace vouch::projector {
namespace {

constexpr unsigned kDigitBits = 11;
constexpr unsigned kDigits = 3;
constexpr std::size_t kBuckets = std::size_t{1} << kDigitBits;

/// How many rows ahead their bytes are asked for: about a memory access at one row every 150 ns.
constexpr std::size_t kPrefetchRows = 8;

/// Event number, change index and length before a history row's value.
constexpr std::size_t kHistoryHead = 8 + 2 + 1;
constexpr std::size_t kHistoryKeyHead = 1 + 4;

constexpr std::size_t kOtherHead = 2 + 4;

std::size_t digit_of(std::uint32_t key, unsigned digit) {
    return (key >> (digit * kDigitBits)) & (kBuckets - 1);
}

/// The 32 bits that follow the first `skip` ones of a command's (ledger, high, low).
std::uint32_t window(std::uint32_t ledger, std::uint64_t high, std::uint64_t low, unsigned skip) {
    const u128 upper = (static_cast<u128>(ledger) << 64) | high;
    if (skip <= 64) return static_cast<std::uint32_t>(upper >> (64 - skip));
    const u128 lower = (static_cast<u128>(high) << 64) | low;
    if (skip <= 128) return static_cast<std::uint32_t>(lower >> (128 - skip));
    return static_cast<std::uint32_t>(lower);
}

struct OtherRow {
    ByteView key;
    ByteView value;
};

OtherRow other_at(const Bytes& bytes, std::uint32_t offset) {
    const std::byte* at = bytes.data() + offset;
    std::uint16_t key_size = 0;
    std::uint32_t value_size = 0;
    std::memcpy(&key_size, at, sizeof(key_size));
    std::memcpy(&value_size, at + sizeof(key_size), sizeof(value_size));
    at += kOtherHead;
    return {{at, key_size}, {at + key_size, value_size}};
}

int compare(ByteView a, ByteView b) {
    const int order = std::memcmp(a.data(), b.data(), std::min(a.size(), b.size()));
    if (order != 0) return order;
    return a.size() < b.size() ? -1 : (a.size() > b.size() ? 1 : 0);
}

/// Appends room for `size` bytes and returns it.
std::byte* grow(Bytes& bytes, std::size_t size) {
    const std::size_t old_size = bytes.size();
    VOUCH_ASSERT(old_size + size <= BulkRows::kBytesMax);
    bytes.resize(old_size + size);
    return bytes.data() + old_size;
}

}  // namespace

void radix_sort(std::vector<SortItem>& items, std::vector<SortItem>& scratch) {
    std::array<std::array<std::uint32_t, kBuckets>, kDigits> counts{};
    for (const SortItem& item : items) {
        for (unsigned digit = 0; digit < kDigits; ++digit) {
            ++counts[digit][digit_of(item.key, digit)];
        }
    }
    scratch.resize(items.size());
    for (unsigned digit = 0; digit < kDigits; ++digit) {
        std::array<std::uint32_t, kBuckets>& count = counts[digit];
        if (items.empty() || count[digit_of(items.front().key, digit)] == items.size()) continue;
        std::uint32_t place = 0;
        for (std::uint32_t& bucket : count) {
            const std::uint32_t size = bucket;
            bucket = place;
            place += size;
        }
        for (const SortItem& item : items) scratch[count[digit_of(item.key, digit)]++] = item;
        items.swap(scratch);
    }
}

void BulkRows::add_history(AccountNumber account, EventNumber event, std::uint16_t change,
                           ByteView value) {
    VOUCH_ASSERT(value.size() <= kHistoryValueMax);
    history_.push_back({account.value(), static_cast<std::uint32_t>(history_bytes_.size())});
    std::byte* out = grow(history_bytes_, kHistoryHead + value.size());
    put_big_endian(event.value(), out);
    put_big_endian(change, out + 8, 2);
    out[10] = static_cast<std::byte>(value.size());
    std::memcpy(out + kHistoryHead, value.data(), value.size());
}

void BulkRows::add_command(LedgerId ledger, CommandId id, EventNumber event) {
    if (commands_.empty()) first_event_ = event;
    const std::uint64_t delta = event.value() - first_event_.value();
    VOUCH_ASSERT(delta <= 0xffff'ffff);
    commands_.push_back({id.high(), id.low(), ledger.value(), static_cast<std::uint32_t>(delta)});
}

void BulkRows::add(const RowKey& key, ByteView value) {
    others_.push_back(static_cast<std::uint32_t>(other_bytes_.size()));
    const ByteView key_bytes = key.view();
    VOUCH_ASSERT(value.size() <= kBytesMax);
    const auto key_size = static_cast<std::uint16_t>(key_bytes.size());
    const auto value_size = static_cast<std::uint32_t>(value.size());
    std::byte* out = grow(other_bytes_, kOtherHead + key_bytes.size() + value.size());
    std::memcpy(out, &key_size, sizeof(key_size));
    std::memcpy(out + sizeof(key_size), &value_size, sizeof(value_size));
    std::memcpy(out + kOtherHead, key_bytes.data(), key_bytes.size());
    if (!value.empty()) {
        std::memcpy(out + kOtherHead + key_bytes.size(), value.data(), value.size());
    }
}

std::size_t BulkRows::bytes() const {
    // Each SortItem has a twin in the scratch while it is sorted.
    return history_bytes_.size() + 2 * sizeof(SortItem) * history_.size() +
           (sizeof(CommandItem) + 2 * sizeof(SortItem)) * commands_.size() + other_bytes_.size() +
           sizeof(std::uint32_t) * others_.size();
}

void BulkRows::clear() {
    history_bytes_.clear();
    history_.clear();
    commands_.clear();
    command_order_.clear();
    other_bytes_.clear();
    others_.clear();
}

void BulkRows::visit_sorted(const Visitor& visit) {
    sort_others();
    constexpr auto kHistory = static_cast<std::uint8_t>(RowKind::history);
    constexpr auto kCommand = static_cast<std::uint8_t>(RowKind::command);
    visit_others(visit, 0, kHistory);
    visit_history(visit);
    visit_others(visit, kHistory, kCommand);
    visit_commands(visit);
    visit_others(visit, kCommand, 0xff);
}

void BulkRows::visit_history(const Visitor& visit) {
    // Events come in order, so a stable sort by account alone gives the order of keys.
    radix_sort(history_, scratch_);
    std::byte key[kHistoryKeyHead + 10];
    key[0] = static_cast<std::byte>(RowKind::history);
    for (std::size_t i = 0; i < history_.size(); ++i) {
        if (i + kPrefetchRows < history_.size()) {
            __builtin_prefetch(history_bytes_.data() + history_[i + kPrefetchRows].payload);
        }
        const std::uint32_t account = __builtin_bswap32(history_[i].key);
        std::memcpy(key + 1, &account, sizeof(account));
        const std::byte* row = history_bytes_.data() + history_[i].payload;
        std::memcpy(key + kHistoryKeyHead, row, 10);
        visit(key, {row + kHistoryHead, static_cast<std::size_t>(row[10])});
    }
}

void BulkRows::sort_commands() {
    command_order_.clear();
    if (commands_.empty()) return;
    // Only from the first bit in which any two keys differ does sorting tell them apart.
    const CommandItem& one = commands_.front();
    std::uint32_t ledger_bits = 0;
    std::uint64_t high_bits = 0;
    std::uint64_t low_bits = 0;
    for (const CommandItem& item : commands_) {
        ledger_bits |= item.ledger ^ one.ledger;
        high_bits |= item.high ^ one.high;
        low_bits |= item.low ^ one.low;
    }
    unsigned skip = static_cast<unsigned>(std::countl_zero(ledger_bits));
    if (ledger_bits == 0) skip += static_cast<unsigned>(std::countl_zero(high_bits));
    if (ledger_bits == 0 && high_bits == 0)
        skip += static_cast<unsigned>(std::countl_zero(low_bits));

    command_order_.reserve(commands_.size());
    for (std::size_t i = 0; i < commands_.size(); ++i) {
        const CommandItem& item = commands_[i];
        command_order_.push_back(
            {window(item.ledger, item.high, item.low, skip), static_cast<std::uint32_t>(i)});
    }
    radix_sort(command_order_, scratch_);

    // Few share all 32 bits; those are put in order by their whole keys.
    const auto is_less = [this](const SortItem& a, const SortItem& b) {
        const CommandItem& x = commands_[a.payload];
        const CommandItem& y = commands_[b.payload];
        if (x.ledger != y.ledger) return x.ledger < y.ledger;
        if (x.high != y.high) return x.high < y.high;
        return x.low < y.low;
    };
    for (auto first = command_order_.begin(); first != command_order_.end();) {
        auto last = std::next(first);
        while (last != command_order_.end() && last->key == first->key) ++last;
        if (std::distance(first, last) > 1) std::stable_sort(first, last, is_less);
        first = last;
    }
}

void BulkRows::visit_commands(const Visitor& visit) {
    sort_commands();
    std::byte key[1 + 4 + 16];
    key[0] = static_cast<std::byte>(RowKind::command);
    Bytes value;
    for (std::size_t i = 0; i < command_order_.size(); ++i) {
        if (i + kPrefetchRows < command_order_.size()) {
            __builtin_prefetch(&commands_[command_order_[i + kPrefetchRows].payload]);
        }
        const CommandItem& item = commands_[command_order_[i].payload];
        if (i + 1 < command_order_.size()) {
            // Equal ids stand in the order of their events.
            const CommandItem& next = commands_[command_order_[i + 1].payload];
            const bool is_replaced =
                next.low == item.low && next.high == item.high && next.ledger == item.ledger;
            if (is_replaced) continue;
        }
        const std::uint32_t ledger = __builtin_bswap32(item.ledger);
        std::memcpy(key + 1, &ledger, sizeof(ledger));
        put_big_endian(item.high, key + 5);
        put_big_endian(item.low, key + 13);
        encode_number(first_event_.value() + item.event_delta, value);
        visit(key, value);
    }
}

void BulkRows::sort_others() {
    std::stable_sort(others_.begin(), others_.end(), [this](std::uint32_t a, std::uint32_t b) {
        return compare(other_at(other_bytes_, a).key, other_at(other_bytes_, b).key) < 0;
    });
}

void BulkRows::visit_others(const Visitor& visit, std::uint8_t from_kind, std::uint8_t to_kind) {
    const auto kind_at = [this](std::uint32_t offset) {
        return static_cast<std::uint8_t>(other_at(other_bytes_, offset).key[0]);
    };
    for (std::size_t i = 0; i < others_.size(); ++i) {
        const std::uint8_t kind = kind_at(others_[i]);
        if (kind < from_kind || kind >= to_kind) continue;
        const OtherRow row = other_at(other_bytes_, others_[i]);
        const bool is_last_of_key =
            i + 1 == others_.size() ||
            compare(other_at(other_bytes_, others_[i + 1]).key, row.key) != 0;
        if (is_last_of_key) visit(row.key, row.value);
    }
}

}  // namespace vouch::projector
