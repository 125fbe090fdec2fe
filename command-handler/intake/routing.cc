#include "command-handler/intake/routing.h"

#include <type_traits>
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
    void operator()(const OpenAccount& body) { ids(body.account); }
    void operator()(const UpdateAccount& body) { ids(body.account); }
    void operator()(const FreezeAccount& body) { ids(body.account); }
    void operator()(const UnfreezeAccount& body) { ids(body.account); }
    void operator()(const CloseAccount& body) { ids(body.account); }
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

/// An account of a command: as constant as that is.
template <class AnyCommand>
using MaybeConst = std::conditional_t<std::is_const_v<AnyCommand>, const AccountId, AccountId>;

/// Where a command on a hold says which account it names it by; null for every other command.
template <class AnyCommand>
auto* account_of_hold(AnyCommand& command) {
    MaybeConst<AnyCommand>* account = nullptr;
    if (auto* capture = std::get_if<CaptureHold>(&command.body)) account = &capture->account;
    if (auto* release = std::get_if<ReleaseHold>(&command.body)) account = &release->account;
    if (auto* extend = std::get_if<ExtendHold>(&command.body)) account = &extend->account;
    return account;
}

template <class AnyCommand>
auto* account_of_entry(AnyCommand& command) {
    MaybeConst<AnyCommand>* account = nullptr;
    if (auto* reverse = std::get_if<Reverse>(&command.body)) account = &reverse->account;
    if (auto* refund = std::get_if<Refund>(&command.body)) account = &refund->account;
    return account;
}

}  // namespace

std::optional<Outcome> lacks_account(const Command& command) {
    const AccountId* account = account_of_hold(command);
    if (account != nullptr && account->is_zero()) return Outcome::hold_not_found;
    account = account_of_entry(command);
    if (account != nullptr && account->is_zero()) return Outcome::entry_not_found;
    return std::nullopt;
}

bool give_account(Command& command, AccountId account) {
    AccountId* named = account_of_hold(command);
    if (named == nullptr) named = account_of_entry(command);
    if (named != nullptr) *named = account;
    return named != nullptr;
}

void visit_closed(const Command& command, const std::function<void(AccountId)>& visit) {
    if (const auto* close = std::get_if<CloseAccount>(&command.body)) visit(close->account);
    if (const auto* group = std::get_if<Group>(&command.body)) {
        for (const Command& member : group->members) visit_closed(member, visit);
    }
}

}  // namespace vouch::command_handler
