#pragma once

#include "events/result.h"
#include "events/seal/deployment.h"
#include "tools/vouch/answer_box.h"
#include "tools/vouch/command_door.h"
#include "tools/vouch/command_stream.h"
#include "tools/vouch/line_reader.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace vouch::cli {

struct SubmitOptions {
    /// Each line waits for the outcome of the one before.
    bool one_at_a_time = false;
    /// Called now and then, with the lines that have an outcome; may be empty.
    std::function<void(std::uint64_t lines)> progress;
};

/// A descriptor that is readable once somebody said so. Any thread may say it.
class WakeDescriptor {
public:
    WakeDescriptor();
    ~WakeDescriptor();
    WakeDescriptor(const WakeDescriptor&) = delete;
    WakeDescriptor& operator=(const WakeDescriptor&) = delete;

    void wake();
    void reset();
    int fd() const { return fd_; }

private:
    int fd_;
};

/// Lines of commands in, lines of outcomes out, in the same order, over descriptors of this
/// process. Memory is bounded by the constants below. One thread; answers come by a box that wakes
/// it.
class SubmitStream final : public AnswerTaker {
public:
    /// Lines without outcome, or behind one without.
    static constexpr std::size_t kLinesInFlightMax = 65'536;

    /// Everything referred to outlives the stream; `box` wakes `answers`. Outcomes go to
    /// `output_fd`.
    SubmitStream(const Deployment& deployment, CommandDoor& door, command_handler::Directory& books,
                 AnswerBox& box, WakeDescriptor& answers, int output_fd, SubmitOptions options);

    /// Until the input ends and every line has its outcome. A fault when input, output or a shard
    /// failed; the outcomes known by then are written.
    Status run(LineReader& input);

    const SubmitCounts& counts() const { return stream_.counts(); }
    /// Lines sent whose outcome is not known; after a fault.
    std::size_t lines_open() const { return stream_.in_flight(); }

    void take_answer(std::uint64_t position, ShardId shard, const KeptAnswer& answer) override {
        stream_.take_answer(position, shard, answer);
    }
    void take_cut_off(std::uint64_t position, const CutOff& cut) override {
        stream_.take_cut_off(position, cut);
    }

private:
    bool may_take_line() const;
    Status take_line(std::string_view text);
    Status take_answers();
    /// Writes what is ready, all of it or, if not `all`, only when there is much.
    Status write(bool all);
    /// Waits for answers, and for input too if there is one; then takes the answers.
    Status wait(const LineReader* input);
    /// Until nothing is in flight.
    Status drain();

    CommandDoor& door_;
    AnswerBox& box_;
    WakeDescriptor& answers_;
    int output_fd_;
    SubmitOptions options_;
    CommandStream stream_;
    std::uint64_t lines_ = 0;
};

}  // namespace vouch::cli
