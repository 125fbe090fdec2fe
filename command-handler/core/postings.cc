#include "command-handler/core/postings.h"

#include "command-handler/core/limits.h"
#include "events/check.h"
#include "events/money/wide_sum.h"

#include <algorithm>
#include <numeric>

namespace vouch::command_handler {
namespace {

/// Positions in an order that brings equals together; equals stay in posting order.
template <class Key>
std::span<std::uint32_t> positions_by(Arena& arena, std::size_t count, Key key) {
    const std::span<std::uint32_t> order = arena.make<std::uint32_t>(count);
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
        return key(a) != key(b) ? key(a) < key(b) : a < b;
    });
    return order;
}

/// What an account's postings of the entry come to.
struct AccountSums {
    const Party* account;
    WideSum debits;
    WideSum credits;

    bool is_short(const ShardState& state) const {
        const AccountRow& row = *account->row;
        if (row.standing.unlimited) return false;
        const bool debit_lowers = row.normal() == Side::credit;
        WideSum lowering = debit_lowers ? debits : credits;
        WideSum raising = debit_lowers ? credits : debits;
        lowering.add(judged_totals(state, row).held(opposite(row.normal())));
        raising.add(row.standing.limit_below_zero);
        return lowering > raising;
    }
    bool overflows(const ShardState& state) const {
        WideSum debit_side = debits;
        WideSum credit_side = credits;
        debit_side.add(account->row->standing.totals.debits_held);
        credit_side.add(account->row->standing.totals.credits_held);
        credit_side.add(state.crossings().unanswered(account->number));
        return !debit_side.fits_amount() || !credit_side.fits_amount();
    }
};

}  // namespace

bool refuse_unbalanced(Deciding& deciding, std::span<const Party> parties,
                       std::span<const Amount> amounts) {
    const auto asset = [&](std::uint32_t i) { return parties[i].row->asset_index; };
    const std::span<std::uint32_t> order = positions_by(deciding.arena, parties.size(), asset);
    for (std::size_t i = 0; i < order.size();) {
        WideSum debits;
        WideSum credits;
        const std::uint32_t current = asset(order[i]);
        for (; i < order.size() && asset(order[i]) == current; ++i) {
            (*parties[order[i]].side == Side::debit ? debits : credits).add(amounts[order[i]]);
        }
        if (debits != credits) return deciding.refuse(Outcome::unbalanced);
    }
    return false;
}

bool refuse_limits(Deciding& deciding, std::span<const Party> parties,
                   std::span<const Amount> amounts) {
    const auto number = [&](std::uint32_t i) { return parties[i].number.value(); };
    const std::span<std::uint32_t> order = positions_by(deciding.arena, parties.size(), number);
    const Party* first_short = nullptr;
    const Party* first_overflowing = nullptr;
    for (std::size_t i = 0; i < order.size();) {
        const Party& account = parties[order[i]];
        std::size_t end = i;
        while (end < order.size() && number(order[end]) == number(order[i])) ++end;
        if (account.row) {
            AccountSums sums{.account = &account, .debits = {}, .credits = {}};
            sums.debits.add(account.row->standing.totals.debits_posted);
            sums.credits.add(account.row->standing.totals.credits_posted);
            for (std::size_t k = i; k < end; ++k) {
                (*parties[order[k]].side == Side::debit ? sums.debits : sums.credits)
                    .add(amounts[order[k]]);
            }
            if (sums.is_short(deciding.state) && (!first_short || &account < first_short))
                first_short = &account;
            if (sums.overflows(deciding.state) &&
                (!first_overflowing || &account < first_overflowing))
                first_overflowing = &account;
        }
        i = end;
    }
    if (first_short)
        return deciding.refuse(Outcome::insufficient_funds,
                               facts_about(deciding.state, *first_short->row));
    if (first_overflowing)
        return deciding.refuse(Outcome::amount_overflow,
                               facts_about(deciding.state, *first_overflowing->row));
    return false;
}

std::span<const Change> post_all(Deciding& deciding, std::span<const Party> parties,
                                 std::span<const Amount> amounts) {
    const std::span<Change> changes = deciding.arena.make<Change>(parties.size());
    const auto number = [&](std::uint32_t i) { return parties[i].number.value(); };
    const std::span<std::uint32_t> order = positions_by(deciding.arena, parties.size(), number);
    for (std::size_t i = 0; i < order.size(); ++i) {
        const std::uint32_t at = order[i];
        const Party& account = parties[at];
        const bool continues = i > 0 && number(order[i - 1]) == number(at);
        Change& change = changes[at];
        if (continues) {
            change = changes[order[i - 1]];
            change.version = change.version.next();
        } else {
            begin_change(change, account.number, *account.row);
        }
        const bool fits = add_posted(change.totals, *account.side, amounts[at]);
        VOUCH_ASSERT(fits);
        change.side = account.side;
        change.amount = amounts[at];
    }
    return changes;
}

}  // namespace vouch::command_handler
