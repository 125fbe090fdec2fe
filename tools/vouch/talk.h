#pragma once

#include "events/result.h"
#include "tools/vouch/exit_code.h"

#include <string_view>

namespace vouch::cli {

/// A line for people, on stderr: "vouch: …". Data goes to stdout.
void say(std::string_view sentence);

/// Says what went wrong; gives what the process ends with.
ExitCode fail(const Fault& fault);

/// Writes data to stdout, all of it. `storage` when that fails (a full disk behind a redirection).
Status print(std::string_view data);

}  // namespace vouch::cli
