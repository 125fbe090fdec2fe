#pragma once

#include "events/entries/event.h"

#include <optional>

namespace vouch::wire {

/// The account that a command itself names for a change of its event, which leaves the id out then
/// (schemas/event.proto, Change.id). Empty where the command does not say it.
struct SaidAccount {
    std::size_t position;

    std::optional<AccountId> operator()(const Transfer& c) const { return of_pair(c); }
    std::optional<AccountId> operator()(const PlaceHold& c) const { return of_pair(c); }
    std::optional<AccountId> operator()(const PostEntry& c) const {
        if (position >= c.postings.size()) return std::nullopt;
        return c.postings[position].account;
    }
    std::optional<AccountId> operator()(const OpenAccount& c) const { return of_one(c); }
    std::optional<AccountId> operator()(const UpdateAccount& c) const { return of_one(c); }
    std::optional<AccountId> operator()(const FreezeAccount& c) const { return of_one(c); }
    std::optional<AccountId> operator()(const UnfreezeAccount& c) const { return of_one(c); }
    std::optional<AccountId> operator()(const CloseAccount& c) const { return of_one(c); }
    template <class Other>
    std::optional<AccountId> operator()(const Other&) const {
        return std::nullopt;
    }

private:
    template <class C>
    std::optional<AccountId> of_pair(const C& command) const {
        if (position > 1) return std::nullopt;
        return position == 0 ? command.debit : command.credit;
    }
    template <class C>
    std::optional<AccountId> of_one(const C& command) const {
        if (position > 0) return std::nullopt;
        return command.account;
    }
};

/// Of a command decided at once; nearly all are transfers.
inline std::optional<AccountId> said_account(const CommandDecided& event, std::size_t position) {
    const SaidAccount said{position};
    const auto* transfer = std::get_if<Transfer>(&event.command.body);
    return transfer != nullptr ? said(*transfer) : std::visit(said, event.command.body);
}
/// Of one in transit: what is credited here is the transit account.
inline std::optional<AccountId> said_account(const CommandInTransit& event, std::size_t position) {
    if (position != 0) return std::nullopt;
    return std::visit(SaidAccount{0}, event.command.body);
}

/// The postings that a decided command itself says, so that its event leaves them out of the
/// changes (schemas/event.proto, Change.side): those of a transfer and of an entry, where they were
/// decided at once.
class SaidPostings {
public:
    /// Borrows `event`.
    explicit SaidPostings(const CommandDecided& event)
        : transfer_(std::get_if<Transfer>(&event.command.body)),
          entry_(std::get_if<PostEntry>(&event.command.body)) {
        if (transfer_ != nullptr) moved_ = event.moved.value_or(transfer_->amount);
    }

    bool are_said() const { return transfer_ != nullptr || entry_ != nullptr; }
    /// How many changes the event has: none when refused.
    std::size_t count(Outcome outcome) const {
        if (!is_accepted(outcome)) return 0;
        return transfer_ != nullptr ? 2 : entry_->postings.size();
    }
    Side side(std::size_t position) const {
        if (transfer_ != nullptr) return position == 0 ? Side::debit : Side::credit;
        return entry_->postings[position].side;
    }
    Amount amount(std::size_t position) const {
        return transfer_ != nullptr ? moved_ : entry_->postings[position].amount;
    }

private:
    const Transfer* transfer_;
    const PostEntry* entry_;
    Amount moved_;
};

}  // namespace vouch::wire
