#pragma once

#include "events/world/mutex.h"
#include "projector/views/view_rows.h"

#include <array>
#include <cstdint>
#include <vector>

namespace vouch::projector {

/// The newest history row of accounts that changed lately: what is asked for most, found without a
/// search. Each account has one place, which it shares with others; whoever changed last is there.
/// Any thread. Takes up to 10 MB, as accounts come.
class NewestHistory {
public:
    /// Every row that is written, before anyone can see it in the store.
    void put(AccountNumber account, EventNumber event, std::uint16_t change, ByteView value);

    /// Sets `value` to the account's newest row in a snapshot of the store that ends before event
    /// `end`; false when it is not known here. Whatever the snapshot has was put here first, and an
    /// account's row here only gives way to a later one: if it is before `end`, it is the newest.
    bool get(AccountNumber account, EventNumber end, Bytes& value);

private:
    /// 65,536 accounts opened one after the other do not get in each other's way.
    static constexpr std::size_t kBlocks = 64;
    static constexpr std::size_t kSlotsPerBlock = 1024;

    struct Slot {
        bool is_used = false;
        std::uint8_t size = 0;
        std::uint16_t change = 0;
        AccountNumber account;
        EventNumber event;
        std::array<std::byte, kHistoryValueMax> value;
    };
    struct Block {
        Mutex mutex;
        std::vector<Slot> slots;  ///< none before the first row
    };
    Block& block_of(AccountNumber account) {
        return blocks_[account.value() / kSlotsPerBlock % kBlocks];
    }

    std::array<Block, kBlocks> blocks_;
};

}  // namespace vouch::projector
