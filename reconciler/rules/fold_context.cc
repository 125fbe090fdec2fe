#include "reconciler/rules/fold_context.h"

namespace vouch::reconciler {

FoldContext::FoldContext(const Deployment& deployment, ShardId shard, const ContentDigest& contents,
                         const FoldSinks& all_sinks)
    : has_test_clock(deployment.test_clock),
      content(contents),
      sinks(all_sinks),
      steps(shard, deployment.shards, sinks.pairs,
            [this](Check check, const PairRows::Place& place, const std::string& message) {
                is_clean = false;
                sinks.findings.add({check, place.shard, place.record, place.event, message});
            }) {
    books.shard = shard;
    books.shards = deployment.shards;
}

void FoldContext::report(Check check, const std::string& message) {
    is_clean = false;
    sinks.findings.add({check, books.shard, record, event, message});
}

void FoldContext::keep_seen(const Command& command) {
    // Setting the clock goes to every shard.
    if (!std::holds_alternative<SetClock>(command.body)) keep_seen(command.ledger, command.id);
}

void FoldContext::keep_seen(LedgerId ledger, CommandId id) {
    if (sinks.all_ids == nullptr || !is_believed) return;
    sinks.all_ids->add(
        row_of(IdRowKind::seen, ledger, id, SeenBy{record.value(), books.shard.value()}));
}

AccountNumber FoldContext::number_of(LedgerId ledger, AccountId id) const {
    // One that is in no table stands for accounts that are not known; check_changes says so.
    return books.accounts.find(ledger, id).value_or(AccountNumber(~std::uint32_t{0}));
}

/// Numbers assets as they come; 0 for that of an account which is not known.
std::uint32_t FoldContext::asset_number(AccountNumber account) {
    const Account* known = books.accounts.known(account);
    if (known == nullptr) return 0;
    const auto next = static_cast<std::uint32_t>(asset_numbers_.size() + 1);
    return asset_numbers_.try_emplace(known->asset, next).first->second;
}

void FoldContext::keep_postings(IdRowKind kind, LedgerId ledger, CommandId id,
                                std::span<const Change> changes) {
    for (const Change& change : changes) {
        keep(kind, ledger, id,
             Booked{change.amount, change.account.value(), asset_number(change.account),
                    change.side.value_or(Side::debit)});
    }
}

void FoldContext::keep_sums(LedgerId ledger, CommandId id, const EntryState& entry) {
    for (const Refunded& each : entry.refunded)
        keep(IdRowKind::refunded_sum, ledger, id, RefundedSum{each.amount, each.posting});
}

ReplayedTransit* FoldContext::transit_of(LedgerId ledger, ShardId to, AccountNumber payer) {
    const Account* account = books.accounts.known(payer);
    if (account == nullptr) return nullptr;
    return books.crossings.find_transit({ledger, books.shard, to, account->asset});
}

void FoldContext::check_decides_here(const Command& command) {
    const AccountId decides = deciding_account(command);
    if (decides.is_zero() || books.is_here(decides)) return;
    report(Check::wrong_shard,
           "the command is decided on shard " + std::to_string(books.home_of(decides).value()));
}

}  // namespace vouch::reconciler
