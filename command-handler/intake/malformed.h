#pragma once

#include "events/money/outcome.h"

#include <string>

namespace vouch::command_handler {

/// Why a line is no valid command. For people and programs: `field` is the path of the key at fault
/// as it was written ("amount", "postings[2].debit", "group[0].id"), empty when the line as a whole
/// is at fault; `detail` says what was expected and what kind of thing was found. Never holds the
/// value that was found: it may be personal data.
struct Malformed {
    Outcome outcome = Outcome::malformed;  ///< malformed or too_large
    std::string field;
    std::string detail;

    friend bool operator==(const Malformed&, const Malformed&) = default;
};

}  // namespace vouch::command_handler
