#include "command-handler/core/deciding.h"
#include "command-handler/core/postings.h"

namespace vouch::command_handler {
namespace {

/// One side of an entry. A leg of zero says that nothing was due (a fee that came to nothing); a
/// side of nothing else moves nothing.
struct Legs {
    bool has_zero = false;
    bool has_more = false;
    bool is_zero() const { return has_zero && !has_more; }
};

/// Brings what is more than zero to the front, in order. Returns how many that are.
std::size_t keep_what_moves(std::span<Party> parties, std::span<Amount> amounts) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < parties.size(); ++i) {
        if (amounts[i].is_zero()) continue;
        parties[kept] = parties[i];
        amounts[kept++] = amounts[i];
    }
    return kept;
}

}  // namespace

void decide(Deciding& deciding, const PostEntry& command) {
    const std::size_t count = command.postings.size();
    const std::span<Party> parties = deciding.arena.make<Party>(count);
    const std::span<Amount> amounts = deciding.arena.make<Amount>(count);
    const Party* decides = nullptr;
    Legs debits;
    Legs credits;
    bool has_remote = false;
    for (std::size_t i = 0; i < count; ++i) {
        const Posting& posting = command.postings[i];
        parties[i] = party(deciding, posting.account, posting.side);
        amounts[i] = posting.amount;
        Legs& legs = posting.side == Side::debit ? debits : credits;
        (posting.amount.is_zero() ? legs.has_zero : legs.has_more) = true;
        has_remote = has_remote || parties[i].is_remote;
        if (!decides && posting.side == Side::debit) decides = &parties[i];
    }
    if (refuse_unknown(deciding, parties)) return;
    if (refuse_assets(deciding, parties, false)) return;
    if (debits.is_zero() || credits.is_zero()) {
        deciding.refuse(Outcome::zero_amount);
        return;
    }
    if (!has_remote && refuse_unbalanced(deciding, parties, amounts)) return;
    // Without a debit an entry is unbalanced, unless other shards keep that from being seen.
    if (refuse_standing(deciding, parties, decides ? *decides : parties.front())) return;
    if (refuse_limits(deciding, parties, amounts)) return;
    if (refuse_remote(deciding, parties)) return;
    const std::size_t posted = keep_what_moves(parties, amounts);
    deciding.out.changes = post_all(deciding, parties.first(posted), amounts.first(posted));
    deciding.accept(Outcome::posted);
}

}  // namespace vouch::command_handler
