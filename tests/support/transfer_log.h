#pragma once

#include "tests/support/log_writer.h"

#include <cstdint>
#include <random>
#include <vector>

namespace vouch::test {

/// Makes long logs quickly: accounts without limit, then transfers between random ones, each
/// claiming what it leads to. One shard, one epoch, the same on every machine but for the
/// deployment's ids.
class TransferLog {
public:
    /// Borrows `sealed`.
    TransferLog(const SealedDeployment& sealed, std::uint32_t accounts);

    void transfer();
    /// The records; this is then empty.
    RecordList finish();
    std::uint64_t bytes() const { return bytes_; }

private:
    struct Row {
        Totals totals;
        std::uint64_t version = 1;
    };

    Change post(std::uint32_t number, Side side, Amount amount);
    void open(std::uint32_t number);
    void add(const Event& event);
    void flush();

    const SealedDeployment& sealed_;
    RecordList records_;
    std::vector<Row> rows_;
    std::mt19937_64 random_{4711};
    Tag previous_;
    Bytes body_;
    std::size_t count_ = 0;
    std::uint64_t events_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace vouch::test
