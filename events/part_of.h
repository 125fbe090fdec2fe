#pragma once

#include <type_traits>
#include <variant>

namespace vouch {

/// What `part` takes of the kind that a variant holds; `otherwise` of kinds that have no such part,
/// with which it cannot be called: `[](const auto& kind) -> decltype(kind.name) { ... }`.
template <class... Kinds, class Otherwise, class Part>
Otherwise part_of(const std::variant<Kinds...>& variant, Otherwise otherwise, Part part) {
    return std::visit(
        [&]<class Kind>(const Kind& kind) -> Otherwise {
            if constexpr (std::is_invocable_v<Part, const Kind&>) {
                return part(kind);
            } else {
                return otherwise;
            }
        },
        variant);
}

}  // namespace vouch
