#pragma once

#include "projector/views/view_rows.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace vouch::projector {

/// A number to sort by, and what it belongs to.
struct SortItem {
    std::uint32_t key = 0;
    std::uint32_t payload = 0;
};

/// Sorts by key and keeps the order of equals; digits in which all keys agree cost one look.
/// `scratch` is room of the same size, overwritten.
void radix_sort(std::vector<SortItem>& items, std::vector<SortItem>& scratch);

/// Rows of a bulk load that may fall anywhere among those there already: gathered in any order,
/// read back by ascending key. Histories and commands are sorted as numbers, which is most of why a
/// bulk load is fast; the other kinds are few. One thread.
class BulkRows {
public:
    /// An offset into one kind's bytes has 32 bits.
    static constexpr std::size_t kBytesMax = 0xf000'0000;

    void add_history(AccountNumber account, EventNumber event, std::uint16_t change,
                     ByteView value);
    /// Of two rows of one id the last stays.
    void add_command(LedgerId ledger, CommandId id, EventNumber event);
    /// Of two rows of one key the last stays.
    void add(const RowKey& key, ByteView value);

    /// Memory taken.
    std::size_t bytes() const;

    using Visitor = std::function<void(ByteView key, ByteView value)>;
    /// Gives every row, once per key, in ascending order of keys.
    void visit_sorted(const Visitor& visit);

    /// Forgets the rows, keeps the memory.
    void clear();

private:
    struct CommandItem {
        std::uint64_t high;
        std::uint64_t low;
        std::uint32_t ledger;
        std::uint32_t event_delta;  // from first_event_
    };

    void visit_history(const Visitor& visit);
    void visit_commands(const Visitor& visit);
    void visit_others(const Visitor& visit, std::uint8_t from_kind, std::uint8_t to_kind);
    void sort_commands();
    void sort_others();

    // One history row's bytes: event number and change index as in its key, length (u8), value.
    Bytes history_bytes_;
    std::vector<SortItem> history_;  // account number, offset in history_bytes_

    std::vector<CommandItem> commands_;
    std::vector<SortItem> command_order_;
    EventNumber first_event_;

    // Any other row: key length (u16), value length (u32), key, value, all in native order.
    Bytes other_bytes_;
    std::vector<std::uint32_t> others_;  // offsets in other_bytes_

    std::vector<SortItem> scratch_;
};

}  // namespace vouch::projector
