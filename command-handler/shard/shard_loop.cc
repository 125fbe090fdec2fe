#include "command-handler/shard/shard_loop.h"

#include "command-handler/shard/term_start.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace vouch::command_handler {
namespace {

/// Input batches that one round takes from the log, of commands and of steps each.
constexpr std::size_t kBatchesARound = 8;

}  // namespace

ShardLoop::ShardLoop(const ShardEnvironment& environment)
    : with_(environment),
      books_(with_),
      clock_(with_, books_.head),
      marks_(with_.options.bounds.mark_after_us),
      snapshots_(with_, books_),
      delivery_(with_, books_),
      step_macs_(with_.keys, with_.deployment.shards),
      writer_(with_, books_, clock_, marks_, snapshots_, delivery_, step_macs_),
      answers_(with_, books_, writer_, delivery_),
      commands_(with_.log, with_.shard),
      decider_(with_, books_, writer_, answers_, marks_),
      senders_(with_),
      receiver_(with_, books_, clock_, writer_, answers_),
      steps_(with_, books_, senders_, receiver_, writer_, step_macs_),
      rebuild_(with_, books_, senders_, receiver_, writer_),
      recovery_(with_, books_) {}

Status ShardLoop::start() {
    if (Status status = recovery_.run(); !status) return status;
    if (Status status = decider_.open(books_.head.next_command); !status) return status;
    if (with_.sent != nullptr) {
        for (std::uint32_t to = 0; to < senders_.count(); ++to)
            with_.sent->note(with_.shard, ShardId(to), books_.peers.of(ShardId(to)).next_sent);
    }
    snapshots_.count_from(books_.head.next_event);
    TermStart term(with_, books_, clock_, writer_);
    if (Status status = term.run(); !status) return give_up(status);
    commands_.read_from(writer_.consumed().command);
    senders_.read_from(writer_.consumed().step);
    return {};
}

// --- The loop -----------------------------------------------------------------------------------

Status ShardLoop::run() {
    DeathNotes::keep_spare_stack();
    while (true) {
        if (Status status = writer_.complete_durable(false); !status) return status;
        answer_questions();
        delivery_.forget_cut_off();
        if (books_.facts->fault()) return give_up(*books_.facts->fault());
        if (Status status = read_input(); !status) return give_up(status);
        const bool is_idle = !has_input() && !is_due();
        if (is_mark_due(is_idle)) {
            if (Status status = write_mark(); !status) return give_up(status);
            continue;
        }
        if (stopping_ && (is_idle || leaves_input())) break;
        if (is_idle) {
            wait();
            continue;
        }
        if (Status status = work_off_input(); !status) return give_up(status);
    }
    if (marks_.is_unmarked()) {
        // What was decided before stands, and is kept for the next start: unless another process
        // has come, whose matter that is.
        if (Status status = write_mark(); !status) {
            Fault fault = give_up(status).error();
            if (fault.code == FaultCode::fenced) return fault;
            if (const Status finished = finish(); !finished)
                fault.message += "; and then: " + finished.error().message;
            return fault;
        }
    }
    if (Status status = writer_.complete_all(); !status) return status;
    return finish();
}

/// The record that is open has not happened; what the log has in hand may, and is answered when it
/// does.
Status ShardLoop::give_up(const Status& status) {
    snapshots_.abandon();
    writer_.take_back_open();
    (void)writer_.complete_all();
    return status;
}

// A record that says nothing but up to where the shard is complete; or holds that expired.
Status ShardLoop::write_mark() {
    if (Status status = writer_.open(); !status) return status;
    const bool is_mark = writer_.record().event_count == 0;
    if (is_mark) writer_.sink().append(Event(Mark{}));
    if (Status status = writer_.close(); !status) return status;
    marks_.committed(clock_.machine_us(), is_mark);
    clock_.keep();
    return {};
}

// What is trimmed later must not be missed at a start: so what is passed over among commands is
// recorded as read, as repeats are.
Status ShardLoop::read_input() {
    if (Status status = steps_.read(kBatchesARound); !status) return status;
    if (!steps_.has_read()) rebuild_.look_for_late();
    if (!commands_.is_empty() || !takes_commands()) return {};
    if (Status status = commands_.read(kBatchesARound); !status) return status;
    Offset& consumed = writer_.consumed().command;
    if (!commands_.is_empty() || consumed == commands_.next_read()) return {};
    consumed = commands_.next_read();
    count_unrecorded();
    return {};
}

