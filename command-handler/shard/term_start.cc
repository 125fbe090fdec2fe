#include "command-handler/shard/term_start.h"

#include "command-handler/core/expire_holds.h"

#include <string>
#include <vector>

namespace vouch::command_handler {

Status TermStart::run() {
    if (Status status = acquire(); !status) return status;
    if (Status status = find_inputs(); !status) return status;
    if (Status status = begin_term(); !status) return status;
    if (Status status = append_losses(); !status) return status;
    append_moves();
    return commit();
}

Status TermStart::acquire() {
    ChainHead& head = books_.head;
    head.term = head.next_record.value() == 0 ? Term(0) : head.term.next();
    const Result<ShardEnd> end = with_.log.acquire(with_.shard, head.term);
    if (!end) return end.error();
    if (end->next_record == head.next_record) return {};
    return Fault{FaultCode::fenced, "shard " + std::to_string(with_.shard.value()) +
                                        ": another writer went on to record " +
                                        std::to_string(end->next_record.value())};
}

/// Each input goes on where the last record says, or from where an operator moved it. Before
/// anything is written: brokers then take what is there for what was consumed.
Status TermStart::find_inputs() {
    InputPosition& consumed = writer_.consumed();
    consumed = {books_.head.next_command, books_.head.next_step};
    const Result<InputPosition> known = with_.log.consumed_inputs(with_.shard);
    if (!known) return known.error();
    if (std::string missing = missing_records_text(with_.shard, consumed, *known); !missing.empty())
        return Fault{FaultCode::corrupt, std::move(missing)};
    for (const MovedInput& moved : with_.options.moved_inputs) {
        if (moved.shard != with_.shard) continue;
        Offset& at = moved.input == InputKind::commands ? consumed.command : consumed.step;
        if (moved.from != at || moved.to == at) {
            return Fault{FaultCode::configuration,
                         "shard " + std::to_string(with_.shard.value()) + ": offset " +
                             std::to_string(at.value()) + " is wanted next, a move from " +
                             std::to_string(moved.from.value()) + " to " +
                             std::to_string(moved.to.value()) + " does not fit"};
        }
        at = moved.to;
    }
    const Result<std::vector<InputGap>> gaps = with_.log.input_gaps(with_.shard, consumed);
    if (!gaps) return gaps.error();
    if (gaps->empty()) return {};
    return Fault{FaultCode::corrupt, stop_text(with_.shard, *gaps)};
}

Status TermStart::begin_term() {
    ChainHead& head = books_.head;
    const Timestamp last = head.last_time;
    const Timestamp clock = with_.clock.now();
    const Result<bool> accepts = clock_.believe();
    if (!accepts) return accepts.error();
    // An accepted clock is told in a record of its time, which replay holds it against.
    const Timestamp time = *accepts ? clock_.now() : time_of_term();
    if (Status status = writer_.begin(time); !status) return status;
    writer_.sink().append(
        Event(TermStarted{head.term, with_.options.writer, with_.options.program}));
    if (!*accepts) return {};
    writer_.sink().append(Event(ClockAccepted{clock, last, *with_.options.accept_clock}));
    head.clock_accepted = last;
    return {};
}

/// What is due at a record's time has expired before a record of a later time (views count on it):
/// a death in between leaves holds that expire first, at that time.
Timestamp TermStart::time_of_term() {
    const std::optional<Due> due = books_.state.holds().next_due();
    return due && due->expires_at <= books_.head.last_time ? books_.head.last_time : clock_.now();
}

Status TermStart::append_losses() {
    const RecordNumber record = writer_.record().number();
    for (const AcceptedLoss& loss : with_.options.tail_lost) {
        if (loss.shard != with_.shard) continue;
        if (loss.record != record) {
            return with_.corrupt(record, "is where the shard goes on, and not record " +
                                             std::to_string(loss.record.value()) +
                                             ", from which on records were to be given up");
        }
        TailLost lost{};
        lost.record = loss.record;
        lost.known_record = loss.known_record;
        if (loss.known_record) lost.known_digest = loss.known_digest;
        lost.asked_by = with_.options.asked_by;
        writer_.sink().append(Event(lost));
    }
    return {};
}

void TermStart::append_moves() {
    for (const MovedInput& moved : with_.options.moved_inputs) {
        if (moved.shard != with_.shard) continue;
        writer_.sink().append(Event(InputMoved{moved.input, moved.from, moved.to, moved.reason,
                                               with_.options.asked_by}));
    }
}

/// What is due expires with it, and in further records when it is full.
Status TermStart::commit() {
    const bool all_expired =
        expire_holds(books_.state, writer_.record().time, writer_.sink());
    if (Status status = writer_.close(); !status) return status;
    if (!all_expired) {
        if (Status status = writer_.open(books_.head.last_time); !status) return status;
        if (Status status = writer_.close(); !status) return status;
    }
    if (Status status = writer_.complete_all(); !status) return status;
    clock_.keep_believed();
    return {};
}

}  // namespace vouch::command_handler
