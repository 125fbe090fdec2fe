#include "projector/views/newest_history.h"

#include "events/check.h"

#include <algorithm>

namespace vouch::projector {

void NewestHistory::put(AccountNumber account, EventNumber event, std::uint16_t change,
                        ByteView value) {
    VOUCH_ASSERT(value.size() <= kHistoryValueMax);
    Block& block = block_of(account);
    const std::lock_guard lock(block.mutex);
    if (block.slots.empty()) block.slots.resize(kSlotsPerBlock);
    Slot& slot = block.slots[account.value() % kSlotsPerBlock];
    const bool is_older = slot.is_used && slot.account == account &&
                          (event < slot.event || (event == slot.event && change < slot.change));
    if (is_older) return;
    slot.is_used = true;
    slot.size = static_cast<std::uint8_t>(value.size());
    slot.change = change;
    slot.account = account;
    slot.event = event;
    std::ranges::copy(value, slot.value.begin());
}

bool NewestHistory::get(AccountNumber account, EventNumber end, Bytes& value) {
    Block& block = block_of(account);
    const std::lock_guard lock(block.mutex);
    if (block.slots.empty()) return false;
    const Slot& slot = block.slots[account.value() % kSlotsPerBlock];
    if (!slot.is_used || slot.account != account || slot.event >= end) return false;
    value.assign(slot.value.begin(), slot.value.begin() + slot.size);
    return true;
}

}  // namespace vouch::projector
