#include "command-handler/shard/record_writer.h"

#include "command-handler/core/expire_holds.h"
#include "events/check.h"
#include "events/world/scheduler.h"

#include <algorithm>
#include <utility>

namespace vouch::command_handler {
namespace {

/// Whether the record is to be its epoch's last.
bool ends_epoch(const OpenRecord& record, const ChainHead& head, const HandlerBounds& bounds) {
    const std::uint64_t events = record.next_event().value() - head.epoch_first_event.value();
    return events >= bounds.epoch_events ||
           record.time.value() - head.epoch_first_time.value() >= kEpochMicrosecondsMax;
}

}  // namespace

RecordWriter::RecordWriter(const ShardEnvironment& with, ShardBooks& books, RecordClock& clock,
                           MarkSchedule& marks, SnapshotSchedule& snapshots,
                           AnswerDelivery& delivery)
    : with_(with),
      books_(books),
      clock_(clock),
      marks_(marks),
      snapshots_(snapshots),
      delivery_(delivery),
      sealer_(with) {}

// A simulation kills its process wherever it stands.
RecordWriter::~RecordWriter() {
    VOUCH_ASSERT(in_flight_.empty() || Scheduler::current() != nullptr);
}

// --- Building -----------------------------------------------------------------------------------

Status RecordWriter::begin(Timestamp at) {
    VOUCH_ASSERT(!open_);
    while (in_flight_.size() >= kInFlightMax) {
        if (Status status = complete_durable(true); !status) return status;
    }
    const RecordNumber next = books_.head.next_record;
    const RecordNumber durable_end = in_flight_.empty() ? next : in_flight_.front()->number();
    if (Status status = books_.index->recent().rotate(next, durable_end); !status) return status;
    snapshots_.go_on(durable_end);
    if (spare_.empty()) spare_.push_back(std::make_unique<OpenRecord>());
    open_ = std::move(spare_.back());
    spare_.pop_back();
    open_->begin(books_.head, at);
    books_.state.changes().begin_record();
    books_.events.begin_record(*open_);
    sink_.emplace(*open_, *books_.facts, books_.index->recent());
    return {};
}

Status RecordWriter::open(std::optional<Timestamp> at) {
    if (open_) return {};
    const Timestamp time = at.value_or(clock_.now());
    clock_.warn();
    while (true) {
        if (Status status = begin(time); !status) return status;
        if (expire_holds(books_.state, time, *sink_)) return {};
        if (Status status = close(); !status) return status;
    }
}

Status RecordWriter::open_not_before(Timestamp time) {
    if (open_ && open_->time < time) {
        if (Status status = close(); !status) return status;
    }
    return open(std::max(clock_.now(), time));
}

// A record that has just been opened may be full of holds that expired.
Status RecordWriter::open_with_room(std::size_t bytes, std::size_t batches) {
    while (!open_ || (open_->event_count > 0 && !sink_->has_room_for(bytes, batches))) {
        if (Status status = close(); !status) return status;
        if (Status status = open(); !status) return status;
    }
    return {};
}

Status RecordWriter::close() {
    if (!open_) return {};
    if (open_->event_count == 0) {
        if (in_flight_.empty()) {
            delivery_.deliver(open_->told);
        } else {
            in_flight_.back()->told.take_over(open_->told);
        }
        drop_open();
        return {};
    }
    announce_steps();
    ChainHead& head = books_.head;
    if (!head.epoch_has_record) {
        head.epoch_first_event = open_->before.next_event;
        head.epoch_first_time = open_->time;
        head.epoch_has_record = true;
    }
    const bool seals = ends_epoch(*open_, head, with_.options.bounds);
    if (seals) {
        const Digest commitment = with_.keys.commitment(with_.shard, head.epoch.next());
        sink_->append(Event(EpochSealed{.epoch = head.epoch,
                                        .first_event = head.epoch_first_event,
                                        .last_event = open_->next_event(),
                                        .next_key_commitment = commitment}));
    }
    if (Status status = commit(); !status) return status;
    if (seals) {
        head.epoch = head.epoch.next();
        head.epoch_has_record = false;
    }
    return {};
}

// The steps of a record are named by its last events, and go out with it.
void RecordWriter::announce_steps() {
    OpenRecord& record = *open_;
    record.outbox.for_each_batch([&](ShardId to, std::uint32_t count, ByteView steps) {
        const StepPeer& peer = books_.peers.of(to);
        record.sent.push_back({to, peer.next_sent, count, peer.last_sent, steps});
        const Digest digest =
            step_batch_digest(with_.shard, to, peer.next_sent, peer.last_sent, steps);
        const StepsSent event{to, peer.next_sent, count, digest};
        sink_->append(Event(event));
        const bool follows = books_.peers.apply(event, record.peers_before);
        VOUCH_ASSERT(follows);
    });
}

Status RecordWriter::commit() {
    OpenRecord& record = *open_;
    ChainHead& head = books_.head;
    sealer_.seal(record, head, consumed_);
    const Result<CommitTicket> ticket = with_.log.commit(with_.shard, head.term,
                                                         {.number = head.next_record,
                                                          .record = record.pieces,
                                                          .next = consumed_,
                                                          .steps = record.outgoing});
    if (!ticket) return ticket.error();
    record.ticket = *ticket;
    head.next_record = head.next_record.next();
    head.next_event = record.next_event();
    head.last_digest = record.parts.digest;
    head.last_time = record.time;
    head.next_command = consumed_.command;
    head.next_step = consumed_.step;
    sink_.reset();
    in_flight_.push_back(std::move(open_));
    marks_.committed(clock_.machine_us(), false);
    return {};
}

void RecordWriter::count_unrecorded() {
    const ChainHead& head = books_.head;
    marks_.worked_off(consumed_.command.value() - head.next_command.value() +
                          consumed_.step.value() - head.next_step.value(),
                      clock_.machine_us());
}

// --- In flight ----------------------------------------------------------------------------------

Status RecordWriter::complete_durable(bool wait) {
    while (!in_flight_.empty()) {
        const CommitTicket& oldest = in_flight_.front()->ticket;
        if (wait) {
            if (Status status = with_.log.await(oldest); !status) {
                take_back_all();
                return status;
            }
        }
        const Result<bool> durable = with_.log.is_durable(oldest);
        if (!durable) {
            take_back_all();
            return durable.error();
        }
        if (!*durable) return {};
        wait = false;
        tell_durable(*in_flight_.front());
        spare_.push_back(std::move(in_flight_.front()));
        in_flight_.pop_front();
    }
    return {};
}

Status RecordWriter::complete_all() {
    while (!in_flight_.empty()) {
        if (Status status = complete_durable(true); !status) return status;
    }
    return {};
}

void RecordWriter::tell_durable(const OpenRecord& record) {
    const StorePosition position{record.number().next(), record.parts.digest};
    if (with_.ends != nullptr)
        with_.ends->note(with_.shard, {position.next_record, position.digest});
    if (with_.sent != nullptr) {
        for (const SentBatch& sent : record.sent)
            with_.sent->note(with_.shard, sent.to, sent.number.next());
    }
    delivery_.deliver(record.told);
    books_.state.changes().forget_oldest_record();
    books_.events.drop_oldest_record(record);
    books_.index->recent().oldest_is_durable(record.facts.size(), position);
}

std::size_t RecordWriter::count_waiters() const {
    std::size_t count = open_ ? open_->told.waiters.size() : 0;
    for (const auto& record : in_flight_) count += record->told.waiters.size();
    return count;
}

// --- Taking back --------------------------------------------------------------------------------

void RecordWriter::drop_open() {
    books_.index->recent().undo(open_->number(), open_->facts, 0);
    books_.events.drop_newest_record();
    books_.state.changes().undo_newest_record();
    books_.peers.undo(open_->peers_before);
    sink_.reset();
    spare_.push_back(std::move(open_));
}

void RecordWriter::take_back_open() {
    if (!open_) return;
    books_.head = open_->before;
    drop_open();
}

// After a failed commit nothing that was decided since the last durable one has happened: accounts,
// holds, commands in transit, facts, step numbers and the chain's head are as they were then.
// Nobody waits yet for what was decided since.
void RecordWriter::take_back_all() {
    snapshots_.abandon();
    take_back_open();
    while (!in_flight_.empty()) {
        open_ = std::move(in_flight_.back());
        in_flight_.pop_back();
        take_back_open();
    }
}

}  // namespace vouch::command_handler
