#pragma once

#include "events/entries/arena.h"
#include "events/entries/event.h"
#include "events/entries/fields.h"
#include "events/entries/said_postings.h"

#include <cstdint>
#include <optional>
#include <span>

namespace vouch::wire {

/// What there is of an event that is not what became of a command. All of it is borrowed.
struct KindIn {
    Reader<true> content;  ///< of the field that says the kind
    const CommandDecided& found;  ///< the parts that the kinds share
    std::span<Change> changes;    ///< those of `found`
    Arena& arena;
    CommandFault& fault;
};

/// Reads the event whose kind `field` says; `parts` are the other fields that there were. False
/// when `fault` says what is wrong.
bool read_event_kind(const KindIn& in, std::uint32_t field, std::uint64_t parts, Event& out);

/// The ids that the changes leave to the command.
template <class E>
bool fill_in_ids(const E& event, std::span<Change> changes, CommandFault& fault) {
    SaidAccounts accounts(event);
    for (Change& change : changes) {
        const std::optional<AccountId> said = accounts.next();
        if (!said) continue;
        if (!change.id.is_zero()) {
            report(fault, "changes.id");
            return false;
        }
        change.id = *said;
    }
    return true;
}

}  // namespace vouch::wire
