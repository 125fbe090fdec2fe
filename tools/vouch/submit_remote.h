#pragma once

#include "command-handler/gateway/command_stream.h"
#include "events/result.h"
#include "tools/server/http/wire/client.h"
#include "tools/vouch/line_reader.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace vouch::cli {

/// `submit` by a server: lines in, requests of many lines, outcomes out in the same order. The next
/// request is sent when the one before is answered, so lines keep their order across requests too.
/// One that the server has no outcome for yet, as while its disk is full or its brokers are away,
/// is sent again: each command is decided once.
class SubmitRemote {
public:
    /// How long a request is sent again and again before it is given up, and the pause between.
    static constexpr std::chrono::seconds kOutageMax{100};
    static constexpr std::chrono::seconds kPause{1};

    struct Options {
        bool one_at_a_time = false;
        bool keep_going = false;  ///< lines behind a malformed one are sent
        std::chrono::seconds outage_max = kOutageMax;
        std::function<void()> progress{};
    };
    /// Everything referred to outlives it. Outcomes go to stdout. `progress` may be empty.
    SubmitRemote(http::Client& server, Options options)
        : server_(server), options_(std::move(options)) {}

    /// Until the input ends, or a line is malformed.
    Status run(LineReader& input);

    const command_handler::SubmitCounts& counts() const { return counts_; }
    /// Lines of the last request without an outcome, blank ones not counted; after a fault.
    std::size_t lines_open() const { return lines_ - blank_lines_ - lines_told_; }
    /// The line behind which none was taken, because one is malformed; 0 when all were taken.
    std::uint64_t stopped_at() const { return stopped_at_; }

private:
    /// Sends what has collected, if anything, and prints its outcomes.
    Status send();
    /// The answer to these lines, once the server has one.
    /// `stand`: the most outcomes that an answer had which was none.
    Result<http::Reply> answer_to(const std::string& lines, std::string& stand);
    Status print_outcomes(const std::string& body);
    void count(std::string_view outcome);
    bool is_full(std::string_view next_line) const;
    /// One is malformed, and none was taken behind this one.
    void stop_at(std::uint64_t line) {
        if (!options_.keep_going) stopped_at_ = line;
    }

    http::Client& server_;
    Options options_;
    command_handler::SubmitCounts counts_;
    std::string body_;
    std::size_t lines_ = 0;           ///< in body_
    std::size_t blank_lines_ = 0;     ///< of them
    std::size_t lines_told_ = 0;      ///< of them, which have outcomes though the request has none
    std::uint64_t lines_before_ = 0;  ///< of input, before those in body_
    std::uint64_t stopped_at_ = 0;
};

}  // namespace vouch::cli
