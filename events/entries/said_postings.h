#pragma once

#include "events/entries/event.h"

namespace vouch::wire {

/// The postings that a decided command itself says, so that its event leaves them out of the
/// changes (schemas/event.proto, Change.side): those of a transfer and of an entry, where they were
/// decided at once.
class SaidPostings {
public:
    /// Borrows `event`.
    explicit SaidPostings(const CommandDecided& event)
        : transfer_(event.answered ? nullptr : std::get_if<Transfer>(&event.command.body)),
          entry_(event.answered ? nullptr : std::get_if<PostEntry>(&event.command.body)) {
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
