#include "reconciler/rules/asked_command.h"

#include "events/entries/command_parts.h"
#include "reconciler/rules/account_facts.h"

#include <utility>

namespace vouch::reconciler {

namespace {

struct NameAccounts {
    std::vector<std::pair<AccountId, std::optional<Side>>> accounts;

    void add(AccountId id, std::optional<Side> side = std::nullopt) {
        if (!id.is_zero()) accounts.emplace_back(id, side);
    }
    void operator()(const Transfer& c) { add(c.debit, Side::debit), add(c.credit, Side::credit); }
    void operator()(const PlaceHold& c) { add(c.debit, Side::debit), add(c.credit, Side::credit); }
    void operator()(const CaptureHold& c) { add(c.account), add(c.credit, Side::credit); }
    void operator()(const ReleaseHold& c) { add(c.account); }
    void operator()(const ExtendHold& c) { add(c.account); }
    void operator()(const PostEntry& c) {
        for (const Posting& posting : c.postings) add(posting.account, posting.side);
    }
    template <ChangesItsAccount Body>
    void operator()(const Body& c) {
        add(c.account);
    }
    void operator()(const Reverse& c) { add(c.account, Side::debit); }
    void operator()(const Refund& c) { add(c.account, Side::debit), add(c.from, Side::debit); }
    void operator()(const Group&) {}
    void operator()(const SetClock&) {}
};

Named named_by_id(const ReplayedBooks& books, LedgerId ledger, AccountId id,
                  std::optional<Side> blockable) {
    Named named;
    named.id = id;
    named.is_here = books.is_here(id);
    named.blockable = blockable;
    if (named.is_here) {
        if (const auto number = books.accounts.find(ledger, id)) {
            named.number = *number;
            named.account = &books.accounts.at(*number);
        }
    }
    return named;
}

}  // namespace

AskedCommand::AskedCommand(const ReplayedBooks& its_books, const Command& its_command,
                           Timestamp its_time)
    : books(its_books), command(its_command), time(its_time) {
    NameAccounts names;
    std::visit(names, command.body);
    for (const auto& [id, side] : names.accounts)
        named.push_back(named_by_id(books, command.ledger, id, side));
    hold = books.holds.find({command.ledger, hold_of(command.body)});
    if (hold == nullptr || body<CaptureHold>() == nullptr || !hold->state.payee) return;
    // The hold's own payee is not newly credited, also where the capture names it again.
    if (named.size() > 1) {
        named[1].blockable.reset();
    } else if (const Account* payee = books.accounts.known(*hold->state.payee)) {
        named.push_back({payee->id, true, payee, *hold->state.payee, std::nullopt});
    }
}

bool AskedCommand::is_unsure() const {
    if (!books.was_broken()) return false;
    for (const Named& one : named) {
        if (one.is_here && (one.account == nullptr || !books.is_sure(*one.account))) return true;
    }
    if (hold_of(command.body).is_zero()) return false;
    return hold == nullptr || !books.is_sure(*hold);
}

Facts AskedCommand::facts(const Named& one) const {
    if (one.account != nullptr) return facts_of(books, one.number);
    Facts told;
    told.account = one.id;
    return told;
}

}  // namespace vouch::reconciler
