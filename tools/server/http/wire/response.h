#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch {
class JsonWriter;
}

namespace vouch::http {

struct Response {
    unsigned status = 200;
    std::string_view content_type = "application/json";  ///< static storage
    std::string body;
    std::vector<std::pair<std::string_view, std::string>> fields;  ///< names in static storage
    /// Not sent: whoever asked may ask again, so "busy" may take its place when too many large
    /// answers are under way.
    bool may_be_dropped = false;
    /// Not sent but as part of a problem's body: its sentence.
    std::string detail{};
};

/// Seconds after which a request that was turned away may come again.
inline constexpr std::string_view kRetryAfterSeconds = "1";

/// What a request met instead of an answer (RFC 9457). `type` becomes urn:vouch:problem:<type>;
/// titles belong to types. Details never hold secrets. `add_members` writes what more it tells.
Response problem(unsigned status, std::string_view type, std::string_view title,
                 std::string_view detail,
                 const std::function<void(JsonWriter&)>& add_members = {});

Response busy(std::string_view detail, const std::function<void(JsonWriter&)>& add_members = {});

/// The head of an answer, up to and with its empty line. `date` as RFC 9110 writes it.
std::string head_of(const Response& response, std::string_view date, bool keep_alive);

std::string_view reason_of(unsigned status);

}  // namespace vouch::http
