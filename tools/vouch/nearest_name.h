#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vouch::cli {

/// The one of `names` that was meant by a word that is none of them: which begins with it, or which
/// it becomes by the fewest letters put right (one too many, one missing, another, two exchanged).
/// Empty when that would be more than a third of them.
std::string nearest_name(std::string_view word, const std::vector<std::string>& names);

}  // namespace vouch::cli
