#include "command-handler/core/decide.h"
#include "command-handler/shard/shard_loop.h"
#include "events/check.h"

#include <algorithm>
#include <cstdio>
#include <utility>

// How a shard's records begin, end, become durable, and are taken back when a commit has failed.

namespace vouch::command_handler {

Status ShardLoop::begin_record(Timestamp at) {
    VOUCH_ASSERT(!open_);
    while (in_flight_.size() >= kRecordsInFlightMax) {
        if (Status status = complete_durable(true); !status) return status;
    }
    if (Status status = facts_->rotate(); !status) return status;
    if (Status status = continue_snapshot(); !status) return status;
    if (spare_.empty()) spare_.push_back(std::make_unique<OpenRecord>());
    open_ = std::move(spare_.back());
    spare_.pop_back();
    open_->begin(head_, at);
    state_.begin_record();
    facts_->begin_record(*open_);
    sink_.emplace(*open_, *facts_);
    return {};
}

Status ShardLoop::open_record(std::optional<Timestamp> at) {
    if (open_) return {};
    const Timestamp time = at.value_or(now());
    warn_of_clock();
    while (true) {
        if (Status status = begin_record(time); !status) return status;
        if (expire_holds(state_, time, *sink_)) return {};
        if (Status status = close_record(); !status) return status;
    }
}

Status ShardLoop::write_mark() {
    if (Status status = open_record(); !status) return status;
    const bool is_mark = open_->event_count == 0;
    if (is_mark) sink_->append(Event(Mark{}));
    if (Status status = close_record(); !status) return status;
    marks_.committed(clock_.machine_us(), is_mark);
    keep_clock();
    return {};
}

// What a start holds its clock against follows corrections that are small enough to be believed.
void ShardLoop::keep_clock() {
    constexpr std::int64_t kWorthWriting_us = 1'000'000;
    if (with_.deployment.test_clock) return;
    const ClockLook& trusted = clock_.trusted();
    const std::optional<Timestamp> kept = expected_time(kept_look_, trusted.machine);
    if (kept && !is_later(*kept, trusted.time, kWorthWriting_us) &&
        !is_later(trusted.time, *kept, kWorthWriting_us)) {
        return;
    }
    kept_look_ = trusted;
    keep_look(directory() / "clock", trusted);
}

void ShardLoop::warn_of_clock() {
    if (with_.deployment.test_clock) return;
    if (clock_.is_leaping() != std::exchange(warned_of_leap_, clock_.is_leaping())) {
        std::fprintf(stderr, "vouch: alarm: shard %u: %s\n", with_.shard.value(),
                     warned_of_leap_
                         ? "the clock has leapt forward; time goes on as the machine counts it"
                         : "the clock is back from its leap");
    }
    if (warned_of_clock_) return;
    if (with_.clock.now().value() + kClockBehindMax_us >= head_.last_time.value()) return;
    warned_of_clock_ = true;
    std::fprintf(stderr,
                 "vouch: warning: shard %u: the clock is more than 5 s behind the newest record\n",
                 with_.shard.value());
}

bool ShardLoop::must_seal() const {
    const EventNumber first =
        head_.epoch_has_record ? head_.epoch_first_event : open_->before.next_event;
    const Timestamp start = head_.epoch_has_record ? head_.epoch_first_time : open_->time;
    return open_->next_event().value() - first.value() >= with_.options.bounds.epoch_events ||
           open_->time.value() - start.value() >= kEpochMicrosecondsMax;
}

Status ShardLoop::close_record() {
    if (!open_) return {};
    OpenRecord& record = *open_;
    if (record.event_count == 0) {
        give_answers_to_newest(record);
        drop_open_record();
        return {};
    }
    announce_steps();
    if (!head_.epoch_has_record) {
        head_.epoch_first_event = record.before.next_event;
        head_.epoch_first_time = record.time;
        head_.epoch_has_record = true;
    }
    const bool seals = must_seal();
    if (seals) {
        const Digest commitment = with_.keys.commitment(with_.shard, head_.epoch.next());
        sink_->append(Event(EpochSealed{.epoch = head_.epoch,
                                        .first_event = head_.epoch_first_event,
                                        .last_event = record.next_event(),
                                        .next_key_commitment = commitment}));
    }
    if (Status status = commit_open_record(); !status) return status;
    if (seals) {
        head_.epoch = head_.epoch.next();
        head_.epoch_has_record = false;
    }
    return {};
}

// The steps of a record are named by its last events, and go out with it.
void ShardLoop::announce_steps() {
    OpenRecord& record = *open_;
    record.outbox.for_each_batch([&](ShardId to, std::uint32_t count, ByteView steps) {
        const StepPeer& peer = peers_.of(to);
        record.sent.push_back({to, peer.next_sent, count, peer.last_sent, steps});
        const Digest digest =
            step_batch_digest(with_.shard, to, peer.next_sent, peer.last_sent, steps);
        const StepsSent event{to, peer.next_sent, count, digest};
        sink_->append(Event(event));
        const bool follows = peers_.apply(event, record.peers_before);
        VOUCH_ASSERT(follows);
    });
}

/// Once the record has its digest.
void ShardLoop::seal_steps() {
    OpenRecord& record = *open_;
    StepBatchHeader header;
    header.deployment = with_.deployment.id;
    header.chain_high = with_.deployment.chain_high;
    header.chain_low = with_.deployment.chain_low;
    header.from = with_.shard;
    header.record = record.number();
    header.record_digest = record.parts.digest;
    header.time = record.time;
    for (const SentBatch& sent : record.sent) {
        header.to = sent.to;
        header.number = sent.number;
        header.count = sent.count;
        header.previous_digest = sent.previous_digest;
        record.batches.push_back(seal_step_batch(step_mac_of(with_.shard), header, sent.steps));
        record.outgoing.push_back({sent.to, record.batches.back()});
    }
}

Mac& ShardLoop::step_mac_of(ShardId from) {
    std::optional<Mac>& mac = step_macs_[from.value()];
    if (!mac) mac.emplace(with_.keys.step_key(from));
    return *mac;
}

Mac& ShardLoop::mac_of(Epoch epoch) {
    if (!mac_ || mac_epoch_ != epoch) {
        mac_.emplace(with_.keys.record_key(with_.shard, epoch));
        mac_epoch_ = epoch;
    }
    return *mac_;
}

Status ShardLoop::commit_open_record() {
    OpenRecord& record = *open_;
    RecordHeader header;
    header.deployment = with_.deployment.id;
    header.chain_high = with_.deployment.chain_high;
    header.chain_low = with_.deployment.chain_low;
    header.shard = with_.shard;
    header.record = head_.next_record;
    header.first_event = head_.next_event;
    header.event_count = record.event_count;
    header.time = record.time;
    header.epoch = head_.epoch;
    header.term = head_.term;
    header.next_command = consumed_;
    header.next_step = consumed_step_;
    header.previous_digest = head_.last_digest;
    record.parts = seal_record(mac_of(head_.epoch), header, record.body_bytes());
    record.pieces = {record.parts.prefix, record.body_bytes()};
    seal_steps();
    const Result<CommitTicket> ticket =
        with_.log.commit(with_.shard, head_.term,
                         {.number = header.record,
                          .record = record.pieces,
                          .next = {header.next_command, header.next_step},
                          .steps = record.outgoing});
    if (!ticket) return ticket.error();
    record.ticket = *ticket;
    head_.next_record = head_.next_record.next();
    head_.next_event = record.next_event();
    head_.last_digest = record.parts.digest;
    head_.last_time = record.time;
    head_.next_command = header.next_command;
    head_.next_step = header.next_step;
    sink_.reset();
    in_flight_.push_back(std::move(open_));
    marks_.committed(clock_.machine_us(), false);
    return {};
}

Status ShardLoop::complete_durable(bool wait) {
    while (!in_flight_.empty()) {
        OpenRecord& oldest = *in_flight_.front();
        if (wait) {
            if (Status status = with_.log.await(oldest.ticket); !status) {
                take_back_all();
                return status;
            }
        }
        const Result<bool> durable = with_.log.is_durable(oldest.ticket);
        if (!durable) {
            take_back_all();
            return durable.error();
        }
        if (!*durable) return {};
        wait = false;
        if (with_.ends != nullptr)
            with_.ends->note(with_.shard, {oldest.number().next(), oldest.parts.digest});
        if (with_.sent != nullptr) {
            for (const SentBatch& sent : oldest.sent)
                with_.sent->note(with_.shard, sent.to, sent.number.next());
        }
        deliver(oldest);
        state_.forget_oldest_record();
        facts_->oldest_is_durable(oldest);
        spare_.push_back(std::move(in_flight_.front()));
        in_flight_.pop_front();
    }
    return {};
}

void ShardLoop::drop_open_record() {
    facts_->undo(*open_, 0);
    facts_->drop_newest_record();
    state_.undo_newest_record();
    peers_.undo(open_->peers_before);
    sink_.reset();
    spare_.push_back(std::move(open_));
}

// After a failed commit nothing that was decided since the last durable one has happened: accounts,
// holds, commands in transit, facts, step numbers and the chain's head are as they were then.
// Nobody waits yet for what was decided since.
void ShardLoop::take_back_all() {
    abandon_snapshot();
    take_back_open();
    while (!in_flight_.empty()) {
        open_ = std::move(in_flight_.back());
        in_flight_.pop_back();
        take_back_open();
    }
}

void ShardLoop::take_back_open() {
    if (!open_) return;
    head_ = open_->before;
    drop_open_record();
}

}  // namespace vouch::command_handler
