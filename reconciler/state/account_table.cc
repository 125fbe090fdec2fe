#include "reconciler/state/account_table.h"

#include "events/check.h"

#include <algorithm>
#include <tuple>

namespace vouch::reconciler {

namespace {

constexpr std::size_t kSlotsMin = 1024;

std::size_t hash_of(LedgerId ledger, AccountId id) {
    return keyed_hash(HashKey::of_process(), ledger, id);
}

}  // namespace

const Account* AccountTable::known(AccountNumber number) const {
    if (number.value() >= accounts_.size() || !at(number).is_known) return nullptr;
    return &at(number);
}

std::size_t AccountTable::slot_of(LedgerId ledger, AccountId id) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = hash_of(ledger, id) & mask;
    while (slots_[slot] != 0) {
        const Account& account = accounts_[slots_[slot] - 1];
        if (account.id == id && account.ledger == ledger) break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

std::optional<AccountNumber> AccountTable::find(LedgerId ledger, AccountId id) const {
    if (slots_.empty()) return std::nullopt;
    const std::uint32_t number = slots_[slot_of(ledger, id)];
    if (number == 0) return std::nullopt;
    return AccountNumber(number - 1);
}

void AccountTable::put(AccountNumber number, const Account& account) {
    VOUCH_ASSERT(number.value() <= std::uint64_t{size()} + kGapMax);
    if (number.value() >= accounts_.size()) accounts_.resize(std::size_t{number.value()} + 1);
    accounts_[number.value()] = account;
    accounts_[number.value()].is_known = true;
    if (account.is_transit) return;
    if (2 * (used_ + 1) > slots_.size()) grow_slots();
    const std::size_t slot = slot_of(account.ledger, account.id);
    if (slots_[slot] == 0) ++used_;
    slots_[slot] = number.value() + 1;
}

void AccountTable::grow_slots() {
    std::vector<std::uint32_t> old(std::max(kSlotsMin, slots_.size() * 2));
    old.swap(slots_);
    for (const std::uint32_t number : old) {
        if (number == 0) continue;
        const Account& account = accounts_[number - 1];
        slots_[slot_of(account.ledger, account.id)] = number;
    }
}

std::vector<AccountNumber> AccountTable::in_id_order() const {
    std::vector<AccountNumber> numbers;
    numbers.reserve(accounts_.size());
    for (std::uint32_t i = 0; i < size(); ++i) {
        if (accounts_[i].is_known && !accounts_[i].is_transit) numbers.emplace_back(i);
    }
    std::ranges::sort(numbers, [this](AccountNumber a, AccountNumber b) {
        return std::tie(at(a).ledger, at(a).id) < std::tie(at(b).ledger, at(b).id);
    });
    return numbers;
}

}  // namespace vouch::reconciler
