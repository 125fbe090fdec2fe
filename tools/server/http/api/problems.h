#pragma once

#include "command-handler/gateway/outcome_line.h"
#include "tools/server/http/wire/response.h"

#include <string_view>

namespace vouch {
class JsonWriter;
}

namespace vouch::http {

struct ShardHealth;

// Problems of the API. None tells anything of accounts.

/// Whether commands that have a problem instead of an outcome are recorded.
enum class Recorded {
    no,
    unknown,    ///< they may be
    in_transit  ///< on one shard, and another has yet to answer
};
/// Writes that into a problem, as its member `recorded`.
void add_recorded(JsonWriter& json, Recorded recorded);
inline void not_recorded(JsonWriter& json) { add_recorded(json, Recorded::no); }
/// The same of a problem that is whole.
Response with_recorded(Response problem, Recorded recorded);
/// Of lines that have no outcome yet: the lines before them, which have theirs, one after the
/// other.
Response with_outcomes(Response problem, std::string_view outcome_lines);

Response bad_request(std::string_view detail);
Response bad_parameter(std::string_view detail);
Response not_found(std::string_view detail);
Response behind(std::string_view detail);
Response not_settled();
Response stopping();
Response busy(std::string_view detail, Recorded recorded);
/// A shard has stopped that the command needs, or is waited for by too many.
Response shard_stopped(const command_handler::CutOffCommand& cut);
/// A shard has stopped, or its view, that the answer to a question needs.
Response shard_stopped(const ShardHealth& health, std::string_view consequence);
/// A part of the server has failed; what was sent may or may not be recorded.
Response failed(Recorded recorded);

}  // namespace vouch::http
