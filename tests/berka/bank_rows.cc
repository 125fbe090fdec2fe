#include "tests/berka/bank_rows.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "tests/command-handler/sample_commands.h"
#include "tests/support/shared_data.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

namespace vouch::test {
namespace {

constexpr std::uint64_t kOpeningIds = 10'000'000;
constexpr std::string_view kHeader =
    "seq,trans_id,account_id,acct_seq,date,type,operation,k_symbol,amount_haler,delta_haler,"
    "residual_haler,"
    "balance_after_haler";

std::vector<std::string_view> split(std::string_view line) {
    std::vector<std::string_view> fields;
    while (true) {
        const std::size_t comma = line.find(',');
        fields.push_back(line.substr(0, comma));
        if (comma == std::string_view::npos) return fields;
        line.remove_prefix(comma + 1);
    }
}

std::int64_t number(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    VOUCH_ASSERT(error == std::errc() && end == text.data() + text.size());
    return value;
}

}  // namespace

std::vector<BankRow> read_bank_rows(const std::filesystem::path& csv) {
    std::ifstream in(csv);
    std::string line;
    std::vector<BankRow> rows;
    if (!std::getline(in, line) || line != kHeader) return rows;
    while (std::getline(in, line)) {
        const std::vector<std::string_view> fields = split(line);
        rows.push_back({static_cast<std::uint64_t>(number(fields.at(2))), number(fields.at(9)),
                        number(fields.at(11))});
    }
    return rows;
}

std::map<std::uint64_t, std::int64_t> read_final_balances(const std::filesystem::path& csv) {
    std::ifstream in(csv);
    std::string line;
    std::getline(in, line);
    std::map<std::uint64_t, std::int64_t> final;
    while (std::getline(in, line)) {
        const std::vector<std::string_view> fields = split(line);
        final[static_cast<std::uint64_t>(number(fields.at(0)))] = number(fields.at(2));
    }
    return final;
}

std::optional<std::filesystem::path> unpack_bank_rows(const std::filesystem::path& into) {
    const auto packed = find_shared_data("berka/berka_1993q1_1994q1_expected_rows.csv.zst");
    if (!packed) return std::nullopt;
    std::filesystem::path csv = into / "rows.csv";
    const std::string command = "zstd -q -d -o '" + csv.string() + "' '" + packed->string() + "'";
    VOUCH_ASSERT(std::system(command.c_str()) == 0);
    return csv;
}

BankLoad::BankLoad(std::vector<BankRow> rows) : rows_(std::move(rows)) {
    std::map<std::uint64_t, std::int64_t> lowest;
    for (const BankRow& row : rows_) {
        std::int64_t& low = lowest[row.account];
        low = std::min(low, row.balance_after);
    }
    for (const auto& [account, low] : lowest) {
        accounts_.push_back(account);
        limits_.push_back(static_cast<std::uint64_t>(-low));
    }
}

std::size_t BankLoad::size(std::uint64_t batch) const {
    if (batch == 0) return 1 + accounts_.size();
    return std::min(kRowsABatch, rows_.size() - (batch - 1) * kRowsABatch);
}

Command BankLoad::opening(std::size_t member) const {
    if (member == 0) return open_cash(kOpeningIds);
    return open_account(kOpeningIds + member, accounts_[member - 1],
                        Limit(Amount(limits_[member - 1])));
}

Command BankLoad::row(std::size_t index) const {
    const BankRow& row = rows_[index];
    // What comes in is debited to cash and credited to the account, whose normal side it is.
    if (row.delta > 0)
        return transfer(index, kCash, row.account, static_cast<std::uint64_t>(row.delta));
    return transfer(index, row.account, kCash, static_cast<std::uint64_t>(-row.delta));
}

Command BankLoad::make(std::uint64_t batch, std::size_t member) const {
    return batch == 0 ? opening(member) : row((batch - 1) * kRowsABatch + member);
}

Bytes BankLoad::batch(std::uint64_t batch) const {
    Bytes bytes;
    for (std::size_t i = 0; i < size(batch); ++i) append_to_batch(make(batch, i), bytes);
    return bytes;
}

CommandId BankLoad::id(std::uint64_t batch, std::size_t member) const {
    return make(batch, member).id;
}

}  // namespace vouch::test
