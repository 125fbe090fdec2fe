#include "command-handler/gateway/sent_batches.h"

#include "events/check.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace vouch::command_handler {

namespace {

const Fault kTooManyWait{FaultCode::retriable, "too many commands wait for its answers"};

}  // namespace

SentBatches::Place SentBatches::find(Offset offset) {
    return std::find_if(batches_.begin(), batches_.end(),
                        [&](const Batch& each) { return each.offset == offset; });
}

std::size_t SentBatches::add(Offset offset, std::vector<Sender> senders, Deliveries& out) {
    const std::size_t count = senders.size();
    batches_.push_back({.offset = offset,
                        .senders = std::move(senders),
                        .progress = std::vector<Progress>(count),
                        .unanswered = count,
                        .open = count});
    ++unanswered_;
    std::size_t ended = 0;
    for (const EarlyAnswers& early : std::exchange(early_, {})) {
        const Place batch = find(early.batch);
        if (batch == batches_.end()) continue;
        std::vector<Answer> answers;
        for (const KeptAnswer& kept : early.answers) answers.push_back(kept.answer);
        ended += take(batch, early.first, answers, out);
    }
    return ended;
}

std::size_t SentBatches::take(Offset offset, std::size_t first, std::span<const Answer> answers,
                              bool is_expected, Deliveries& out) {
    const Place batch = find(offset);
    if (batch != batches_.end()) return take(batch, first, answers, out);
    if (is_expected) {
        EarlyAnswers early{.batch = offset, .first = first, .answers = {}};
        for (const Answer& answer : answers) early.answers.emplace_back(answer);
        early_.push_back(std::move(early));
    }
    return 0;
}

std::size_t SentBatches::take(Place batch, std::size_t first, std::span<const Answer> answers,
                              Deliveries& out) {
    VOUCH_ASSERT(first + answers.size() <= batch->senders.size());
    std::size_t ended = 0;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const Sender& sender = batch->senders[first + i];
        Progress& progress = batch->progress[first + i];
        // What was cut off was told so for good, though its shard goes on.
        if (progress.told == Told::cut_off) continue;
        const Told now = is_final(answers[i]) ? Told::outcome : Told::in_transit;
        VOUCH_ASSERT(progress.told < now);
        if (progress.told == Told::nothing && --batch->unanswered == 0) --unanswered_;
        progress = {.told = now, .waits_for = answers[i].waits_for};
        out.add(sender, shard_, answers[i], answers.size() - i - 1);
        if (now == Told::in_transit) {
            const std::optional<CutOff> cut = cut_of(answers[i]);
            if (!cut) continue;
            progress.told = Told::cut_off;
            out.add(sender, *cut);
        }
        --batch->open;
        ++ended;
    }
    if (batch->open == 0) batches_.erase(batch);
    return ended;
}

std::optional<CutOff> SentBatches::cut_of(const Answer& answer) const {
    // The other shard may have stopped before it was known who waits for it.
    if (answer.waits_for) {
        if (const auto stop = stops_.between(shard_, *answer.waits_for)) return CutOff{*stop};
    }
    if (!answer.is_last) return std::nullopt;
    return CutOff{{answer.waits_for.value_or(shard_), kTooManyWait}, false, true};
}

std::size_t SentBatches::cut_off(std::optional<ShardId> waits_for, const StoppedShard& by,
                                 Deliveries& out) {
    std::size_t ended = 0;
    for (Place batch = batches_.begin(); batch != batches_.end();) {
        for (std::size_t i = 0; i < batch->senders.size(); ++i) {
            Progress& progress = batch->progress[i];
            if (progress.told >= Told::outcome) continue;
            if (waits_for && progress.waits_for != waits_for) continue;
            progress.told = Told::cut_off;
            --batch->open;
            ++ended;
            out.add(batch->senders[i], {by, false});
        }
        batch = batch->open == 0 ? batches_.erase(batch) : std::next(batch);
    }
    return ended;
}

}  // namespace vouch::command_handler
