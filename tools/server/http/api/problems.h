#pragma once

#include "command-handler/gateway/outcome_line.h"
#include "tools/server/http/wire/response.h"

#include <string_view>

namespace vouch::http {

struct ShardHealth;

// Problems of the API. For commands each means that nothing was recorded, unless its sentence says
// that this is not known. None tells anything of accounts.

Response bad_request(std::string_view detail);
Response bad_parameter(std::string_view detail);
Response not_found(std::string_view detail);
Response behind(std::string_view detail);
Response not_settled();
Response stopping();
/// A shard has stopped that the command needs.
Response shard_stopped(const command_handler::CutOffCommand& cut);
/// A shard has stopped, or its view, that the answer to a question needs.
Response shard_stopped(const ShardHealth& health, std::string_view consequence);
/// A part of the server has failed; what was sent may or may not be recorded.
Response failed();

}  // namespace vouch::http
