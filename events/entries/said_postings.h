#pragma once

#include "events/entries/command.h"
#include "events/entries/event.h"

#include <algorithm>
#include <optional>

namespace vouch::wire {

/// The first posting at `from` or behind it that changes its account: one of zero does not. The
/// number of postings when there is none.
inline std::size_t next_change_of(const PostEntry& entry, std::size_t from) {
    while (from < entry.postings.size() && entry.postings[from].amount.is_zero()) ++from;
    return from;
}

/// The account that a command names at a position. Empty where it does not say it.
struct SaidAccount {
    std::size_t position;

    template <class Body>
    std::optional<AccountId> operator()(const Body& body) const {
        constexpr Changes kChanges = kCommandKind<Body>.changes;
        if constexpr (kChanges == Changes::its_account) {
            if (position == 0) return body.account;
        } else if constexpr (kChanges == Changes::its_pair) {
            if (position <= 1) return position == 0 ? body.debit : body.credit;
        } else if constexpr (kChanges == Changes::its_postings) {
            if (position < body.postings.size()) return body.postings[position].account;
        }
        return std::nullopt;
    }
};

/// The accounts that a command itself names for the changes of its event, which leave the id out
/// then (schemas/event.proto, Change.id).
class SaidAccounts {
public:
    /// Both borrow `event`.
    explicit SaidAccounts(const CommandDecided& event)
        : body_(event.command.body),
          transfer_(std::get_if<Transfer>(&body_)),
          entry_(std::get_if<PostEntry>(&body_)) {}
    /// Of one in transit: what is credited here is the transit account.
    explicit SaidAccounts(const CommandInTransit& event)
        : body_(event.command.body), is_in_transit_(true) {}

    /// That of the next change. Empty where the command does not say it.
    std::optional<AccountId> next() {
        if (entry_ != nullptr) next_ = next_change_of(*entry_, next_);
        const SaidAccount said{next_++};
        if (is_in_transit_ && said.position != 0) return std::nullopt;
        // Nearly all are transfers.
        return transfer_ != nullptr ? said(*transfer_) : std::visit(said, body_);
    }

private:
    const CommandBody& body_;
    const Transfer* transfer_ = nullptr;
    const PostEntry* entry_ = nullptr;
    bool is_in_transit_ = false;
    std::size_t next_ = 0;
};

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
    /// How many changes the event has: none when refused, none for a posting of zero.
    std::size_t count(Outcome outcome) const {
        if (!is_accepted(outcome)) return 0;
        if (transfer_ != nullptr) return 2;
        return static_cast<std::size_t>(std::ranges::count_if(
            entry_->postings, [](const Posting& posting) { return !posting.amount.is_zero(); }));
    }
    struct Said {
        Side side;
        Amount amount;
    };
    /// That of the next change: `count` times.
    Said next() {
        if (transfer_ != nullptr) return {next_++ == 0 ? Side::debit : Side::credit, moved_};
        next_ = next_change_of(*entry_, next_);
        const Posting& posting = entry_->postings[next_++];
        return {posting.side, posting.amount};
    }

private:
    const Transfer* transfer_;
    const PostEntry* entry_;
    Amount moved_;
    std::size_t next_ = 0;
};

}  // namespace vouch::wire
