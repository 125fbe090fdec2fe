#include "reconciler/reading/chain_check.h"

namespace vouch::reconciler {

namespace {

std::string at_least_found(std::uint64_t least, std::uint64_t found) {
    return "expected at least " + std::to_string(least) + " found " + std::to_string(found);
}

}  // namespace

ChainCheck::ChainCheck(const Deployment& deployment, ShardId shard, const EpochKeys* keys,
                       Findings& findings)
    : deployment_(deployment),
      hand_{findings, shard},
      links_(hand_, deployment.genesis_tag),
      acts_(hand_),
      epochs_(hand_, keys) {}

bool ChainCheck::is_foreign(const RecordHeader& header) const {
    return header.deployment != deployment_.id || header.chain != deployment_.chain ||
           header.shard != hand_.shard;
}

ChainCheck::Judgement ChainCheck::check(const PreparedRecord& record) {
    hand_.position = record.position;
    hand_.is_right = true;
    Judgement judgement;
    judgement.first_event = next_event_;
    if (!record.is_record) {
        hand_.report(Check::unreadable, record.fault);
    } else {
        if (record.mac == MacCheck::wrong) {
            hand_.report(Check::tag_mismatch,
                         "its tag or its table is not of what it covers: digest " +
                             short_hex(record.digest));
        }
        if (is_foreign(record.header))
            hand_.report(Check::foreign_record, "of another deployment, chain or shard");
    }
    if (!record.is_record || is_foreign(record.header)) {
        // What it stands for is lost.
        skip_one();
        judgement.is_folded = judgement.is_believed = false;
        return judgement;
    }
    const LinkCheck::Place place = links_.check_number(record);
    if (!links_.is_digest_known()) epochs_.forget_start();
    judgement.is_folded = place.is_in_order;
    judgement.is_gap_before = place.is_gap_before;
    if (!judgement.is_folded) {
        // An old record of this chain in a wrong place says nothing against what is known.
        judgement.is_believed = record.mac == MacCheck::right;
        return judgement;
    }
    if (!links_.check_previous_digest(record)) judgement.is_gap_before = true;
    acts_.keep(record);
    keep_writer(record);
    check_header(record);
    judgement.first_event = record.mac == MacCheck::wrong ? next_event_ : record.header.first_event;
    judgement.is_believed = hand_.is_right;
    advance(record);
    return judgement;
}

void ChainCheck::check_header(const PreparedRecord& record) {
    const RecordHeader& header = record.header;
    const std::size_t count = record.item_count;
    if (header.event_count == 0 || (record.is_whole && header.event_count != count)) {
        hand_.report(Check::event_sequence, "count: " + expected_found(count, header.event_count));
    }
    if (hand_.is_known) {
        if (header.first_event != next_event_) {
            hand_.report(
                Check::event_sequence,
                "first event: " + expected_found(next_event_.value(), header.first_event.value()));
        }
        if (header.time < last_time_)
            hand_.report(Check::time_goes_back, "earlier than the record before");
        check_inputs(header, acts_.check(record, inputs_, last_time_));
        check_term(record);
    } else if (record.term_started && record.term_started != header.term) {
        hand_.report(Check::term, "the term event is not of the header's term");
    }
    epochs_.check(record);
}

void ChainCheck::check_inputs(const RecordHeader& header, const InputOffsets& least) {
    if (header.next_command < least.commands) {
        hand_.report(Check::input_offset,
                     at_least_found(least.commands.value(), header.next_command.value()));
    }
    if (header.next_step < least.steps) {
        hand_.report(Check::input_offset, "steps: " + at_least_found(least.steps.value(),
                                                                     header.next_step.value()));
    }
}

void ChainCheck::keep_writer(const PreparedRecord& record) {
    const bool is_known = !writers_.empty() && writers_.back().program == record.program;
    if (!record.term_started || is_known || writers_.size() == kWritersKeptMax) return;
    writers_.push_back({record.position, *record.term_started, std::string(record.program)});
}

void ChainCheck::check_term(const PreparedRecord& record) {
    const Term found = record.header.term;
    if (!record.term_started) {
        if (!has_term_) {
            hand_.report(Check::term, "a shard's first record starts a term");
        } else if (found != term_) {
            hand_.report(Check::term, "header: " + expected_found(term_.value(), found.value()));
        }
        return;
    }
    const Term expected = has_term_ ? term_.next() : Term(0);
    if (*record.term_started != expected) {
        hand_.report(Check::term, "term started: " + expected_found(expected.value(),
                                                                    record.term_started->value()));
    } else if (found != expected) {
        hand_.report(Check::term, "header: " + expected_found(expected.value(), found.value()));
    }
}

void ChainCheck::advance(const PreparedRecord& record) {
    const RecordHeader& header = record.header;
    links_.advance(record);
    if (record.mac == MacCheck::wrong) {
        // Its numbers may be edited. The next record's are taken as they are; these are a guess
        // till then.
        next_event_ = EventNumber(next_event_.value() + record.item_count);
        hand_.is_known = false;
        epochs_.forget_start();
        return;
    }
    epochs_.advance(record);
    acts_.advance(record);
    next_event_ = EventNumber(header.first_event.value() + record.item_count);
    last_time_ = header.time;
    inputs_ = {header.next_command, header.next_step};
    term_ = header.term;
    has_term_ = true;
    // Of two numbers that do not fit, either may be the wrong one: it is told once, not twice.
    hand_.is_known = hand_.is_right;
}

void ChainCheck::skip_one() {
    links_.skip_one();
    epochs_.forget_start();
}

void ChainCheck::skip(RecordNumber position, const std::string& why) {
    hand_.position = position;
    hand_.report(Check::unreadable, why);
    skip_one();
}

}  // namespace vouch::reconciler
