#include "tools/vouch/submit_stream.h"

#include "command-handler/intake/time_text.h"
#include "events/check.h"
#include "events/entries/codec.h"
#include "tools/vouch/outcome_line.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <variant>

namespace vouch::cli {

using command_handler::ClockLine;
using command_handler::Malformed;
using command_handler::MustWait;
using command_handler::Understood;
using command_handler::WaitLine;

namespace {

/// Lines between two looks at the answers while input flows: a look is a system call.
constexpr std::uint64_t kLinesPerLook = 32;

/// A clock line has no id of its own. This one makes a repeated line a repeated command: time does
/// not go back, so the second would do nothing anyway.
CommandId clock_id(Timestamp time, ShardId shard) {
    const std::string name = "vouch clock " + command_handler::time_text(time) + " shard " +
                             std::to_string(shard.value());
    const std::optional<TextId> id = parse_command_id(name);
    VOUCH_ASSERT(id.has_value());
    return {id->high, id->low};
}

}  // namespace

SubmitStream::SubmitStream(const Deployment& deployment, Log& log,
                           command_handler::Directory& books, AnswerQueue& answers, int output_fd,
                           SubmitOptions options)
    : deployment_(deployment),
      log_(log),
      answers_(answers),
      options_(std::move(options)),
      outcomes_(output_fd),
      directory_(books),
      shards_(deployment.shards) {}

bool SubmitStream::may_take_line() const {
    return outcomes_.open() < kLinesInFlightMax && bytes_in_flight_ < kBytesInFlightMax &&
           directory_.facts_in_flight() < command_handler::StreamDirectory::kFactsInFlightMax;
}

Status SubmitStream::run(LineReader& input) {
    bool ended = false;
    std::string_view line;
    for (;;) {
        if (line_ % kLinesPerLook == 0 || ended || !may_take_line()) {
            if (Status taken = take_answers(); !taken) return taken;
        }
        if (Status sent = send_ready(ended); !sent) return sent;
        if (ended && lines_in_flight_ == 0) return outcomes_.write(true);
        if (ended || !may_take_line()) {
            wait(nullptr);
            if (Status taken = take_answers(); !taken) return taken;
            continue;
        }
        const Result<LineReader::Next> next = input.next(line);
        if (!next) return next.error();
        switch (*next) {
            case LineReader::Next::line:
                ++line_;
                if (Status taken = take_line(line); !taken) return taken;
                break;
            case LineReader::Next::too_long:
                ++line_;
                refuse({Outcome::too_large, "", "a line of more than 1 MiB"}, line_,
                       outcomes_.add());
                break;
            case LineReader::Next::would_block:
                if (Status sent = send_ready(true); !sent) return sent;
                if (Status taken = take_answers(); !taken) return taken;
                if (Status written = outcomes_.write(true); !written) return written;
                wait(&input);
                if (Status taken = take_answers(); !taken) return taken;
                break;
            case LineReader::Next::end:
                ended = true;
                break;
        }
    }
}

Status SubmitStream::take_line(std::string_view text) {
    if (text.find_first_not_of(" \t") == std::string_view::npos) return {};
    if (options_.one_at_a_time) {
        if (Status drained = drain(); !drained) return drained;
    }
    const std::uint64_t position = outcomes_.add();
    for (;;) {
        arena_.clear();
        if (const std::optional<Malformed> fault = json_.read(text, arena_, raw_)) {
            refuse(*fault, line_, position);
            return {};
        }
        const Understood understood =
            command_handler::understand(raw_, position, directory_, arena_);
        if (const auto* command = std::get_if<Command>(&understood))
            return take_command(*command, position);
        if (const auto* fault = std::get_if<Malformed>(&understood)) {
            refuse(*fault, line_, position);
            return {};
        }
        if (std::holds_alternative<MustWait>(understood)) {
            VOUCH_ASSERT(lines_in_flight_ > 0);
            if (Status drained = drain(); !drained) return drained;
            continue;
        }
        if (const auto* clock = std::get_if<ClockLine>(&understood))
            return take_clock(*clock, position);
        VOUCH_ASSERT(std::holds_alternative<WaitLine>(understood));
        outcomes_.settle(position, "");
        return drain();
    }
}

void SubmitStream::refuse(const Malformed& malformed, std::uint64_t line, std::uint64_t position) {
    ++counts_.malformed;
    outcomes_.settle(position, outcome_line(malformed, line));
}

Status SubmitStream::take_command(const Command& command, std::uint64_t position) {
    const ShardId shard = command_handler::route(command, deployment_.shards);
    if (Status kept = keep_order(command, shard, position); !kept) return kept;
    SentLine line{.line = line_,
                  .position = position,
                  .id = std::string(raw_.command.text(command_handler::Field::id)),
                  .members = {},
                  .is_clock = false};
    line.members.reserve(raw_.members.size());
    for (const command_handler::RawCommand& member : raw_.members) {
        line.members.emplace_back(member.text(command_handler::Field::id));
    }
    return append(command, shard, std::move(line));
}

Status SubmitStream::take_clock(const ClockLine& clock, std::uint64_t position) {
    if (!deployment_.test_clock) {
        refuse({Outcome::malformed, "clock", "these books have no test clock"}, line_, position);
        return {};
    }
    if (Status drained = drain(); !drained) return drained;
    for (std::uint32_t shard = 0; shard < deployment_.shards; ++shard) {
        Command command;
        command.id = clock_id(clock.time, ShardId(shard));
        command.body = SetClock{clock.time};
        // The last shard's answer settles the line: everything is drained before it matters.
        const bool is_last = shard + 1 == deployment_.shards;
        SentLine line{.line = line_,
                      .position = is_last ? position : 0,
                      .id = "",
                      .members = {},
                      .is_clock = true};
        if (Status appended = append(command, ShardId(shard), std::move(line)); !appended)
            return appended;
    }
    return drain();
}

Status SubmitStream::keep_order(const Command& command, ShardId shard, std::uint64_t position) {
    if (deployment_.shards == 1) return {};
    bool must_wait = touched_.size() >= kTouchedMax;
    command_handler::visit_touched(command, [&](const command_handler::Touched& id) {
        const auto found = touched_.find(id);
        if (found == touched_.end() || found->second.shard == shard) return;
        if (!outcomes_.is_settled(found->second.position)) must_wait = true;
    });
    if (must_wait) {
        if (Status drained = drain(); !drained) return drained;
        touched_.clear();
    }
    command_handler::visit_touched(command, [&](const command_handler::Touched& id) {
        touched_.insert_or_assign(id, TouchedBy{shard, position});
    });
    return {};
}

Status SubmitStream::append(const Command& command, ShardId shard, SentLine line) {
    Shard& own = shards_[shard.value()];
    // Tag and length of a member take at most 4 bytes: 64 KiB is below 2^21.
    const std::size_t bytes = encoded_size(command) + 4;
    if (own.forming_lines.size() == kBatchCommandsMax ||
        own.forming.size() + bytes > kBatchBytesMax) {
        while (own.sent.size() >= kBatchesInFlightMax) {
            wait(nullptr);
            if (Status taken = take_answers(); !taken) return taken;
        }
        if (Status sent = send(shard); !sent) return sent;
    }
    const std::size_t before = own.forming.size();
    append_to_batch(command, own.forming);
    own.forming_lines.push_back(std::move(line));
    bytes_in_flight_ += own.forming.size() - before;
    ++lines_in_flight_;
    return {};
}

Status SubmitStream::send(ShardId shard) {
    Shard& own = shards_[shard.value()];
    const std::size_t bytes = own.forming.size();
    for (;;) {
        // A copy, because a full queue takes the batch and does not give it back.
        Result<Offset> offset = log_.produce(shard, own.forming);
        if (offset) {
            own.sent.push_back({.offset = *offset,
                                .bytes = bytes,
                                .lines = std::move(own.forming_lines),
                                .answered = 0});
            break;
        }
        if (offset.error().code != FaultCode::retriable || own.sent.empty()) return offset.error();
        wait(nullptr);
        if (Status taken = take_answers(); !taken) return taken;
    }
    own.forming.clear();
    own.forming_lines.clear();
    return {};
}

Status SubmitStream::send_ready(bool all) {
    for (std::uint32_t shard = 0; shard < deployment_.shards; ++shard) {
        const Shard& own = shards_[shard];
        if (own.forming_lines.empty()) continue;
        const bool is_idle = own.sent.empty();
        const bool is_worth_a_second =
            own.sent.size() == 1 && (all || own.forming_lines.size() >= kSecondBatchCommands);
        if (!is_idle && !is_worth_a_second) continue;
        if (Status sent = send(ShardId(shard)); !sent) return sent;
    }
    return {};
}

Status SubmitStream::take_answers() {
    pieces_.clear();
    const std::optional<Fault> fault = answers_.take(pieces_);
    for (const AnswerPiece& piece : pieces_) take_piece(piece);
    if (!pieces_.empty() && options_.progress) options_.progress(counts_.total());
    if (Status written = outcomes_.write(fault.has_value()); !written) return written;
    if (fault) return *fault;
    return {};
}

void SubmitStream::take_piece(const AnswerPiece& piece) {
    std::deque<Batch>& sent = shards_[piece.shard.value()].sent;
    const auto batch = std::find_if(sent.begin(), sent.end(),
                                    [&](const Batch& b) { return b.offset == piece.batch; });
    VOUCH_ASSERT(batch != sent.end());
    VOUCH_ASSERT(piece.first + piece.answers.size() <= batch->lines.size());
    for (std::size_t i = 0; i < piece.answers.size(); ++i) {
        take_answer(piece.answers[i], piece.shard, batch->lines[piece.first + i]);
    }
    batch->answered += piece.answers.size();
    if (batch->answered == batch->lines.size()) {
        bytes_in_flight_ -= batch->bytes;
        sent.erase(batch);
    }
}

void SubmitStream::take_answer(const KeptAnswer& kept, ShardId shard, const SentLine& line) {
    const command_handler::Answer& answer = kept.answer;
    --lines_in_flight_;
    if (line.is_clock) {
        if (line.position != 0) outcomes_.settle(line.position, "");
        return;
    }
    const bool accepted = is_accepted(answer.outcome);
    directory_.settle(line.position, accepted);
    if (answer.id.is_zero()) {
        // The codec refuses what the door let through: nothing was recorded under its id.
        const std::string field = kept.details != nullptr ? std::string(kept.details->field) : "";
        refuse({answer.outcome, field, "not a command that can be recorded"}, line.line,
               line.position);
        return;
    }
    ++(accepted ? counts_.accepted : counts_.refused);
    outcomes_.settle(line.position, outcome_line(answer, shard, line.id, line.members));
}

void SubmitStream::wait(const LineReader* input) const {
    std::array<pollfd, 2> sources{pollfd{.fd = answers_.fd(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = -1, .events = POLLIN, .revents = 0}};
    if (input != nullptr) sources[1].fd = input->fd();
    // Interrupted by a signal or not, the caller looks again.
    (void)::poll(sources.data(), sources.size(), -1);
}

Status SubmitStream::drain() {
    while (lines_in_flight_ > 0) {
        if (Status sent = send_ready(true); !sent) return sent;
        wait(nullptr);
        if (Status taken = take_answers(); !taken) return taken;
    }
    return {};
}

}  // namespace vouch::cli
