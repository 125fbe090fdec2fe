#pragma once

#include "events/entries/arena.h"
#include "events/entries/command.h"
#include "events/entries/event.h"
#include "events/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vouch {

/// Commands and events as Protobuf (schemas/command.proto, event.proto), written and read by hand:
/// strictly (an unknown or repeated field is refused, which generated code cannot do), without
/// allocation, straight into values. Tests hold this against the generated code.

/// Why a command was not accepted as one.
struct CommandFault {
    Outcome outcome = Outcome::malformed;  ///< malformed or too_large
    std::string_view field;  ///< "transfer.amount"; empty: no Protobuf. Static storage.
};

/// One member of a CommandBatch: its bytes, not yet parsed.
using CommandBytes = std::span<const std::byte>;

/// Splits a CommandBatch into its members. A fault when the bytes are no CommandBatch (or have more
/// than kBatchCommandsMax members or kBatchBytesMax bytes, or a field of it that is not supported
/// yet); nothing is then to be believed of `members`. Empty when all is well.
std::optional<CommandFault> split_batch(std::span<const std::byte> batch,
                                        std::vector<CommandBytes>& members);

/// Parses and validates one command: ranges, lengths, UTF-8, required fields, usable ids, names
/// that hash to their id. What depends on state (zero_amount, account_missing, …) is left to
/// decide. `command` borrows from `bytes` and `arena`. Empty when all is well.
std::optional<CommandFault> decode_command(CommandBytes bytes, Arena& arena, Command& command);

/// Appends `command` as one member of a CommandBatch (tag, length, message).
void append_to_batch(const Command& command, std::vector<std::byte>& batch);

/// Bytes of `command` as a message of its own.
std::size_t encoded_size(const Command& command);

/// Appends `event` to an EventBatch at `out`, which must have room for `encoded_event_max(event)`
/// bytes; returns the end.
std::byte* append_event(const Event& event, std::byte* out);
/// For a decided command, without making an Event of it first.
std::byte* append_event(const CommandDecided& event, std::byte* out);

/// An upper bound of what append_event writes.
std::size_t encoded_event_max(const Event& event);
std::size_t encoded_event_max(const CommandDecided& event);

/// For a command in transit, its outcome and a followed step, likewise.
std::byte* append_event(const CommandInTransit& event, std::byte* out);
std::byte* append_event(const CommandAnswered& event, std::byte* out);
std::byte* append_event(const StepFollowed& event, std::byte* out);
std::size_t encoded_event_max(const CommandInTransit& event);
std::size_t encoded_event_max(const CommandAnswered& event);
std::size_t encoded_event_max(const StepFollowed& event);

/// Appends `step` to a StepList.
void append_to_steps(const Step& step, std::vector<std::byte>& steps);

/// Walks a StepList and reads each step, as strictly as an event. `corrupt` when the bytes are
/// none.
class StepReader {
public:
    explicit StepReader(std::span<const std::byte> steps) : steps_(steps) {}

    /// The next step, which borrows from the bytes and `arena`. Empty at the end.
    Result<std::optional<Step>> next(Arena& arena);

private:
    std::span<const std::byte> steps_;
};

/// Walks an EventBatch. `next` is false at the end; `corrupt` when the bytes are no EventBatch.
class EventReader {
public:
    explicit EventReader(std::span<const std::byte> body) : body_(body) {}

    /// The next event's bytes (a message without its tag and length). Empty at the end.
    Result<std::optional<std::span<const std::byte>>> next();
    /// Where the next event's bytes begin in the body, for locating it again.
    std::size_t position() const { return position_; }

private:
    std::span<const std::byte> body_;
    std::size_t position_ = 0;
};

/// Parses one event. It borrows from `bytes` and `arena`. `corrupt` when it is none: an event is
/// read as strictly as a command, and must be exactly what append_event writes.
Result<Event> decode_event(std::span<const std::byte> bytes, Arena& arena);
/// The same for readers of many events, into `event`, whose old value is gone in any case: an Event
/// is large to return.
Status decode_event(std::span<const std::byte> bytes, Arena& arena, Event& event);

}  // namespace vouch
