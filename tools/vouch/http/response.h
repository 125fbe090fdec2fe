#pragma once

#include "events/money/number.h"
#include "tools/vouch/outcome_line.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch::http {

struct Response {
    unsigned status = 200;
    std::string_view content_type = "application/json";  ///< static storage
    std::string body;
    std::vector<std::pair<std::string_view, std::string>> fields;  ///< names in static storage
    /// Not sent: the time of a row that a page ends before, because something may still come before
    /// that one.
    std::optional<Timestamp> withheld{};
    /// Not sent but as part of a problem's body: its sentence.
    std::string detail{};
};

/// Seconds after which a request that was turned away may come again.
inline constexpr std::string_view kRetryAfterSeconds = "1";

/// What a request met instead of an answer (RFC 9457). For commands it means that nothing was
/// recorded, unless the sentence says that this is not known. `type` becomes
/// urn:vouch:problem:<type>; titles belong to types. Details never hold secrets, or anything of
/// accounts.
Response problem(unsigned status, std::string_view type, std::string_view title,
                 std::string_view detail,
                 const std::vector<std::pair<std::string_view, std::string>>& members = {});

Response bad_request(std::string_view detail);
Response bad_parameter(std::string_view detail);
Response not_found(std::string_view detail);
Response busy(std::string_view detail);
Response behind(std::string_view detail);
Response not_settled();
Response stopping();
/// A shard has stopped that the command needs.
Response shard_stopped(const cli::CutOffCommand& cut);
/// A shard has stopped, or its view, that the answer to a question needs.
struct ShardHealth;
Response shard_stopped(const ShardHealth& health, std::string_view consequence);
/// A part of the server has failed; what was sent may or may not be recorded.
Response failed();

/// The head of an answer, up to and with its empty line. `date` as RFC 9110 writes it.
std::string head_of(const Response& response, std::string_view date, bool keep_alive);

std::string_view reason_of(unsigned status);

}  // namespace vouch::http
