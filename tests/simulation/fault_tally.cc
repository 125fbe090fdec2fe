#include "tests/simulation/fault_tally.h"

namespace vouch::test {

void FaultTally::add(const FaultTally& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        counts_[i].met += other.counts_[i].met;
        counts_[i].took_place += other.counts_[i].took_place;
    }
}

std::uint64_t FaultTally::took_place() const {
    std::uint64_t sum = 0;
    for (const Count& count : counts_) sum += count.took_place;
    return sum;
}

std::string FaultTally::text() const {
    constexpr std::size_t kLine = 100;
    std::string text = "faults that took place, of those met:";
    std::size_t begin = 0;
    for (const FaultKindRow& row : fault_kinds()) {
        const Count& count = counts_[index(row.kind)];
        if (count.met == 0) continue;
        const std::string one = " " + std::string(row.name) + " " +
                                std::to_string(count.took_place) + " of " +
                                std::to_string(count.met) + ";";
        if (text.size() - begin + one.size() > kLine) {
            begin = text.size() + 1;
            text += "\n ";
        }
        text += one;
    }
    text.back() = '\n';
    return text;
}

std::vector<std::string_view> FaultTally::missing() const {
    std::vector<std::string_view> names;
    for (const FaultKindRow& row : fault_kinds()) {
        const Count& count = counts_[index(row.kind)];
        if (count.met > 0 && count.took_place == 0) names.push_back(row.name);
    }
    return names;
}

}  // namespace vouch::test
