#include "tools/server/http/wire/accept.h"

#include "tools/server/http/wire/request_head.h"

#include <algorithm>
#include <cstddef>

namespace vouch::http {

namespace {

/// Qualities count in thousandths.
constexpr int kQualityMax = 1'000;

/// What stands before the next separator, which is taken off with it.
std::string_view next_part(std::string_view& text, char separator) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view part = without_blanks(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    return part;
}

/// "0.25": 250. What is no quality counts as one, as if it were not there.
int read_quality(std::string_view text) {
    if (text.empty() || (text.front() != '0' && text.front() != '1')) return kQualityMax;
    int quality = (text.front() - '0') * kQualityMax;
    if (text.size() > 1 && text[1] != '.') return kQualityMax;
    int unit = kQualityMax / 10;
    for (const char c : text.substr(std::min<std::size_t>(text.size(), 2))) {
        if (c < '0' || c > '9') return kQualityMax;
        quality += (c - '0') * unit;
        unit /= 10;
    }
    return std::min(quality, kQualityMax);
}

struct Range {
    std::string_view type;
    int quality = kQualityMax;
};

Range read_range(std::string_view text) {
    Range range{.type = next_part(text, ';')};
    while (!text.empty()) {
        std::string_view value = next_part(text, ';');
        const std::string_view name = next_part(value, '=');
        if (equal_ignoring_case(name, "q")) range.quality = read_quality(value);
    }
    return range;
}

/// How exactly a range names a type; 0 when it does not.
int exactness(std::string_view range, std::string_view type) {
    if (equal_ignoring_case(range, type)) return 3;
    if (range == "*/*") return 1;
    const std::size_t slash = type.find('/') + 1;
    const bool is_family = range.size() == slash + 1 && range.ends_with("/*") &&
                           equal_ignoring_case(range.substr(0, slash), type.substr(0, slash));
    return is_family ? 2 : 0;
}

/// What a field says of one type: the range that names it most exactly does.
struct Wish {
    int quality = 0;
    int exact = 0;
    std::size_t place = 0;
};

Wish wish_for(std::string_view accept, std::string_view type) {
    Wish wish;
    for (std::size_t place = 0; !accept.empty(); ++place) {
        const Range range = read_range(next_part(accept, ','));
        const int exact = exactness(range.type, type);
        if (exact > wish.exact) wish = {range.quality, exact, place};
    }
    return wish;
}

bool is_more(const Wish& one, const Wish& other) {
    if (one.quality != other.quality) return one.quality > other.quality;
    if (one.exact != other.exact) return one.exact > other.exact;
    return one.place < other.place;
}

}  // namespace

std::optional<std::string_view> wanted_type(std::string_view accept,
                                            std::span<const std::string_view> offered) {
    if (without_blanks(accept).empty()) return offered.front();
    std::optional<std::string_view> wanted;
    Wish most;
    for (const std::string_view type : offered) {
        const Wish wish = wish_for(accept, type);
        if (wish.quality == 0 || (wanted && !is_more(wish, most))) continue;
        wanted = type;
        most = wish;
    }
    return wanted;
}

}  // namespace vouch::http
