#pragma once

#include "events/entries/command.h"
#include "events/log/log.h"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

namespace vouch::test {

/// One row of the bank's journal.
struct BankRow {
    std::uint64_t account = 0;       ///< the bank's number
    std::int64_t delta = 0;          ///< signed change, in haler
    std::int64_t balance_after = 0;  ///< of the account, in haler
};

/// The bank's rows in the order to play, from the decompressed file. Empty when it is not that
/// file.
std::vector<BankRow> read_bank_rows(const std::filesystem::path& csv);

/// The bank's final balances by account, from its file of them.
std::map<std::uint64_t, std::int64_t> read_final_balances(const std::filesystem::path& csv);

/// Decompresses the rows of shared data into `into`. Empty, and says so, when there are none here.
std::optional<std::filesystem::path> unpack_bank_rows(const std::filesystem::path& into);

/// The rows as commands: batch 0 opens the cash account and every account of the bank, with a limit
/// that lets it go below zero as far as it ever does; then each row is a transfer between its
/// account and cash, in batches of kRowsABatch.
class BankLoad {
public:
    explicit BankLoad(std::vector<BankRow> rows);

    std::uint64_t batches() const { return 1 + (rows_.size() + kRowsABatch - 1) / kRowsABatch; }
    std::size_t size(std::uint64_t batch) const;
    Bytes batch(std::uint64_t batch) const;
    CommandId id(std::uint64_t batch, std::size_t member) const;
    const std::vector<BankRow>& rows() const { return rows_; }
    /// Command `member` of batch 0, and the one that row `index` is.
    Command opening(std::size_t member) const;
    Command row(std::size_t index) const;
    /// The bank's numbers, ascending.
    const std::vector<std::uint64_t>& accounts() const { return accounts_; }

    static constexpr std::size_t kRowsABatch = 64;
    /// Cash is account 0, which is no number of the bank.
    static constexpr std::uint64_t kCash = 0;

private:
    Command make(std::uint64_t batch, std::size_t member) const;

    std::vector<BankRow> rows_;
    std::vector<std::uint64_t> accounts_;
    std::vector<std::uint64_t> limits_;
};

}  // namespace vouch::test
