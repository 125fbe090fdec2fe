#pragma once

#include "tools/server/http/api/ledger_thread.h"
#include "tools/server/http/wire/request_head.h"
#include "tools/server/http/wire/response.h"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::http {

/// A single command, which may be written with escapes that take six times its room.
inline constexpr std::size_t kObjectBytesMax = std::size_t{1} << 20;

/// The head alone decides: the answer to a request whose body is not even read, because its route,
/// method, type or length is wrong.
std::optional<Response> refuse_by_head(const RequestHead& head, const LedgerParts& parts);

/// Of every route; `*` stands for an id.
std::vector<std::string_view> route_names();

/// Whether the process lives, what it is and how it is.
bool asks_for_health(const RequestHead& head);

/// The answer to a request that was not refused. Head and body outlive the call.
boost::asio::awaitable<Response> answer_request(LedgerThread& thread, const RequestHead& head,
                                                const std::string& body);

}  // namespace vouch::http
