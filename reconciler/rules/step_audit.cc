#include "reconciler/rules/step_audit.h"

#include "events/entries/codec.h"
#include "events/seal/step_batch.h"

#include <algorithm>

namespace vouch::reconciler {

namespace {

std::string batch_text(std::string_view what, StepBatchNumber number, std::string_view direction,
                       ShardId shard) {
    return std::string(what) + " batch " + std::to_string(number.value()) + ' ' +
           std::string(direction) + " shard " + std::to_string(shard.value()) + ": ";
}

}  // namespace

void StepAudit::Built::clear() {
    bytes.clear();
    ends.clear();
}

void StepAudit::Built::add(const std::optional<Step>& step) {
    if (step) append_to_steps(*step, bytes);
    ends.push_back(bytes.size());
}

std::span<const std::byte> StepAudit::Built::part(std::size_t begin, std::size_t end) const {
    const std::size_t start = begin == 0 ? 0 : ends[begin - 1];
    return std::span(bytes).subspan(start, ends[end - 1] - start);
}

void StepAudit::begin_record(const PairRows::Place& place, bool believed) {
    place_ = place;
    is_believed_ = believed;
    left_ = 0;
    for (auto& [shard, pair] : sent_) {
        pair.steps.clear();
        pair.without_text.clear();
        pair.has_text = false;
        pair.are_known.clear();
        pair.told = 0;
    }
}

void StepAudit::end_record() {
    end_taking();
    for (const auto& [shard, pair] : sent_) {
        if (pair.told == pair.are_known.size()) continue;
        report(Check::wrong_steps, std::to_string(pair.are_known.size() - pair.told) +
                                       " steps for shard " + std::to_string(shard.value()) +
                                       " were not sent");
    }
}

void StepAudit::lose_certainty() {
    for (auto& [shard, pair] : sent_) pair.is_sure = false;
    for (auto& [shard, pair] : taken_) {
        pair.is_sure = false;
        pair.is_known = false;
    }
    // Pairs that have no row yet may have got their first batches in what was broken.
    for (std::uint32_t i = 0; i < shards_; ++i) {
        if (ShardId(i) == shard_) continue;
        sent_[ShardId(i)].is_sure = false;
        taken_[ShardId(i)].is_sure = false;
    }
}

void StepAudit::follow(ShardId to, const std::optional<Step>& step) {
    Sent& pair = sent_[to];
    if (step && !step->id_text.empty() && !pair.has_text) {
        pair.without_text = pair.steps;
        pair.has_text = true;
    }
    pair.steps.add(step);
    if (pair.has_text) pair.without_text.add(step ? std::optional(without_text(*step)) : step);
    pair.are_known.push_back(step.has_value());
}

/// A batch is closed when the next step would make it too large or it has as many as it may have.
/// What is wrong; empty when nothing is.
std::string_view StepAudit::Built::wrong_bounds(std::size_t begin, std::size_t end) const {
    const std::size_t size = part(begin, end).size();
    const bool is_too_large =
        end - begin > kStepBatchStepsMax || (size > kStepListBytesMax && end - begin > 1);
    const bool is_too_small = end < ends.size() && end - begin < kStepBatchStepsMax &&
                              part(begin, end + 1).size() <= kStepListBytesMax;
    if (is_too_large) return "larger than it may be";
    return is_too_small ? "closed before it had to be" : "";
}

void StepAudit::check_sent(const Sent& pair, const StepsSent& sent, std::size_t begin,
                           std::size_t end) {
    const auto is_sent = [&](const Built& steps) {
        return step_batch_digest(shard_, sent.to, sent.number, pair.digest,
                                 steps.part(begin, end)) == digest_from(sent.digest);
    };
    const auto are_known = [&pair](std::size_t from, std::size_t to) {
        return std::all_of(pair.are_known.begin() + static_cast<std::ptrdiff_t>(from),
                           pair.are_known.begin() + static_cast<std::ptrdiff_t>(to),
                           [](bool known) { return known; });
    };
    const bool can_tell = pair.is_sure && are_known(begin, end);
    const bool has_its_texts = !can_tell || is_sent(pair.steps);
    const bool is_without = !has_its_texts && pair.has_text && is_sent(pair.without_text);
    if (are_known(0, pair.are_known.size())) {
        std::string_view wrong = (is_without ? pair.without_text : pair.steps)
                                     .wrong_bounds(begin, end);
        // Where nothing tells whether they had their texts, either will do.
        if (!can_tell && pair.has_text && pair.without_text.wrong_bounds(begin, end).empty())
            wrong = {};
        if (!wrong.empty()) {
            report(Check::wrong_steps,
                   batch_text("sent", sent.number, "to", sent.to) + std::string(wrong));
        }
    }
    if (has_its_texts || is_without) return;
    report(Check::wrong_steps, batch_text("sent", sent.number, "to", sent.to) +
                                   "its digest is not that of the steps that follow from the "
                                   "record's events");
}

void StepAudit::sent(const StepsSent& sent) {
    if (!is_other(sent.to)) {
        return report(Check::wrong_steps, "steps sent to no other shard of the deployment");
    }
    Sent& pair = sent_[sent.to];
    if (pair.is_sure && sent.number != pair.next) {
        report(Check::step_sequence, batch_text("sent", sent.number, "to", sent.to) +
                                         "expected number " + std::to_string(pair.next.value()));
    }
    const std::size_t begin = pair.told;
    const std::size_t end = std::min<std::size_t>(begin + sent.count, pair.are_known.size());
    pair.told = end;
    if (sent.count == 0 || end - begin != sent.count) {
        report(Check::wrong_steps,
               batch_text("sent", sent.number, "to", sent.to) + "of " + std::to_string(sent.count) +
                   " steps, " + std::to_string(end - begin) + " follow from the record's events");
    } else {
        check_sent(pair, sent, begin, end);
    }
    pair.next = sent.number.next();
    pair.digest = digest_from(sent.digest);
    pair.is_sure = is_believed_;
    if (is_believed_) pairs_.sent(place_, sent);
}

void StepAudit::end_taking() {
    if (left_ == 0) return;
    report(Check::wrong_steps, std::to_string(left_) + " steps of shard " +
                                   std::to_string(from_.value()) +
                                   " were taken, and nothing became of them");
    taken_[from_].is_known = false;
    left_ = 0;
}

void StepAudit::keep_taken(Taken& pair, PairRows::Extent otherwise) {
    pair.claim.digest = pair.digest;
    pair.claim.record_digest = pair.record_digest;
    pairs_.taken(pair.place, pair.claim, pair.count,
                 pair.is_complete ? PairRows::Extent::whole : otherwise);
}

/// The open batch is the pair's last, or another one follows.
void StepAudit::close_batch(ShardId from, Taken& pair) {
    if (!pair.is_open) return;
    if (pair.is_sure && pair.is_known && !pair.is_complete) {
        report_(Check::wrong_steps, pair.place,
                batch_text("taken", pair.next, "from", from) +
                    "its digest is not that of the steps that events tell of");
    }
    keep_taken(pair, PairRows::Extent::unknown);
    pair.previous = pair.digest;
    pair.next = pair.next.next();
    pair.is_open = false;
    // The next one is held against this one's digest, unless that stood in a broken record.
    pair.is_sure = pair.is_known;
}

void StepAudit::open_batch(Taken& pair, const StepsTaken& taken) {
    pair.is_open = true;
    pair.is_complete = false;
    // What stands before a part that is seen first is lost.
    pair.is_known = taken.first == 0;
    pair.count = taken.first;
    pair.next = taken.number;
    pair.bytes.clear();
    pair.digest = digest_from(taken.digest);
    pair.record_digest = digest_from(taken.record_digest);
}

void StepAudit::take(const StepsTaken& taken) {
    end_taking();
    if (!is_other(taken.from)) {
        return report(Check::wrong_steps, "steps taken from no other shard of the deployment");
    }
    Taken& pair = taken_[taken.from];
    const bool goes_on = pair.is_open && taken.number == pair.next && taken.first == pair.count;
    if (goes_on) {
        if (pair.is_complete) {
            report(Check::wrong_steps, batch_text("taken", taken.number, "from", taken.from) +
                                           "goes on behind its last step");
        }
        if (pair.digest != digest_from(taken.digest) || pair.claim.record != taken.record ||
            pair.record_digest != digest_from(taken.record_digest)) {
            report(Check::step_sequence, batch_text("taken", taken.number, "from", taken.from) +
                                             "a part of it says otherwise than the part before");
        }
    } else {
        const RecordNumber before = pair.claim.record;
        close_batch(taken.from, pair);
        if (pair.is_sure && (taken.number != pair.next || taken.first != 0)) {
            report(Check::step_sequence, batch_text("taken", taken.number, "from", taken.from) +
                                             "from step " + std::to_string(taken.first) +
                                             ", expected batch " +
                                             std::to_string(pair.next.value()));
            pair.is_sure = false;
        } else if (pair.is_sure && taken.record < before) {
            report(Check::step_sequence, batch_text("taken", taken.number, "from", taken.from) +
                                             "the record that it came with goes back");
        }
        open_batch(pair, taken);
    }
    if (taken.count == 0) report(Check::wrong_steps, "no steps taken");
    pair.claim = taken;
    pair.place = place_;
    from_ = taken.from;
    record_ = taken.record;
    left_ = taken.count;
}

void StepAudit::took(const std::optional<Step>& step) {
    if (left_ == 0) return;
    Taken& pair = taken_[from_];
    if (step) {
        append_to_steps(*step, pair.bytes);
    } else {
        pair.is_known = false;
    }
    ++pair.count;
    if (--left_ > 0) return;
    pair.is_complete =
        pair.is_sure && pair.is_known &&
        step_batch_digest(from_, shard_, pair.next, pair.previous, pair.bytes) == pair.digest;
}

void StepAudit::finish() {
    for (auto& [from, pair] : taken_) {
        if (!pair.is_open) continue;
        const bool is_told = pair.is_sure && pair.is_known;
        keep_taken(pair, is_told ? PairRows::Extent::part : PairRows::Extent::unknown);
    }
}

}  // namespace vouch::reconciler
