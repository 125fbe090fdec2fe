#pragma once

#include "projector/queries/books.h"

#include <string>
#include <string_view>
#include <vector>

namespace vouch::cli {

// What the books answer, laid out for people. `id` is the id as it was asked for.

std::string account_text(const projector::AccountBalance& found);
/// The account's balance, or all that makes it up.
std::string balance_text(const projector::AccountBalance& found);
std::string balances_text(const projector::AccountBalance& found);
std::string entry_text(const projector::EntryAnswer& entry, std::string_view id);
std::string hold_text(const projector::HoldAnswer& hold, std::string_view id);
std::string outcome_text(const projector::CommandOutcome& found, std::string_view id);
/// Of a table with: time, account, entry, debit, credit, balance, asset.
std::vector<std::string> statement_cells(const projector::StatementRow& row);
std::string trial_balance_text(const std::vector<projector::TrialBalanceLine>& lines);

}  // namespace vouch::cli