void ShardLoop::count_unrecorded() {
    const InputPosition& consumed = writer_.consumed();
    const ChainHead& head = books_.head;
    marks_.worked_off(consumed.command.value() - head.next_command.value() +
                          consumed.step.value() - head.next_step.value(),
                      clock_.machine_us());
}

// Steps are taken at any time, so that shards never wait for each other in a circle.
bool ShardLoop::takes_commands() const {
    const CrossingTable& crossings = books_.state.crossings();
    return crossings.size() < with_.options.bounds.crossings &&
           crossings.command_bytes() < with_.options.bounds.crossing_bytes;
}

bool ShardLoop::has_input() {
    if (steps_.has_read() || steps_.has_awaited()) return true;
    if (rebuild_.sender() && !stopping_) return true;
    return !commands_.is_empty() && takes_commands();
}

// Steps first: in a record they stand before what became of commands.
Status ShardLoop::work_off_input() {
    if (!has_input()) {
        if (Status status = writer_.open(); !status) return status;
    }
    if (Status status = steps_.take(); !status) return status;
    if (Status status = rebuild_.go_on(); !status) return status;
    if (Status status = decide_commands(); !status) return status;
    if (Status status = writer_.close(); !status) return status;
    count_unrecorded();
    return {};
}

Status ShardLoop::decide_commands() {
    while (!commands_.is_empty() && takes_commands() && !leaves_input()) {
        const InputBatch& batch = commands_.front();
        writer_.consumed().command = batch.offset;
        if (Status status = decider_.decide(batch); !status) return status;
        writer_.consumed().command = batch.next();
        commands_.pop();
    }
    return {};
}

/// What was read from topics and is not decided when the shard is to stop is there for the next start.
/// Who waits for it has had the server's drain.
bool ShardLoop::leaves_input() const { return stopping_ && with_.deployment.kafka; }

bool ShardLoop::is_mark_due(bool is_idle) const {
    const std::optional<std::int64_t> due = marks_.due_us(is_idle);
    return due && *due <= clock_.machine_us();
}

bool ShardLoop::is_due() {
    const std::optional<Due> due = books_.state.holds().next_due();
    return due && due->expires_at <= clock_.now();
}

/// Everything decided is durable: the store and a snapshot of it make the next start quick.
Status ShardLoop::finish() {
    if (Status status = books_.index->recent().flush(); !status) return status;
    snapshots_.write_whole();
    return {};
}

void ShardLoop::wait() {
    std::optional<std::int64_t> timeout_us;
    const auto shorten = [&timeout_us](std::int64_t to_us) {
        timeout_us = std::min(timeout_us.value_or(to_us), to_us);
    };
    const std::optional<Due> due = books_.state.holds().next_due();
    if (due && !writer_.has_in_flight() && !with_.deployment.test_clock)
        shorten(std::max<std::int64_t>(0, due->expires_at.value() - clock_.now().value()));
    if (const std::optional<std::int64_t> mark = marks_.due_us(true))
        shorten(std::max<std::int64_t>(0, *mark - clock_.machine_us()));
    const HandlerBounds& bounds = with_.options.bounds;
    if (senders_.has_failed_reads()) {
        shorten(bounds.steps_read_again_us);
    } else if (rebuild_.is_waiting()) {
        shorten(bounds.steps_late_us);
    }
    const Offset next_command = takes_commands() ? commands_.next_read() : kNoOffset;
    with_.log.wait_for_input(with_.shard, {next_command, senders_.next_read()}, timeout_us);
}

bool ShardLoop::ask(ShardQuestions::Question question) {
    if (!questions_.ask(std::move(question))) return false;
    with_.log.interrupt();
    return true;
}

void ShardLoop::answer_questions() {
    for (const ShardQuestions::Question& question : questions_.take()) question(*this);
    if (books_.facts) books_.facts->forget_answers();  // none after a start that failed
}

void ShardLoop::refuse_questions() {
    questions_.refuse();
    answer_questions();
}

void ShardLoop::stop() {
    stopping_ = true;
    with_.log.interrupt();
}

}  // namespace vouch::command_handler
