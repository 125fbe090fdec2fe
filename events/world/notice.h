#pragma once

#include "events/money/number.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vouch {

enum class Severity : std::uint8_t {
    note,     ///< nothing to do
    warning,  ///< it goes on, and somebody should look
    alarm     ///< somebody must look: docs/operations.md
};

/// What people are told while a process goes on. Faults are returned, and no notices.
struct Notice {
    Severity severity;
    std::string_view code;             ///< a name of the kind, which does not change: "clock_leap"
    std::string text;                  ///< for people, without the severity
    std::optional<ShardId> shard{};    ///< whose it is; empty: the log's
    std::optional<RecordNumber> record{};
};

/// The line that people see: "ALARM: shard 3: …".
std::string line_of(const Notice& notice);

/// Any thread.
void tell(const Notice& notice);

/// Where notices go, in the whole process: any thread calls it. Null, as at first: a line on
/// stderr.
using NoticeSink = void (*)(const Notice&);
void send_notices_to(NoticeSink sink);

}  // namespace vouch
