#include "command-handler/core/account_table.h"

#include "events/check.h"

namespace vouch::command_handler {
namespace {

constexpr std::size_t kSlotsAtStart = 1024;

std::uint64_t hash_of(LedgerId ledger, AccountId id) {
    return keyed_hash(HashKey::of_process(), ledger, id);
}

}  // namespace

AccountTable::AccountTable() : slots_(kSlotsAtStart), mask_(kSlotsAtStart - 1) {
    near_.fill(kNone);
}

std::uint32_t AccountTable::find_far(LedgerId ledger, AccountId id) const {
    const std::uint64_t h = hash_of(ledger, id);
    const std::uint64_t fingerprint = h >> 32;
    for (std::uint64_t at = h & mask_;; at = (at + 1) & mask_) {
        const std::uint64_t slot = slots_[at];
        if (slot == 0) return kNone;
        if ((slot >> 32) != fingerprint) continue;
        const std::uint32_t number = static_cast<std::uint32_t>(slot) - 1;
        const AccountRow& candidate = row(AccountNumber(number));
        if (candidate.id == id && candidate.ledger == ledger) return number;
    }
}

void AccountTable::prefetch_index(LedgerId ledger, AccountId id) const {
    __builtin_prefetch(&slots_[hash_of(ledger, id) & mask_]);
}

// Trusts the fingerprint: a wrong row brought nearer does no harm, and comparing ids would wait for
// it.
void AccountTable::prefetch_row(LedgerId ledger, AccountId id) const {
    const std::uint64_t h = hash_of(ledger, id);
    for (std::uint64_t at = h & mask_; slots_[at] != 0; at = (at + 1) & mask_) {
        if ((slots_[at] >> 32) != (h >> 32)) continue;
        const std::uint32_t number = static_cast<std::uint32_t>(slots_[at]) - 1;
        near_[near_slot(id)] = number;
        const AccountRow* address = &row(AccountNumber(number));
        __builtin_prefetch(address, 1);
        __builtin_prefetch(reinterpret_cast<const std::byte*>(address) + 64, 1);
        return;
    }
}

AccountNumber AccountTable::append(const AccountRow& row) {
    VOUCH_ASSERT(size_ < kNone);
    if ((size_ >> kBlockBits) == blocks_.size()) {
        blocks_.emplace_back(std::size_t{1} << kBlockBits);
    }
    const AccountNumber number(static_cast<std::uint32_t>(size_));
    this->row(number) = row;
    ++size_;
    if (size_ * 2 > slots_.size()) {
        grow();
    } else {
        insert(row, number.value());
    }
    return number;
}

void AccountTable::insert(const AccountRow& row, std::uint32_t number) {
    if (row.id.is_zero()) return;
    const std::uint64_t h = hash_of(row.ledger, row.id);
    std::uint64_t at = h & mask_;
    while (slots_[at] != 0) at = (at + 1) & mask_;
    slots_[at] = (h & 0xffff'ffff'0000'0000ULL) | (number + 1U);
}

// Rows go in by ascending number, so that the newest is always the last of its probe chain: taking
// it away again (remove_last) breaks no other chain.
void AccountTable::grow() {
    slots_ = LargeArray<std::uint64_t>(slots_.size() * 2);
    mask_ = slots_.size() - 1;
    for (std::uint32_t number = 0; number < size_; ++number) {
        insert(row(AccountNumber(number)), number);
    }
}

void AccountTable::remove_last() {
    VOUCH_ASSERT(size_ > 0);
    const std::uint32_t number = static_cast<std::uint32_t>(size_ - 1);
    const AccountRow& newest = row(AccountNumber(number));
    --size_;
    near_.fill(kNone);  // the next row of this number may be a transit account's, which has no id
    if (newest.id.is_zero()) return;
    std::uint64_t at = hash_of(newest.ledger, newest.id) & mask_;
    while (static_cast<std::uint32_t>(slots_[at]) != number + 1U) at = (at + 1) & mask_;
    slots_[at] = 0;
}

std::uint32_t AccountTable::intern(Asset asset) {
    const auto [place, is_new] =
        asset_indices_.try_emplace(asset, static_cast<std::uint32_t>(assets_.size()));
    if (is_new) assets_.push_back(asset);
    return place->second;
}

std::size_t AccountTable::bytes() const {
    return blocks_.size() * sizeof(AccountRow) * (kBlockMask + 1) +
           slots_.size() * sizeof(std::uint64_t);
}

}  // namespace vouch::command_handler
