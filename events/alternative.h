#pragma once

#include <cstddef>
#include <type_traits>
#include <variant>

namespace vouch {

/// Where `T` stands among the alternatives of a variant that has it once.
template <class T, class Variant>
inline constexpr std::size_t kAlternative = [] {
    return []<class... All>(std::type_identity<std::variant<All...>>) {
        static_assert((std::size_t{std::is_same_v<T, All>} + ...) == 1);
        std::size_t index = 0;
        (void)((std::is_same_v<T, All> || (++index, false)) || ...);
        return index;
    }(std::type_identity<Variant>());
}();

template <class T, class... All>
inline constexpr bool kIsOneOf = (std::is_same_v<T, All> || ...);

/// True when a table has a row for each alternative of a variant, in its order.
template <class Variant>
constexpr bool has_each_alternative(const auto& table) {
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (table[i].index != i) return false;
    }
    return table.size() == std::variant_size_v<Variant>;
}

}  // namespace vouch
