#include "reconciler/chain_check.h"

#include <algorithm>
#include <utility>

namespace vouch::reconciler {

namespace {

std::string expected_found(std::uint64_t expected, std::uint64_t found) {
    return "expected " + std::to_string(expected) + " found " + std::to_string(found);
}

}  // namespace

ChainCheck::ChainCheck(const Deployment& deployment, ShardId shard, const EpochKeys* keys,
                       Findings& findings)
    : deployment_(deployment),
      shard_(shard),
      keys_(keys),
      findings_(findings),
      next_numbers_{RecordNumber(0)},
      last_digest_(deployment.genesis_tag) {}

namespace {

/// Of an event that says what an operator asked for.
std::string text_of_act(const Event& event) {
    if (const auto* moved = std::get_if<InputMoved>(&event)) {
        return std::string(moved->input == InputKind::commands ? "commands" : "steps") +
               " are read on from offset " + std::to_string(moved->to.value()) + ", not from " +
               std::to_string(moved->from.value());
    }
    if (const auto* lost = std::get_if<TailLost>(&event)) {
        return "records from " + std::to_string(lost->record.value()) + " on, which were lost";
    }
    if (const auto* clock = std::get_if<ClockAccepted>(&event)) {
        return "a clock at " + std::to_string(clock->accepted.value()) +
               " us, beside a record before at " + std::to_string(clock->last.value());
    }
    if (const auto* raised = std::get_if<FormatRaised>(&event)) {
        return "format level " + std::to_string(raised->to) + ", raised from " +
               std::to_string(raised->from);
    }
    return "";
}

}  // namespace

void ChainCheck::report(Check check, const std::string& message) {
    is_right_ = false;
    findings_.add({check, shard_, position_, {}, message});
}

bool ChainCheck::is_foreign(const RecordHeader& header) const {
    return header.deployment != deployment_.id || header.chain_high != deployment_.chain_high ||
           header.chain_low != deployment_.chain_low || header.shard != shard_;
}

ChainCheck::Judgement ChainCheck::check(const PreparedRecord& record) {
    position_ = record.position;
    is_right_ = true;
    Judgement judgement;
    judgement.first_event = next_event_;
    if (!record.is_record) {
        report(Check::unreadable, record.fault);
    } else {
        if (record.mac == MacCheck::wrong) {
            report(Check::tag_mismatch,
                   "its tag or its table is not of what it covers: digest " + short_hex(record.digest));
        }
        if (is_foreign(record.header))
            report(Check::foreign_record, "of another deployment, chain or shard");
    }
    if (!record.is_record || is_foreign(record.header)) {
        // What it stands for is lost; what stands behind it may be the next or the one after.
        skip_one();
        judgement.is_folded = judgement.is_believed = false;
        return judgement;
    }
    check_sequence(record, judgement);
    if (!judgement.is_folded) {
        // An old record of this chain in a wrong place says nothing against what is known.
        judgement.is_believed = record.mac == MacCheck::right;
        return judgement;
    }
    check_header(record, judgement);
    judgement.first_event = record.mac == MacCheck::wrong ? next_event_ : record.header.first_event;
    judgement.is_believed = is_right_;
    advance(record, record.mac != MacCheck::wrong);
    return judgement;
}

/// Record numbers go up by one. Where they do not, it is told once.
void ChainCheck::check_sequence(const PreparedRecord& record, Judgement& judgement) {
    const RecordNumber found = record.header.record;
    const RecordNumber expected = next_numbers_.front();
    if (std::ranges::find(next_numbers_, found) != next_numbers_.end()) {
        next_numbers_ = {found.next()};
        if (record.mac == MacCheck::wrong) next_numbers_ = {found.next(), found};
        return;
    }
    report(Check::record_sequence, expected_found(expected.value(), found.value()));
    switch (record.mac) {
        case MacCheck::right:
            // Records are missing before this one, or an old one was put in; or its own number is
            // wrong. The next record shows which, by its number and by the tag that it follows.
            if (found > expected) {
                judgement.is_gap_before = true;
                is_known_ = false;
                next_numbers_ = {found.next(), expected.next()};
            } else {
                judgement.is_folded = false;
                next_numbers_ = {expected, expected.next()};
                unfolded_digest_ = record.digest;
            }
            return;
        case MacCheck::wrong:
        case MacCheck::not_checked:
            // The number itself may be what was edited, or the record put in, or some before it
            // taken out.
            next_numbers_ = {expected.next(), expected, found.next()};
            judgement.is_folded = record.mac == MacCheck::not_checked && found > expected;
            judgement.is_gap_before = judgement.is_folded;
            is_known_ = false;
            is_digest_known_ = false;
            is_epoch_start_known_ = false;
            return;
    }
}

void ChainCheck::check_previous_digest(const PreparedRecord& record, Judgement& judgement) {
    const std::optional<Tag> unfolded = std::exchange(unfolded_digest_, std::nullopt);
    if (equal_tags(record.header.previous_digest, last_digest_) || !is_digest_known_) return;
    if (unfolded && equal_tags(record.header.previous_digest, *unfolded)) {
        // It was this chain's next record after all, under a wrong number.
        is_known_ = false;
        judgement.is_gap_before = true;
        return;
    }
    report(Check::previous_digest,
           expected_found_hex(last_digest_, record.header.previous_digest));
}

void ChainCheck::check_header(const PreparedRecord& record, Judgement& judgement) {
    const RecordHeader& header = record.header;
    check_previous_digest(record, judgement);
    keep_acts(record);
    const std::size_t count = record.item_count;
    if (header.event_count == 0 || (record.is_whole && header.event_count != count)) {
        report(Check::event_sequence, "count: " + expected_found(count, header.event_count));
    }
    if (is_known_) {
        if (header.first_event != next_event_) {
            report(
                Check::event_sequence,
                "first event: " + expected_found(next_event_.value(), header.first_event.value()));
        }
        if (header.time < last_time_)
            report(Check::time_goes_back, "earlier than the record before");
        check_inputs(header, check_acts(record));
        check_term(record);
    } else if (record.term_started && record.term_started != header.term) {
        report(Check::term, "the term event is not of the header's term");
    }
    check_epoch(record);
}

void ChainCheck::check_inputs(const RecordHeader& header, const Inputs& least) {
    if (header.next_command < least.commands) {
        report(Check::input_offset,
               "expected at least " +
                   expected_found(least.commands.value(), header.next_command.value()));
    }
    if (header.next_step < least.steps) {
        report(Check::input_offset,
               "steps: expected at least " +
                   expected_found(least.steps.value(), header.next_step.value()));
    }
}

void ChainCheck::keep_acts(const PreparedRecord& record) {
    for (const Event* act : record.acts) {
        if (++acts_count_ <= kActsKeptMax)
            acts_.push_back({record.header.record, text_of_act(*act)});
    }
}

/// What an operator asked for says how things were before it: that is held against the records
/// before. Returns where the inputs are then.
ChainCheck::Inputs ChainCheck::check_acts(const PreparedRecord& record) {
    const RecordHeader& header = record.header;
    Inputs at = inputs_;
    for (const Event* act : record.acts) {
        if (const auto* moved = std::get_if<InputMoved>(act)) {
            Offset& input = moved->input == InputKind::commands ? at.commands : at.steps;
            if (moved->from != input) {
                report(Check::wrong_act, "an input moved from elsewhere: " +
                                             expected_found(input.value(), moved->from.value()));
            }
            input = moved->to;
        } else if (const auto* clock = std::get_if<ClockAccepted>(act)) {
            if (clock->last != last_time_) {
                report(Check::wrong_act, "a clock accepted beside another time than that of the "
                                         "record before");
            }
            if (clock->accepted > header.time)
                report(Check::wrong_act, "a clock accepted that is later than its record");
        } else if (const auto* lost = std::get_if<TailLost>(act)) {
            if (lost->record != header.record) {
                report(Check::wrong_act,
                       "records lost from another number than their successor's: " +
                           expected_found(header.record.value(), lost->record.value()));
            }
        } else if (const auto* raised = std::get_if<FormatRaised>(act)) {
            if (raised->from != level_) {
                report(Check::wrong_act, "a format raised from another level: " +
                                             expected_found(level_, raised->from));
            }
            if (raised->to > kFormatLevel) {
                report(Check::wrong_act, "format level " + std::to_string(raised->to) +
                                             ", and this program knows up to " +
                                             std::to_string(kFormatLevel));
            }
        }
    }
    return at;
}

void ChainCheck::check_term(const PreparedRecord& record) {
    const Term found = record.header.term;
    if (!record.term_started) {
        if (!has_term_) {
            report(Check::term, "a shard's first record starts a term");
        } else if (found != term_) {
            report(Check::term, "header: " + expected_found(term_.value(), found.value()));
        }
        return;
    }
    const Term expected = has_term_ ? term_.next() : Term(0);
    if (*record.term_started != expected) {
        report(Check::term,
               "term started: " + expected_found(expected.value(), record.term_started->value()));
    } else if (found != expected) {
        report(Check::term, "header: " + expected_found(expected.value(), found.value()));
    }
}

/// Each record uses the open epoch, and the first that fills it or is 10 minutes past its start
/// ends it.
void ChainCheck::check_epoch(const PreparedRecord& record) {
    const RecordHeader& header = record.header;
    if (is_known_ && header.epoch != epoch_) {
        report(Check::epoch, expected_found(epoch_.value(), header.epoch.value()));
    }
    if (!record.is_whole) return;
    if (record.seal) check_seal(record, *record.seal);
    if (!is_known_ || !is_epoch_start_known_) return;
    const EventNumber first = epoch_has_record_ ? epoch_first_event_ : header.first_event;
    const Timestamp start = epoch_has_record_ ? epoch_first_time_ : header.time;
    const std::uint64_t count = record.item_count - (record.seal ? 1 : 0);
    const std::uint64_t events = header.first_event.value() + count - first.value();
    const bool is_due =
        events >= kEpochEventsMax || header.time.value() - start.value() >= kEpochMicrosecondsMax;
    if (is_due != record.seal.has_value()) {
        report(Check::epoch,
               is_due ? "the epoch is to end with this record" : "the epoch ends too early");
    }
}

void ChainCheck::check_seal(const PreparedRecord& record, const EpochSealed& seal) {
    const RecordHeader& header = record.header;
    const EventNumber last(header.first_event.value() + record.item_count - 1);
    const EventNumber first = epoch_has_record_ ? epoch_first_event_ : header.first_event;
    if (seal.epoch != header.epoch)
        report(Check::epoch, "the seal is of another epoch than its record");
    const bool is_first_known = is_known_ && is_epoch_start_known_;
    if (seal.last_event != last || (is_first_known && seal.first_event != first)) {
        report(Check::epoch, "the seal's first and last event are not the epoch's");
    }
    if (keys_ == nullptr) return;
    const Digest expected = keys_->commitment(shard_, header.epoch.next());
    if (!equal_tags(expected, seal.next_key_commitment)) {
        report(Check::key_commitment, "the seal commits to another key than the next epoch's");
    }
}

void ChainCheck::advance(const PreparedRecord& record, bool is_believed) {
    const RecordHeader& header = record.header;
    is_digest_known_ = is_believed;
    last_digest_ = record.digest;
    next_record_ = next_numbers_.front();
    if (!is_believed) {
        // Its numbers may be edited. The next record's are taken as they are; these are a guess
        // till then.
        next_event_ = EventNumber(next_event_.value() + record.item_count);
        is_known_ = false;
        is_epoch_start_known_ = false;
        return;
    }
    if (!epoch_has_record_ || header.epoch != epoch_) {
        // After records that could not be believed, this need not be the epoch's first.
        is_epoch_start_known_ = is_known_;
        epoch_first_event_ = header.first_event;
        epoch_first_time_ = header.time;
        epoch_has_record_ = true;
    }
    epoch_ = header.epoch;
    if (record.seal) {
        epoch_ = epoch_.next();
        epoch_has_record_ = false;
        is_epoch_start_known_ = true;
    }
    next_event_ = EventNumber(header.first_event.value() + record.item_count);
    last_time_ = header.time;
    inputs_ = {header.next_command, header.next_step};
    for (const Event* act : record.acts) {
        if (const auto* raised = std::get_if<FormatRaised>(act)) level_ = raised->to;
    }
    term_ = header.term;
    has_term_ = true;
    // Of two numbers that do not fit, either may be the wrong one: it is told once, not twice.
    is_known_ = is_right_;
}

void ChainCheck::skip_one() {
    const RecordNumber expected = next_numbers_.front();
    next_numbers_ = {expected.next(), expected};
    next_record_ = expected.next();
    is_known_ = false;
    is_digest_known_ = false;
    is_epoch_start_known_ = false;
}

void ChainCheck::skip(RecordNumber position, const std::string& why) {
    position_ = position;
    report(Check::unreadable, why);
    skip_one();
}

}  // namespace vouch::reconciler
