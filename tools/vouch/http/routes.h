#pragma once

#include "tools/vouch/http/io_thread.h"
#include "tools/vouch/http/queries.h"
#include "tools/vouch/http/request_head.h"
#include "tools/vouch/http/response.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

namespace vouch::http {

/// How long a question waits for the views to come to where it asks them to be.
inline constexpr std::chrono::seconds kViewsWaitMax{2};
/// How long an answer about a time that is past waits to be settled, and a statement of all accounts
/// for shards that are behind to say that nothing comes before what the others have written; then it
/// is unsettled, or its page ends there.
inline constexpr std::chrono::milliseconds kCompleteWaitMax{500};
/// A single command, which may be written with escapes that take six times its room.
inline constexpr std::size_t kObjectBytesMax = std::size_t{1} << 20;

/// The head alone decides: the answer to a request whose body is not even read, because its route,
/// method, type or length is wrong.
std::optional<Response> refuse_by_head(const RequestHead& head, const LedgerParts& parts);

/// The answer to a request that was not refused. Head and body outlive the call.
boost::asio::awaitable<Response> answer_request(IoThread& thread, const RequestHead& head,
                                                const std::string& body);

}  // namespace vouch::http
