#pragma once

#include "events/log/log.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tests/berka/bank_rows.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace vouch::test {

/// Holds a log of the bank's rows, and views of it, against what the bank says: every balance after
/// every row, every final balance, and their sum. With doctest checks.
void check_bank_events(LogReader& log, const Deployment& deployment,
                       const std::vector<BankRow>& rows);
void check_bank_views(LogReader& log, const Deployment& deployment, const EpochKeys& keys,
                      const std::filesystem::path& directory, const std::vector<BankRow>& rows);

/// The bank's rows and their accounts.
inline constexpr std::size_t kBankRows = 49'070;
inline constexpr std::size_t kBankAccounts = 1'229;

/// All of the bank's final balances together, in haler.
inline constexpr std::int64_t kBankTotal = 3'923'932'520;

}  // namespace vouch::test
