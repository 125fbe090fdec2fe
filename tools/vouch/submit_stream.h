#pragma once

#include "command-handler/gateway/answer_mailbox.h"
#include "command-handler/gateway/command_gateway.h"
#include "command-handler/gateway/command_stream.h"
#include "command-handler/gateway/wake_descriptor.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "tools/vouch/line_reader.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace vouch::cli {

struct SubmitOptions {
    /// Each line waits for the outcome of the one before.
    bool one_at_a_time = false;
    /// Lines behind a malformed one are taken.
    bool keep_going = false;
    /// Called now and then, with the lines that have an outcome; may be empty.
    std::function<void(std::uint64_t lines)> progress;
};

/// Lines of commands in, lines of outcomes out, in the same order, over descriptors of this
/// process. Memory is bounded by the constants below. One thread; answers come by a mailbox that
/// wakes it.
class SubmitStream final : public command_handler::AnswerRecipient {
public:
    /// Lines without outcome, or behind one without.
    static constexpr std::size_t kLinesInFlightMax = 65'536;

    /// Everything referred to outlives the stream; `mailbox` wakes `answers`. Outcomes go to
    /// `output_fd`.
    SubmitStream(const Deployment& deployment, command_handler::CommandGateway& gateway,
                 command_handler::Directory& books, command_handler::AnswerMailbox& mailbox,
                 command_handler::WakeDescriptor& answers, int output_fd, SubmitOptions options);

    /// Until the input ends or a line is malformed, and all that was taken has its outcome. A fault
    /// when input, output or a shard failed; the outcomes known by then are written.
    Status run(LineReader& input);

    const command_handler::SubmitCounts& counts() const { return stream_.told().counts; }
    /// Lines sent whose outcome is not known; after a fault.
    std::size_t lines_open() const { return stream_.in_flight(); }
    /// The line behind which none was taken, because one is malformed; 0 when all were taken.
    std::uint64_t stopped_at() const { return stops() ? lines_ : 0; }

    void take_answer(std::uint64_t position, ShardId shard,
                     const command_handler::KeptAnswer& answer) override {
        stream_.take_answer(position, shard, answer);
    }
    void take_cut_off(std::uint64_t position, const command_handler::CutOff& cut) override {
        stream_.take_cut_off(position, cut);
    }

private:
    bool may_take_line() const;
    bool stops() const { return !options_.keep_going && counts().malformed > 0; }
    Status take_line(std::string_view text);
    Status take_answers();
    /// Writes what is ready, all of it or, if not `all`, only when there is much.
    Status write(bool all);
    /// Waits for answers, and for input too if there is one; then takes the answers.
    Status wait(const LineReader* input);
    /// Until nothing is in flight.
    Status drain();

    command_handler::CommandGateway& gateway_;
    command_handler::AnswerMailbox& mailbox_;
    command_handler::WakeDescriptor& answers_;
    int output_fd_;
    SubmitOptions options_;
    command_handler::CommandStream stream_;
    std::uint64_t lines_ = 0;
};

}  // namespace vouch::cli
