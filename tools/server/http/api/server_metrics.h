#pragma once

#include "tools/server/http/api/ledger_thread.h"
#include "tools/server/http/wire/response.h"

namespace vouch::http {

/// What Prometheus reads of the server, as docs/operations.md lists it: from where /readyz and
/// /status have it, and what was counted since the start. No label holds an id or a name.
Response metrics_of(const LedgerThread& thread);

}  // namespace vouch::http
