#pragma once

#include "events/entries/command.h"
#include "events/entries/facts.h"
#include "reconciler/state/replayed_books.h"

#include <optional>
#include <variant>
#include <vector>

namespace vouch::reconciler {

/// An account that a command is about, in the order in which refusals look.
struct Named {
    AccountId id;
    bool is_here = false;
    const Account* account = nullptr;
    AccountNumber number;
    std::optional<Side> blockable;  ///< newly debited, credited, held on or toward
};

/// A command and what the books hold of all that it names. Borrows both.
struct AskedCommand {
    AskedCommand(const ReplayedBooks& its_books, const Command& its_command, Timestamp its_time);

    /// What it names may have been changed by a broken record.
    bool is_unsure() const;
    /// What a refusal tells of an account.
    Facts facts(const Named& one) const;
    template <class Body>
    const Body* body() const {
        return std::get_if<Body>(&command.body);
    }

    const ReplayedBooks& books;
    const Command& command;
    Timestamp time;
    std::vector<Named> named;
    const OpenHold* hold = nullptr;  ///< that it is about; null when it is not open
};

}  // namespace vouch::reconciler
