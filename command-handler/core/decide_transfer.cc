#include "command-handler/core/across_shards.h"
#include "command-handler/core/deciding.h"
#include "command-handler/core/limits.h"

#include <array>

namespace vouch::command_handler {

void decide(Deciding& deciding, const Transfer& command) {
    const std::array<Party, 2> parties{party(deciding, command.debit, Side::debit),
                                       party(deciding, command.credit, Side::credit)};
    const auto& [debit, credit] = parties;
    if (refuse_unknown(deciding, parties)) return;
    if (command.debit == command.credit) {
        deciding.refuse(Outcome::same_account, debit.row ? facts_about(deciding.state, *debit.row)
                                                         : facts_about(debit.id));
        return;
    }
    if (refuse_assets(deciding, parties, true)) return;
    if (command.amount.is_zero()) {
        deciding.refuse(Outcome::zero_amount);
        return;
    }
    if (refuse_standing(deciding, parties, debit)) return;
    const std::optional<Amount> within =
        amount_within_limits(deciding, debit, credit, command.amount, command.balancing);
    if (!within) return;
    const Amount moved = *within;
    if (credit.is_remote && deciding.may_cross) {
        const CreditAcross across{.payer = debit,
                                  .payee = credit.id,
                                  .amount = moved,
                                  .may_take_less = caps_credit(command.balancing),
                                  .makes_entry = true};
        if (!credit_across(deciding, across)) return;
        if (moved != command.amount) deciding.out.moved = moved;
        deciding.accept(Outcome::posted);
        return;
    }

    const std::span<Change> changes = deciding.arena.make<Change>(2);
    for (std::size_t i = 0; i < parties.size(); ++i) {
        const Party& each = parties[i];
        if (!each.row) continue;
        begin_change(changes[i], each.number, *each.row);
        if (!add_posted(changes[i].totals, *each.side, moved) ||
            (each.row->crossings != 0 &&
             !has_room_for_returns(deciding.state, each.number, changes[i].totals))) {
            deciding.refuse(Outcome::amount_overflow, facts_about(deciding.state, *each.row));
            return;
        }
        changes[i].side = each.side;
        changes[i].amount = moved;
    }
    if (refuse_remote(deciding, parties)) return;
    deciding.out.changes = changes;
    if (moved != command.amount) deciding.out.moved = moved;
    deciding.accept(Outcome::posted);
}

}  // namespace vouch::command_handler
