#pragma once

#include "tests/reconciler/crossing_books.h"

#include <string>

// A story that two shards tell each other, and its accounts.

namespace vouch::test {

inline constexpr ShardId kP = CrossingBooks::kP;
inline constexpr ShardId kQ = CrossingBooks::kQ;

inline AccountId payer() { return CrossingBooks::account(kP, 0); }
inline AccountId other_payer() { return CrossingBooks::account(kP, 1); }
inline AccountId payee() { return CrossingBooks::account(kQ, 0); }
inline AccountId yen_payee() { return CrossingBooks::account(kQ, 2); }
inline AccountId other_payee() { return CrossingBooks::account(kQ, 1); }

void open_all(CrossingBooks& books);

/// A story of all kinds, of which the last steps are still in flight.
void tell_story(CrossingBooks& books);

/// The findings, a line each.
std::string text_of(const reconciler::ReplayReport& report);

}  // namespace vouch::test
