#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch::http {

/// A request's target, taken apart: segments of the path and parameters, percent-decoded. An
/// encoded slash belongs to its segment.
struct Target {
    std::vector<std::string> segments;
    std::vector<std::pair<std::string, std::string>> parameters;
};

/// Empty when an escape is broken, a segment is empty or of dots only, or a decoded text is not
/// UTF-8.
std::optional<Target> parse_target(std::string_view target);

/// The first parameter that is there twice; empty when none is.
std::optional<std::string_view> repeated_parameter(const Target& target);

/// Percent-encoded, as one segment of a path.
std::string encoded(std::string_view text);

}  // namespace vouch::http
