#pragma once

#include "command-handler/intake/command_shape.h"
#include "command-handler/intake/raw_command.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace vouch::command_handler {

/// A line, its group, a member, its body, postings and a posting make six; the rest is reserve.
inline constexpr std::size_t kJsonDepthMax = 16;

enum class FrameKind : std::uint8_t {
    line,
    member,
    actor,
    metadata,
    body,
    postings,
    posting,
    list,  ///< of references or attachments
    item,
    group
};

/// An object or array that is open.
struct Frame {
    FrameKind kind = FrameKind::line;
    const CommandKind* body = nullptr;  ///< of a body
    std::span<const Key> keys = {};     ///< of objects with fixed keys, and of a list's items
    std::uint64_t seen = 0;             ///< a bit for each of `keys`
    const Key* list = nullptr;          ///< of a list and its items: what holds them
    std::size_t first_item = 0;         ///< of a list and its items: its first in RawLine::items
};

/// Where in a line its reader stands: the objects and arrays that are open there, and how messages
/// call that place.
class JsonPlace {
public:
    void start() { depth_ = 0; }
    void open(const Frame& frame);
    void close() { --depth_; }

    bool is_outside() const { return depth_ == 0; }
    bool is_in_member() const { return depth_ > 2 && frames_[2].kind == FrameKind::member; }
    /// The innermost one.
    Frame& top() { return frames_[depth_ - 1]; }

    /// "group[2].postings[0]." and so on; `line` is what has been read of it so far.
    std::string path(const RawLine& line) const;

private:
    std::array<Frame, kJsonDepthMax> frames_{};
    std::size_t depth_ = 0;
};

}  // namespace vouch::command_handler
