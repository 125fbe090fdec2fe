#pragma once

namespace vouch::cli {

/// From now on a process that gets no memory, or no thread, says so and ends as unreachable (exit
/// code 4) wherever that happens: in a library's thread no exception could be caught. Nothing is
/// lost by it that was acknowledged.
void end_clearly_without_memory();

/// True for exceptions that mean so: std::bad_alloc, or a system that gives no thread.
bool is_out_of_memory();

/// Says so and ends the process at once: what libraries do at an exit may want memory or a thread
/// that they did not get.
[[noreturn]] void end_out_of_memory();

}  // namespace vouch::cli
