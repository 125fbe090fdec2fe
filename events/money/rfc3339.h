#pragma once

#include "events/money/number.h"

#include <string>

namespace vouch {

/// "2026-01-31T23:59:59.000000Z", as RFC 3339 writes a time; years 0001 to 9999 (one outside shows
/// as the nearest in it).
std::string to_rfc3339(Timestamp time);

}  // namespace vouch
