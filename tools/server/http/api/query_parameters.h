#pragma once

#include "tools/server/http/api/page_cursor.h"
#include "tools/server/http/api/queries.h"

#include <cstdint>
#include <optional>
#include <string>

namespace vouch::http {

/// Reads what is asked of `query.route`. What is wrong with a parameter; empty when nothing is.
std::optional<std::string> read_parameters(const Target& target, std::uint32_t shards,
                                           Query& query);

/// What a cursor is bound to.
PageQuestion page_question(const Query& query);

/// Asks for the page behind `cursor`.
std::string next_target(const Query& query, const std::string& cursor);

}  // namespace vouch::http
