#pragma once

#include "events/entries/event.h"
#include "events/money/wide_sum.h"
#include "reconciler/state/replayed_books.h"

#include <string>

namespace vouch::reconciler {

/// What an account's `side` takes up: posted and held.
WideSum side_sum(const Totals& totals, Side side);

/// Whether an account's debited or credited side still has room for `amount`, what could come back
/// to it included.
bool has_room(const ReplayedBooks& books, AccountNumber number, Side side, const WideSum& amount);

/// For how much it has room.
Amount room_on(const ReplayedBooks& books, AccountNumber number, Side side);

/// An account's totals with what could come back to it as held credits: what is asked of limits and
/// of what is available.
Totals guarded_totals(const ReplayedBooks& books, AccountNumber number);

/// What a refusal tells of an account, as it is in the books.
Facts facts_of(const ReplayedBooks& books, AccountNumber number);
/// Of an account by its id; only the id when the ledger has none.
Facts facts_of(const ReplayedBooks& books, LedgerId ledger, AccountId id);

/// The first field in which facts differ, with both values: "available, expected 3 found 4".
std::string describe_difference(const Facts& expected, const Facts& found);

}  // namespace vouch::reconciler
