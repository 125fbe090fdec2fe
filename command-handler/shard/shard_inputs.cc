#include "command-handler/shard/shard_inputs.h"

#include <cstddef>

namespace vouch::command_handler {
namespace {

/// Input batches that one round takes from the log, of commands and of steps each.
constexpr std::size_t kBatchesARound = 8;

}  // namespace

ShardInputs::ShardInputs(const ShardEnvironment& with, ShardBooks& books, RecordWriter& writer,
                         AnswerWriter& answers, MarkSchedule& marks)
    : with_(with),
      books_(books),
      writer_(writer),
      commands_(with.log, with.shard),
      decider_(with, books, writer, answers, marks),
      senders_(with),
      receiver_(with, books, writer, answers),
      steps_(with, books, senders_, receiver_, writer),
      rebuild_(with, books, senders_, receiver_, writer) {}

Status ShardInputs::open() {
    if (Status status = decider_.open(books_.head.next_command); !status) return status;
    if (with_.sent == nullptr) return {};
    for (std::uint32_t to = 0; to < senders_.count(); ++to)
        with_.sent->note(with_.shard, ShardId(to), books_.peers.of(ShardId(to)).next_sent);
    return {};
}

void ShardInputs::read_from(const InputPosition& next) {
    commands_.read_from(next.command);
    senders_.read_from(next.step);
}

// What is trimmed later must not be missed at a start: so what is passed over among commands is
// recorded as read, as repeats are.
Status ShardInputs::read() {
    if (Status status = steps_.read(kBatchesARound); !status) return status;
    if (!steps_.has_read()) rebuild_.look_for_late();
    if (!commands_.is_empty() || !takes_commands()) return {};
    if (Status status = commands_.read(kBatchesARound); !status) return status;
    Offset& consumed = writer_.consumed().command;
    if (!commands_.is_empty() || consumed == commands_.next_read()) return {};
    consumed = commands_.next_read();
    writer_.count_unrecorded();
    return {};
}

// Steps are taken at any time, so that shards never wait for each other in a circle.
bool ShardInputs::takes_commands() const {
    const CrossingTable& crossings = books_.state.crossings();
    return crossings.size() < with_.options.bounds.crossings &&
           crossings.command_bytes() < with_.options.bounds.crossing_bytes;
}

bool ShardInputs::has_any() {
    if (steps_.has_read() || steps_.has_awaited()) return true;
    if (rebuild_.sender() && !is_stopping_) return true;
    return !commands_.is_empty() && takes_commands();
}

// Steps first: in a record they stand before what became of commands.
Status ShardInputs::work_off() {
    if (Status status = steps_.take(); !status) return status;
    if (Status status = rebuild_.go_on(); !status) return status;
    return decide_commands();
}

Status ShardInputs::decide_commands() {
    while (!commands_.is_empty() && takes_commands() && !leaves_rest()) {
        const InputBatch& batch = commands_.front();
        writer_.consumed().command = batch.offset;
        if (Status status = decider_.decide(batch); !status) return status;
        writer_.consumed().command = batch.next();
        commands_.pop();
    }
    return {};
}

InputPosition ShardInputs::next_read() const {
    return {takes_commands() ? commands_.next_read() : kNoOffset, senders_.next_read()};
}

std::optional<std::int64_t> ShardInputs::look_again_us() const {
    if (senders_.has_failed_reads()) return with_.options.bounds.steps_read_again_us;
    if (rebuild_.is_waiting()) return with_.options.bounds.steps_late_us;
    return std::nullopt;
}

}  // namespace vouch::command_handler
