#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace vouch::command_handler {

/// One text for each line of input, in the order of the input, however the texts come. Keeps what
/// is ready only until all before it is; the caller bounds how many lines are open.
class OrderedOutcomes {
public:
    /// Makes room for the next line's text; gives its number, 1, 2, 3…
    std::uint64_t add();
    /// The text of a line, without its end. Empty: the line has none to show. Once for each line.
    void settle(std::uint64_t line, std::string text);
    bool is_settled(std::uint64_t line) const;

    /// Lines whose text is not yet handed on: those without, and those behind one without.
    std::size_t open() const { return slots_.size(); }
    /// The first of them, or the next line.
    std::uint64_t first_open() const { return first_; }

    /// The texts that are next in order, each with a line end. The caller empties it.
    std::string& ready() { return ready_; }

private:
    struct Slot {
        std::string text;
        bool settled = false;
    };
    std::uint64_t first_ = 1;  ///< line of the front slot
    std::deque<Slot> slots_;
    std::string ready_;
};

}  // namespace vouch::command_handler
