#include "command-handler/shard/known_in_books.h"

#include "command-handler/shard/answer_details.h"
#include "events/entries/step_parts.h"

namespace vouch::command_handler {
namespace {

/// An entry between two shards stands where its credit was posted: reversals and refunds are
/// decided there.
std::optional<KnownEntry> find_followed(const ShardBooks& books, LedgerId ledger,
                                        CommandId entry) {
    const std::optional<StepFollowed> followed =
        books.facts->find_followed_entry(ledger, entry);
    if (!followed || followed->changes.size() != 2) return std::nullopt;
    const AccountId payer = payer_of(followed->step.kind);
    const Change& posted = followed->changes.back();
    const AccountId payee = books.state.accounts().row(posted.account).id;
    return KnownEntry{
        {{payer, Side::debit, posted.amount}, {payee, Side::credit, posted.amount}}};
}

}  // namespace

std::optional<KnownAccount> known_account(const ShardBooks& books, LedgerId ledger,
                                          AccountId account) {
    const AccountRow* row = books.state.find(ledger, account);
    if (!row) return std::nullopt;
    return KnownAccount{books.state.accounts().asset(*row)};
}

std::optional<KnownHold> known_hold(const ShardBooks& books, LedgerId ledger, CommandId hold) {
    const HoldState* open = books.state.holds().find({ledger, hold});
    std::optional<HoldState> found = open ? std::optional<HoldState>(*open) : std::nullopt;
    if (!found) found = books.facts->find_closed_hold(ledger, hold);
    if (!found) return std::nullopt;
    const AccountTable& accounts = books.state.accounts();
    const AccountRow& payer = accounts.row(found->payer);
    AccountId payee = found->remote_payee;
    if (payee.is_zero() && found->payee) payee = accounts.row(*found->payee).id;
    return KnownHold{payer.id, payee};
}

std::optional<KnownEntry> known_entry(const ShardBooks& books, LedgerId ledger, CommandId entry) {
    const std::optional<PastCommand> past = books.facts->find_command(ledger, entry);
    const bool is_own = past && !past->member && !past->in_transit &&
                        is_accepted(past->event.outcome) && !past->answered;
    if (!is_own) return find_followed(books, ledger, entry);
    KnownEntry known;
    const AccountTable& accounts = books.state.accounts();
    for (const Change& change : past->event.changes) {
        if (!change.side) continue;
        known.postings.push_back({accounts.row(change.account).id, *change.side, change.amount});
    }
    if (known.postings.empty()) return std::nullopt;
    return known;
}

std::optional<KnownCommand> known_command(const ShardBooks& books, const Command& command) {
    const std::optional<PastCommand> past = books.facts->find_command(command.ledger, command.id);
    if (!past) return std::nullopt;
    KnownCommand known{.shard = books.state.shard(),
                       .record = past->record,
                       .event = past->number,
                       .has_same_content = same_content(past->command(), command),
                       .account = deciding_account(past->command()),
                       .in_transit = past->in_transit,
                       .details = std::nullopt};
    if (past->in_transit) return known;
    known.outcome = past->outcome();
    known.details = details_of(books, *past);
    return known;
}

}  // namespace vouch::command_handler
