#pragma once

#include "events/result.h"

#include <string_view>

namespace vouch::terminal {

/// A line for people, on stderr: "vouch: …". Nothing in it moves the terminal. Data goes to stdout.
void say(std::string_view sentence);

/// Data goes to a terminal, not to a file or another program.
bool is_read_by_people();

/// Writes data to stdout, all of it. `storage` when that fails (a full disk behind a redirection).
Status print(std::string_view data);

}  // namespace vouch::terminal
