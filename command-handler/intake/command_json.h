#pragma once

#include "command-handler/intake/malformed.h"
#include "command-handler/intake/raw_command.h"
#include "events/entries/arena.h"

#include <memory>
#include <optional>
#include <string_view>

namespace vouch::command_handler {

/// A line of JSON is refused from this size on, unread. Generous: a command of 65,536 bytes may be
/// written with escapes that take six times the room.
inline constexpr std::size_t kLineBytesMax = 1024 * 1024;

/// Some programs begin a text with it. It is not part of the first line.
inline std::string_view without_byte_order_mark(std::string_view text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    return text;
}

/// Reads commands as JSON (docs/cli.md, "Commands") straight from the parser's events, without a
/// tree: it would keep the last of two equal keys and turn long numbers into floating point,
/// silently.
///
/// Unknown and repeated keys, wrong types and missing keys are malformed. Syntax comes first: a
/// line that is no JSON is reported so, with the byte offset where it stops to be any, whatever
/// else is wrong before. Amounts are strings; a number is never taken for one. One thread.
class CommandJson {
public:
    CommandJson();
    ~CommandJson();
    CommandJson(const CommandJson&) = delete;
    CommandJson& operator=(const CommandJson&) = delete;

    /// Reads one line into `line`, whose texts then borrow from `arena`. Empty when all is well;
    /// otherwise nothing is to be believed of `line`. `given_id` is an id that was given beside the
    /// line (HTTP's Idempotency-Key), or empty.
    std::optional<Malformed> read(std::string_view text, Arena& arena, RawLine& line,
                                  std::string_view given_id = {});

private:
    struct Parser;
    std::unique_ptr<Parser> parser_;
};

}  // namespace vouch::command_handler
