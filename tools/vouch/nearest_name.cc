#include "tools/vouch/nearest_name.h"

#include <algorithm>
#include <cstddef>

namespace vouch::cli {

namespace {

/// Letters to be put right between two words: the optimal string alignment distance.
std::size_t letters_between(std::string_view a, std::string_view b) {
    std::vector<std::vector<std::size_t>> by_length(a.size() + 1,
                                                    std::vector<std::size_t>(b.size() + 1));
    for (std::size_t i = 0; i <= a.size(); ++i) by_length[i][0] = i;
    for (std::size_t j = 0; j <= b.size(); ++j) by_length[0][j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t other = a[i - 1] == b[j - 1] ? 0 : 1;
            std::size_t least = std::min({by_length[i - 1][j] + 1, by_length[i][j - 1] + 1,
                                          by_length[i - 1][j - 1] + other});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                least = std::min(least, by_length[i - 2][j - 2] + 1);
            by_length[i][j] = least;
        }
    }
    return by_length[a.size()][b.size()];
}

}  // namespace

std::string nearest_name(std::string_view word, const std::vector<std::string>& names) {
    constexpr std::size_t kWordMax = 64;
    if (word.empty() || word.size() > kWordMax) return "";
    std::string nearest;
    std::size_t least = word.size() / 3 + 1;
    for (const std::string& name : names) {
        const std::size_t letters = name.starts_with(word) ? 0 : letters_between(word, name);
        if (letters >= least) continue;
        least = letters;
        nearest = name;
    }
    return nearest;
}

}  // namespace vouch::cli
