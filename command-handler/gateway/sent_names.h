#pragma once

#include "command-handler/intake/raw_command.h"
#include "events/money/ids.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace vouch::command_handler {

/// The names of accounts as lines on their way wrote them, so that a refusal can tell which of them
/// it is about. One buffer for all of them: a line costs a copy of its names. One thread.
class SentNames {
public:
    /// Of a line; those behind the first of them are not kept.
    static constexpr std::size_t kLineBytesMax = 1024;

    struct Range {
        std::uint64_t begin = 0;
        std::uint64_t end = 0;
    };
    Range add(const RawLine& line);
    /// The name of that account among those of a line, as it wrote it; empty when it is not kept.
    std::string_view find(const Range& line, LedgerId ledger, AccountId account) const;
    /// Nothing before `begin` is asked for any more.
    void forget_before(std::uint64_t begin);

private:
    void add(const RawCommand& command);
    void add(std::string_view name);

    std::string bytes_;        ///< each name behind a byte with its length
    std::uint64_t first_ = 0;  ///< of bytes_, counted from the stream's begin
    std::uint64_t line_ = 0;   ///< where the line that is added begins
};

}  // namespace vouch::command_handler
