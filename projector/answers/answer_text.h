#pragma once

#include "projector/answers/text_table.h"
#include "projector/queries/account_balance.h"
#include "projector/queries/command_outcome.h"
#include "projector/queries/entry_answer.h"
#include "projector/queries/hold_answer.h"
#include "projector/queries/pending.h"
#include "projector/queries/recorded_at.h"
#include "projector/queries/statement.h"
#include "projector/queries/trial_balance.h"

#include <string>
#include <string_view>
#include <vector>

namespace vouch::projector {

// What the books answer, laid out for people. `id` is the id as it was asked for.

std::string account_text(const AccountBalance& found);
/// The account's balance, or all that makes it up.
std::string balance_text(const AccountBalance& found);
std::string balances_text(const AccountBalance& found);
std::string entry_text(const EntryAnswer& entry, std::string_view id, Cells cells = Cells::whole);
std::string hold_text(const HoldAnswer& hold, std::string_view id);
std::string outcome_text(const CommandOutcome& found, std::string_view id);
/// Of a table with: time, account, entry, debit, credit, balance, asset.
std::vector<std::string> statement_cells(const StatementRow& row);
/// A table, below it the way on of each reason and pair of shards, and what is not covered. That
/// nothing is pending the first page alone can say.
std::string pending_text(const PendingPage& page, bool is_first, Cells cells);
std::string not_covered_text(const ShardFinding& finding);
std::string trial_balance_text(const std::vector<TrialBalanceLine>& lines);

/// "shard 0, record 9", or "nothing recorded yet".
std::string as_text(const AsOf& as_of);
std::string as_text(const RecordedAt& recorded);
/// "unlimited", or an amount.
std::string available_text(const AccountBalance& balance);

}  // namespace vouch::projector
