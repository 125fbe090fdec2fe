#include "tools/vouch/submit_stream.h"

#include "tools/terminal/progress.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace vouch::cli {

using command_handler::AnswerMailbox;
using command_handler::CommandGateway;
using command_handler::CommandStream;
using command_handler::WakeDescriptor;

namespace {

/// Lines between two looks at the answers while input flows: a look takes a lock.
constexpr std::uint64_t kLinesPerLook = 32;
/// Outcomes are collected up to here before they are written unasked.
constexpr std::size_t kWriteBytes = 64 * 1024;

Status write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return Fault{FaultCode::storage,
                         "outcomes cannot be written: " + std::generic_category().message(errno)};
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

}  // namespace

SubmitStream::SubmitStream(const Deployment& deployment, CommandGateway& gateway,
                           command_handler::Directory& books, AnswerMailbox& mailbox,
                           WakeDescriptor& answers, int output_fd, SubmitOptions options)
    : gateway_(gateway),
      mailbox_(mailbox),
      answers_(answers),
      output_fd_(output_fd),
      options_(std::move(options)),
      stream_(deployment, books, gateway.ids(), options_.one_at_a_time) {}

bool SubmitStream::may_take_line() const {
    return stream_.told().lines.open() < kLinesInFlightMax &&
           stream_.facts_in_flight() < command_handler::StreamDirectory::kFactsInFlightMax;
}

Status SubmitStream::run(LineReader& input) {
    bool ended = false;
    std::string_view line;
    for (;;) {
        if (lines_ % kLinesPerLook == 0) {
            if (Status taken = take_answers(); !taken) return taken;
        }
        ended = ended || stops();
        if (ended && stream_.in_flight() == 0) return write(true);
        if (ended || !may_take_line()) {
            if (Status waited = wait(nullptr); !waited) return waited;
            continue;
        }
        const Result<LineReader::Next> next = input.next(line);
        if (!next) return next.error();
        switch (*next) {
            case LineReader::Next::line:
                ++lines_;
                if (Status taken = take_line(line); !taken) return taken;
                break;
            case LineReader::Next::too_long:
                ++lines_;
                stream_.take_long_line();
                break;
            case LineReader::Next::would_block:
                gateway_.flush();
                if (Status taken = take_answers(); !taken) return taken;
                if (Status written = write(true); !written) return written;
                if (Status waited = wait(&input); !waited) return waited;
                break;
            case LineReader::Next::end:
                ended = true;
                break;
        }
    }
}

Status SubmitStream::take_line(std::string_view text) {
    for (;;) {
        switch (stream_.take_line(text)) {
            case CommandStream::Step::done:
                return {};
            case CommandStream::Step::drain_first:
                if (Status drained = drain(); !drained) return drained;
                continue;
            case CommandStream::Step::send:
                break;
        }
        for (const CommandStream::Outgoing& each : stream_.outgoing()) {
            const CommandGateway::Sender self{&mailbox_, this, each.position};
            while (!gateway_.append(each.shard, each.command, self)) {
                if (Status waited = wait(nullptr); !waited) return waited;
            }
        }
        return {};
    }
}

Status SubmitStream::take_answers() {
    const std::uint64_t before = stream_.told().counts.total();
    const std::optional<Fault> fault = mailbox_.hand_over();
    if (stream_.told().counts.total() != before && options_.progress)
        options_.progress(stream_.told().counts.total());
    if (Status written = write(fault.has_value()); !written) return written;
    if (fault) return *fault;
    return {};
}

Status SubmitStream::write(bool all) {
    std::string& ready = stream_.outcomes().ready();
    if (ready.empty() || (!all && ready.size() < kWriteBytes)) return {};
    terminal::make_way_for_line();
    Status written = write_all(output_fd_, ready);
    ready.clear();
    return written;
}

Status SubmitStream::wait(const LineReader* input) {
    gateway_.flush();
    std::array<pollfd, 2> sources{pollfd{.fd = answers_.fd(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = -1, .events = POLLIN, .revents = 0}};
    if (input != nullptr) sources[1].fd = input->fd();
    // Interrupted by a signal or not, the answers are looked at again.
    (void)::poll(sources.data(), sources.size(), -1);
    // Before the answers are taken: what comes afterwards wakes again.
    answers_.reset();
    return take_answers();
}

Status SubmitStream::drain() {
    while (stream_.in_flight() > 0) {
        if (Status waited = wait(nullptr); !waited) return waited;
    }
    return {};
}

}  // namespace vouch::cli
