#pragma once

#include "events/result.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace vouch::cli {

/// Writes one text for each line of input, in the order of the input, however the texts come.
/// Keeps what is ready only until all before it is; the caller bounds how many lines are open.
class OrderedOutcomes {
public:
    /// What is ready is collected up to here before it is written unasked.
    static constexpr std::size_t kBufferBytes = 64 * 1024;

    /// `fd` stays the caller's.
    explicit OrderedOutcomes(int fd) : fd_(fd) {}

    /// Makes room for the next line's text; gives its number, 1, 2, 3…
    std::uint64_t add();
    /// The text of a line, without its end. Empty: the line has none to show. Once for each line.
    void settle(std::uint64_t line, std::string text);
    bool is_settled(std::uint64_t line) const;

    /// Lines whose text is not yet handed on: those without, and those behind one without.
    std::size_t open() const { return slots_.size(); }

    /// Writes what is ready, all of it or, if not `all`, only when there is much.
    /// `storage` when the output cannot be written.
    Status write(bool all);

private:
    struct Slot {
        std::string text;
        bool settled = false;
    };
    int fd_;
    std::uint64_t first_ = 1;  ///< line of the front slot
    std::deque<Slot> slots_;
    std::string ready_;
};

}  // namespace vouch::cli
