#pragma once

#include "reconciler/ids/id_entries.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace vouch::reconciler {

/// The life of one id in its ledger, from the rows that events left about it: its outcome, and what
/// refers to it; its hold; its entries (IdEntries). One use, one thread.
class IdHistory {
public:
    IdHistory(const Breaks& breaks, std::optional<EventNumber> viewed,
              const IdCheck::Report& report, const IdCheck::Expect& expect)
        : findings_(breaks, report), viewed_(viewed), entries_(findings_, expect) {}

    /// `rows` are all of one id, ordered by (event, kind).
    void check(std::span<const IdRow* const> rows);

private:
    struct First {
        std::uint64_t event = 0;
        std::uint64_t content = 0;
        Outcome outcome = Outcome::malformed;
        bool is_in_transit = false;
        std::uint64_t departed = 0;  ///< of a command that crossed: the event that said so
        bool is_of_group = false;    ///< the outcome is that of a group which failed
    };
    struct Hold {
        std::uint32_t payer = kNobody;
        std::uint32_t payee = kNobody;
        HoldStatus status = HoldStatus::open;
    };

    void take(const IdRow& row, IdEntries::Details details);
    bool is_new(const IdRow& row);
    void decided(const IdRow& row);
    void answered(const IdRow& row);
    void member_failed(const IdRow& row);
    void member_repeated(const IdRow& row);
    void referred(const IdRow& row);
    void sent(const IdRow& row) const;
    void hold_ended(const IdRow& row);
    void hold_refused(const IdRow& row);
    void compare_view(std::span<const IdRow* const> rows);

    const IdFindings findings_;
    std::optional<EventNumber> viewed_;
    std::optional<First> first_;
    std::optional<Hold> hold_;
    std::vector<std::uint64_t> others_;  ///< contents that conflicted, or went to another shard
    IdEntries entries_;
};

}  // namespace vouch::reconciler
