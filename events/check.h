#pragma once

namespace vouch {

/// Prints the broken claim and its place, then aborts. Never returns.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

}  // namespace vouch

/// Stops the program before a wrong number is written. On in every build, and only for what no
/// input, peer or disk can cause; anything read from outside yields a Fault or an Outcome instead.
#define VOUCH_ASSERT(condition)             \
    (static_cast<bool>(condition) ? void(0) \
                                  : ::vouch::assertion_failed(#condition, __FILE__, __LINE__))
