#pragma once

#include "tools/server/http/api/ledger_thread.h"
#include "tools/server/http/wire/response.h"

#include <optional>

namespace vouch::http {

// How the server is, and what it is.

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
