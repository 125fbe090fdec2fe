#include "command-handler/intake/routing.h"

#include "events/entries/command.h"
#include "events/money/shard_of.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

namespace vouch::command_handler {

ShardId route(const Command& command, std::uint32_t shard_count) {
    return shard_of(deciding_account(command), shard_count);
}

namespace {

/// The ids that each kind of command names besides its own, and with a group's members their own.
template <class Visit>
struct Named {
    void operator()(const Transfer& body) { ids(body.debit, body.credit); }
    void operator()(const PlaceHold& body) { ids(body.debit, body.credit); }
    void operator()(const CaptureHold& body) { ids(body.hold, body.account, body.credit); }
    void operator()(const ReleaseHold& body) { ids(body.hold, body.account); }
    void operator()(const PostEntry& body) {
        for (const Posting& posting : body.postings) ids(posting.account);
    }
    template <ChangesItsAccount Body>
    void operator()(const Body& body) {
        ids(body.account);
    }
    void operator()(const ExtendHold& body) { ids(body.hold, body.account); }
    void operator()(const Reverse& body) { ids(body.entry, body.account); }
    void operator()(const Refund& body) { ids(body.entry, body.account, body.from); }
    void operator()(const Group& body) {
        for (const Command& member : body.members) {
            visit(member.ledger, member.id);
            std::visit(Named{member.ledger, visit}, member.body);
        }
    }
    void operator()(const SetClock&) {}

    template <class... AnyId>
    void ids(const AnyId&... id) {
        ((id.is_zero() ? void() : visit(ledger, id)), ...);
    }

    LedgerId ledger;
    Visit visit;
};

template <class Visit>
void visit_named(const Command& command, const Visit& visit) {
    std::visit(Named<Visit>{command.ledger, visit}, command.body);
}

}  // namespace

void visit_touched(const Command& command, std::span<const AccountId> behind,
                   const std::function<void(const Touched&)>& visit) {
    visit({command.ledger, command.id.high(), command.id.low()});
    for (const AccountId account : behind) visit({command.ledger, account.high(), account.low()});
    visit_named(command, [&](LedgerId ledger, const auto& id) {
        visit({ledger, id.high(), id.low()});
    });
}

void visit_accounts(const Command& command, std::span<const AccountId> behind,
                    const std::function<void(AccountId)>& visit) {
    for (const AccountId account : behind) visit(account);
    visit_named(command, [&](LedgerId, const auto& id) {
        if constexpr (std::is_same_v<std::decay_t<decltype(id)>, AccountId>) visit(id);
    });
}

namespace {

/// The account that a command on a hold or entry names it by, and what it is when nobody knows that
/// one; null for every other command.
template <class AnyCommand>
auto account_of_original(AnyCommand& command) {
    using Account = std::conditional_t<std::is_const_v<AnyCommand>, const AccountId, AccountId>;
    return std::visit(
        [](auto& body) -> std::pair<Account*, Outcome> {
            if constexpr (requires { body.hold; }) {
                return {&body.account, Outcome::hold_not_found};
            } else if constexpr (requires { body.entry; }) {
                return {&body.account, Outcome::entry_not_found};
            } else {
                return {nullptr, Outcome::account_missing};
            }
        },
        command.body);
}

}  // namespace

std::optional<Outcome> lacks_account(const Command& command) {
    const auto [account, unknown] = account_of_original(command);
    return account != nullptr && account->is_zero() ? std::optional(unknown) : std::nullopt;
}

bool give_account(Command& command, AccountId account) {
    AccountId* const named = account_of_original(command).first;
    if (named != nullptr) *named = account;
    return named != nullptr;
}

std::optional<LackedPosting> lacks_posting(const Command& command,
                                           std::span<const EntrySize> known) {
    const auto* const refund = std::get_if<Refund>(&command.body);
    if (refund == nullptr) return std::nullopt;
    const bool has_debit = refund->debit_posting.has_value();
    const bool has_credit = refund->credit_posting.has_value();
    const auto entry = std::ranges::find(known, refund->entry, &EntrySize::entry);
    std::optional<std::size_t> postings;
    if (entry != known.end()) postings = entry->postings;
    // One alone is never enough, whatever the entry is.
    if (has_debit == has_credit && !postings) return std::nullopt;
    if (postings == 2 && !has_debit && !has_credit) return std::nullopt;
    constexpr std::string_view kDebit = "debit_posting";
    constexpr std::string_view kCredit = "credit_posting";
    if (has_debit && has_credit) {
        // The credit says who pays back. Where that is known the shard judges both.
        if (!refund->account.is_zero() || *refund->credit_posting < *postings) return std::nullopt;
        return LackedPosting{.field = kCredit, .is_left_out = false, .postings = postings};
    }
    return LackedPosting{
        .field = has_debit ? kCredit : kDebit, .is_left_out = true, .postings = postings};
}

void visit_closed(const Command& command, const std::function<void(AccountId)>& visit) {
    if (const auto* close = std::get_if<CloseAccount>(&command.body)) visit(close->account);
    if (const auto* group = std::get_if<Group>(&command.body)) {
        for (const Command& member : group->members) visit_closed(member, visit);
    }
}

}  // namespace vouch::command_handler
