#include "command-handler/shard/answer_writer.h"

#include "command-handler/shard/answer_details.h"

#include <optional>
#include <utility>

namespace vouch::command_handler {

void AnswerWriter::answer(const MemberPlace& place, const Execution& execution,
                          const CommandDecided& decided) {
    RecordAnswers& answers = writer_.record().told;
    Answer told{.id = decided.command.id, .record = execution.record, .event = execution.event};
    switch (execution.kind) {
        case Execution::Kind::decided:
            answer_decided(place, execution, decided);
            return;
        case Execution::Kind::in_transit:
            answer_in_transit(place, told, decided.command.ledger);
            return;
        case Execution::Kind::repeated: {
            const PastCommand& past = *execution.past;
            told.repeated = true;
            if (past.in_transit) {
                answer_in_transit(place, told, decided.command.ledger);
                return;
            }
            told.outcome = past.outcome();
            told.answered = past.answered;
            answers.add(place, told, details_of(books_, past));
            return;
        }
        case Execution::Kind::conflict: {
            told.outcome = Outcome::conflict;
            AnswerDetails details;
            details.first = FirstSeen{execution.past->record, execution.past->number};
            answers.add(place, told, std::move(details));
            return;
        }
        case Execution::Kind::forwarded:
            told.in_transit = true;
            answers.add(place, told, std::nullopt);
            return;
    }
}

// Nearly all answers are such: made where they stay.
void AnswerWriter::answer_decided(const MemberPlace& place, const Execution& execution,
                                  const CommandDecided& decided) {
    RecordAnswers& answers = writer_.record().told;
    Answer& told = answers.add(place);
    told.id = decided.command.id;
    told.record = execution.record;
    told.event = execution.event;
    told.outcome = decided.outcome;
    if (has_details(decided)) answers.tell(told, *details_of(books_, decided, execution.event));
}

void AnswerWriter::answer_in_transit(const MemberPlace& place, Answer told, LedgerId ledger) {
    RecordAnswers& answers = writer_.record().told;
    told.in_transit = true;
    if (const Crossing* crossing = books_.state.crossings().find({ledger, told.id}))
        told.waits_for = crossing->to;
    const bool is_cut = told.waits_for && delivery_.is_cut_from(*told.waits_for);
    told.is_last = !is_cut && told.repeated &&
                   delivery_.waiting() + writer_.count_waiters() >= with_.options.bounds.waiters;
    answers.add(place, told, std::nullopt);
    if (is_cut || told.is_last) return;
    answers.waiters.push_back({ledger, told.id, place.batch, place.member, told.repeated});
}

void AnswerWriter::settle(const StepExecution& execution) {
    RecordAnswers& answers = writer_.record().told;
    const CommandDecided& decided = execution.decided;
    Answer told{.id = decided.command.id,
                .record = execution.record,
                .event = execution.event,
                .outcome = decided.outcome,
                .answered = execution.answered_by};
    if (std::optional<AnswerDetails> details = details_of(books_, decided, execution.event))
        answers.tell(told, std::move(*details));
    answers.settled.push_back({decided.command.ledger, told});
}

}  // namespace vouch::command_handler
