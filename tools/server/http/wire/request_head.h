#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace vouch::http {

/// Bytes of a request's head, from the method to the empty line, at most.
inline constexpr std::size_t kHeadBytesMax = std::size_t{8} << 10;
inline constexpr std::size_t kFieldsMax = 64;
inline constexpr std::size_t kTargetBytesMax = std::size_t{2} << 10;

/// Why a request is not answered: an HTTP status and a sentence that holds nothing of the request.
struct HeadRefused {
    unsigned status = 400;
    std::string_view detail;  ///< static storage
};

struct HeadField {
    std::string_view name;   ///< as sent
    std::string_view value;  ///< without blanks around it
};

/// The head of one request. Borrows from the bytes that it was read from.
struct RequestHead {
    std::string_view method;
    std::string_view target;  ///< begins with '/'
    std::vector<HeadField> fields;
    std::optional<std::uint64_t> content_length;
    std::string_view host;
    bool keep_alive = true;
    bool expects_continue = false;

    /// The first field of that name (in lower case); empty when there is none.
    std::string_view field(std::string_view lower_name) const;
};

/// Looks for the end of a head in what has come so far. `looked` is 0 for a new head and then kept
/// by the caller, so that bytes are looked at once however slowly they drip.
enum class HeadEnd { not_yet, found, refused };
HeadEnd find_head_end(std::string_view bytes, std::size_t& looked);

/// Reads a whole head, up to and with its empty line (`looked` after `found`). Strict where RFC
/// 9112 lets a server choose, because what two readers of one message may read differently is how
/// requests are smuggled: any Transfer-Encoding, a second Content-Length or Host, a line end
/// without carriage return, a folded line and a name that is no token are refused. The caller
/// closes the connection after a refusal and reads nothing further.
std::variant<RequestHead, HeadRefused> read_head(std::string_view head);

/// True for a Host that names this machine by a loopback address or as localhost. Another name
/// means that a browser was made to believe a foreign name leads here.
bool is_loopback_host(std::string_view host);

/// Without the spaces and tabs at both ends.
std::string_view without_blanks(std::string_view text);
/// ASCII only, as names of fields are.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace vouch::http
