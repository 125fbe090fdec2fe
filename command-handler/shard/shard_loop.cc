#include "command-handler/shard/shard_loop.h"

#include "command-handler/shard/term_start.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

namespace vouch::command_handler {

ShardLoop::ShardLoop(const ShardEnvironment& environment)
    : with_(environment),
      books_(with_),
      clock_(with_, books_.head),
      marks_(with_.options.bounds.mark_after_us),
      snapshots_(with_, books_),
      delivery_(with_, books_),
      writer_(with_, books_, clock_, marks_, snapshots_, delivery_),
      answers_(with_, books_, writer_, delivery_),
      inputs_(with_, books_, writer_, answers_, marks_),
      recovery_(with_, books_) {}

Status ShardLoop::start() {
    if (Status status = recovery_.run(); !status) return status;
    if (Status status = inputs_.open(); !status) return status;
    snapshots_.count_from(books_.head.next_event);
    TermStart term(with_, books_, clock_, writer_);
    if (Status status = term.run(); !status) return give_up(status);
    inputs_.read_from(writer_.consumed());
    return {};
}

// --- The loop -----------------------------------------------------------------------------------

Status ShardLoop::run() {
    DeathNotes::keep_spare_stack();
    while (true) {
        if (Status status = writer_.complete_durable(false); !status) return status;
        in_transit_.store(books_.state.crossings().size(), std::memory_order_relaxed);
        answer_questions();
        delivery_.forget_cut_off();
        if (books_.facts->fault()) return give_up(*books_.facts->fault());
        if (Status status = inputs_.read(); !status) return give_up(status);
        const bool is_idle = !inputs_.has_any() && !is_due();
        if (is_mark_due(is_idle)) {
            if (Status status = write_mark(); !status) return give_up(status);
            continue;
        }
        if (inputs_.is_stopping() && (is_idle || inputs_.leaves_rest())) break;
        if (is_idle) {
            wait();
            continue;
        }
        if (Status status = work_off(); !status) return give_up(status);
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

Status ShardLoop::work_off() {
    if (!inputs_.has_any()) {
        // Something is due, and expires as a record is begun.
        if (Status status = writer_.open(); !status) return status;
    }
    if (Status status = inputs_.work_off(); !status) return status;
    if (Status status = writer_.close(); !status) return status;
    writer_.count_unrecorded();
    return {};
}

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
    if (const std::optional<std::int64_t> again = inputs_.look_again_us()) shorten(*again);
    with_.log.wait_for_input(with_.shard, inputs_.next_read(), timeout_us);
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
    inputs_.stop();
    with_.log.interrupt();
}

}  // namespace vouch::command_handler
