#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vouch::http {

struct Reply;

/// What an answer's head tells of the ledger, beside its body (docs/http.md).
inline constexpr std::string_view kFindingField = "Vouch-Finding";
inline constexpr std::string_view kNotCoveredField = "Vouch-Not-Covered";
inline constexpr std::string_view kSettledField = "Vouch-Settled";

bool has_finding(const Reply& reply);
/// A sentence for each shard that the answer lacks.
std::vector<std::string> not_covered(const Reply& reply);
/// Whether it is about a time at which something may still come, or a page that ends before that.
bool is_unsettled(const Reply& reply);

}  // namespace vouch::http
