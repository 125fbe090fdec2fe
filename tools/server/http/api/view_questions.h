#pragma once

#include "tools/server/http/api/ledger_thread.h"
#include "tools/server/http/api/queries.h"
#include "tools/server/http/wire/response.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>

namespace vouch::http {

/// How long a question waits for the views to come to where it asks them to be.
inline constexpr std::chrono::seconds kViewsWaitMax{2};
/// How long an answer about a time that is past waits to be settled, and a statement of all
/// accounts for shards that are behind to say that nothing comes before what the others have
/// written; then it is unsettled, or its page ends there.
inline constexpr std::chrono::milliseconds kCompleteWaitMax{500};

/// The views' answer to a question, once they have come to where it asks them to be.
boost::asio::awaitable<Response> answer_views(LedgerThread& thread, Query query);

}  // namespace vouch::http
