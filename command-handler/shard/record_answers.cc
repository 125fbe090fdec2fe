#include "command-handler/shard/record_answers.h"

#include "events/check.h"

#include <utility>

namespace vouch::command_handler {

void RecordAnswers::clear() {
    answers.clear();
    runs.clear();
    waiters.clear();
    settled.clear();
    details.clear();
}

Answer& RecordAnswers::add(const MemberPlace& place) {
    if (!runs.empty() && runs.back().batch == place.batch &&
        runs.back().first + runs.back().count == place.member) {
        ++runs.back().count;
    } else {
        runs.push_back({place.batch, place.member, 1});
    }
    return answers.emplace_back();
}

void RecordAnswers::add(const MemberPlace& place, const Answer& told,
                        std::optional<AnswerDetails> told_more) {
    Answer& given = add(place);
    given = told;
    if (told_more) tell(given, std::move(*told_more));
}

void RecordAnswers::tell(Answer& answer, AnswerDetails&& more) {
    details.push_back(std::move(more));
    answer.details = &details.back();
}

// An outcome is an event, so a record that comes to nothing settles nothing.
void RecordAnswers::take_over(const RecordAnswers& other) {
    VOUCH_ASSERT(other.settled.empty());
    for (const Answer& told : other.answers) {
        answers.push_back(told);
        if (told.details != nullptr) tell(answers.back(), AnswerDetails(*told.details));
    }
    runs.insert(runs.end(), other.runs.begin(), other.runs.end());
    waiters.insert(waiters.end(), other.waiters.begin(), other.waiters.end());
}

}  // namespace vouch::command_handler
