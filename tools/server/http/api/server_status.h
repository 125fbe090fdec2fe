#pragma once

#include "tools/server/http/api/ledger_thread.h"
#include "tools/server/http/wire/response.h"

#include <optional>
#include <vector>

namespace vouch::http {

struct ShardHealth;

// How the server is, and what it is.

/// What stands in the way of everything; empty while there is nothing.
std::optional<Response> not_ready(const LedgerThread& thread,
                                  const std::vector<ShardHealth>& shards);
Response liveness();
/// Ready as long as some shards are, and says which are not.
Response readiness(const LedgerThread& thread);
Response status(const LedgerThread& thread, bool as_text);
Response version(const LedgerParts& parts, bool as_text);
/// The document that describes the API.
Response description();

/// While the log waits for its disk, nothing that is sent can become final.
std::optional<Response> waits_for_room(const LedgerParts& parts);

}  // namespace vouch::http
