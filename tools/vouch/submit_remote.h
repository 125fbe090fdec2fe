#pragma once

#include "command-handler/gateway/command_stream.h"
#include "events/result.h"
#include "tools/server/http/wire/client.h"
#include "tools/vouch/line_reader.h"

#include <cstdint>
#include <functional>
#include <string>

namespace vouch::cli {

/// `submit` by a server: lines in, requests of many lines, outcomes out in the same order. The next
/// request is sent when the one before is answered, so lines keep their order across requests too.
class SubmitRemote {
public:
    /// Everything referred to outlives it. Outcomes go to stdout. `progress` may be empty.
    SubmitRemote(http::Client& server, bool one_at_a_time, std::function<void()> progress)
        : server_(server), one_at_a_time_(one_at_a_time), progress_(std::move(progress)) {}

    Status run(LineReader& input);

    const command_handler::SubmitCounts& counts() const { return counts_; }
    /// Lines of the request that was not answered; after a fault.
    std::size_t lines_open() const { return lines_; }

private:
    /// Sends what has collected, if anything, and prints its outcomes.
    Status send();
    Status print_outcomes(const std::string& body);
    void count(std::string_view outcome);
    bool is_full(std::string_view next_line) const;

    http::Client& server_;
    bool one_at_a_time_;
    std::function<void()> progress_;
    command_handler::SubmitCounts counts_;
    std::string body_;
    std::size_t lines_ = 0;           ///< in body_
    std::uint64_t lines_before_ = 0;  ///< of input, before those in body_
};

}  // namespace vouch::cli
