#include "command-handler/core/decide.h"
#include "command-handler/shard/shard_loop.h"
#include "command-handler/shard/snapshot.h"
#include "events/log/set_aside.h"

#include <algorithm>

// How a shard comes to be: the shard store and the snapshot as far as they are what was written,
// the log from there on, and a term of its own.

namespace vouch::command_handler {
namespace {

constexpr std::size_t kReplayBytes = std::size_t{8} << 20;

}  // namespace

std::filesystem::path ShardLoop::directory() const {
    return with_.options.directory / std::to_string(with_.shard.value());
}

Fault ShardLoop::corrupt(RecordNumber record, const std::string& what) const {
    return {FaultCode::corrupt, "shard " + std::to_string(with_.shard.value()) + " record " +
                                    std::to_string(record.value()) + ": " + what};
}

Status ShardLoop::start() {
    std::error_code error;
    std::filesystem::create_directories(directory(), error);
    if (error) return Fault{FaultCode::storage, "shard directory: " + error.message()};
    head_.last_digest = with_.deployment.genesis_tag;
    if (Status status = open_store(); !status) return status;
    if (Status status = open_snapshot(); !status) return status;
    if (Status status = check_kept_end(); !status) return status;
    if (Status status = replay_log(); !status) return stop_alone(status);
    knows_all_ = true;
    if (Status status = deaths_.open(directory() / "deaths", head_.next_command); !status)
        return status;
    if (with_.sent != nullptr) {
        for (std::uint32_t to = 0; to < peers_.shard_count(); ++to)
            with_.sent->note(with_.shard, ShardId(to), peers_.of(ShardId(to)).next_sent);
    }
    if (Status status = take_over(); !status) return give_up(status);
    return {};
}

/// What was damaged is evidence of what happened to it.
Status ShardLoop::set_damaged_aside(const char* name, const Fault& fault) {
    const Result<SetAside> aside = vouch::set_aside(directory() / name, "damaged");
    if (!aside) return aside.error();
    warnings_.push_back("shard " + std::to_string(with_.shard.value()) + ": " + fault.message +
                        "; set aside as " + aside->path.string() + ", " +
                        std::to_string(aside->kept) +
                        " of its kind are kept there, and built again from the log");
    return {};
}

/// Whoever asks whether an id is new needs all that this shard has seen: its store alone may have
/// followed the log to its end.
Status ShardLoop::stop_alone(const Status& status) {
    if (status.error().code != FaultCode::corrupt) return status;
    stops_alone_ = true;
    const Result<RecordNumber> end = with_.log.end(with_.shard);
    knows_all_ = end && store_position_.next_record >= *end;
    if (knows_all_) return status;
    return Fault{FaultCode::corrupt,
                 status.error().message + "; which ids it has seen is not known"};
}

Status ShardLoop::open_store() {
    const std::filesystem::path path = directory() / "store";
    store_position_ = {RecordNumber(0), with_.deployment.genesis_tag};
    Result<std::optional<StorePosition>> loaded = load_store(path);
    if (!loaded && loaded.error().code == FaultCode::corrupt) {
        facts_.reset();
        store_.reset();
        if (Status moved = set_damaged_aside("store", loaded.error()); !moved) return moved;
        loaded = load_store(path);
    }
    if (!loaded) return loaded.error();
    if (*loaded) store_position_ = **loaded;
    return check_seen(store_position_.next_record, store_position_.digest, "the shard store");
}

Result<std::optional<StorePosition>> ShardLoop::load_store(const std::filesystem::path& path) {
    Result<std::unique_ptr<ShardStore>> opened = ShardStore::open(path, with_.keys, with_.shard);
    if (!opened) return opened.error();
    store_ = std::move(*opened);
    facts_ = std::make_unique<ShardFacts>(with_.shard, past_, *store_,
                                          with_.options.bounds.generation_facts);
    return store_->load([this](const FactKey& key) { facts_->add_to_filter(key); });
}

Status ShardLoop::open_snapshot() {
    if (!with_.options.snapshots) return {};
    const SecretKey key = with_.keys.local_key("snapshot", with_.shard);
    const Result<std::optional<ChainHead>> loaded =
        load_snapshot(directory() / "snapshot", key, state_, peers_);
    if (!loaded) return set_damaged_aside("snapshot", loaded.error());
    if (!*loaded) return {};
    head_ = **loaded;
    from_snapshot_ = true;
    return check_seen(head_.next_record, head_.last_digest, "the snapshot");
}

/// Where it tells more than what was believed so far: that much stands in the log, and in this one.
Status ShardLoop::check_kept_end() {
    if (with_.ends == nullptr) return {};
    const std::optional<KeptEnd>& kept = with_.ends->found(with_.shard);
    if (!kept || kept->next_record <= head_.next_record) return {};
    return check_seen(kept->next_record, kept->digest, "the kept end");
}

/// What is kept beside the log was derived from it; when the log no longer has what it was derived
/// from, records have been cut or changed, and nobody may write on.
Status ShardLoop::check_seen(RecordNumber next_record, const Digest& digest, const char* seen_by) {
    if (next_record.value() == 0) return {};
    const RecordNumber last(next_record.value() - 1);
    const Result<RecordNumber> end = with_.log.end(with_.shard);
    if (!end) return end.error();
    if (*end <= last) {
        return corrupt(last, std::string(seen_by) + " has seen it, and the log ends at record " +
                                 std::to_string(end->value()) + ": records are missing");
    }
    const Result<Digest> stands = past_.digest_of(last);
    if (!stands) return stop_alone(stands.error());
    if (*stands == digest) return {};
    return corrupt(last, "digest mismatch, " + std::string(seen_by) + " and the log: " +
                             expected_found_hex(digest, *stands) +
                             "; where the log is the right one, move store and snapshot in " +
                             directory().string() + " aside, and ends beside it, and they are made "
                             "again");
}

Status ShardLoop::replay_log() {
    const RecordNumber start = std::min(store_position_.next_record, head_.next_record);
    // The facts of records that the snapshot covers and the store does not: read without applying.
    const ChainHead snapshot_head = head_;
    if (start < snapshot_head.next_record) {
        if (Status status = read_facts(start, snapshot_head.next_record); !status) return status;
    }
    const Result<RecordNumber> end = with_.log.end(with_.shard);
    if (!end) return end.error();
    std::vector<StoredRecord> records;
    while (head_.next_record < *end) {
        records.clear();
        if (Status status =
                with_.log.read_records(with_.shard, head_.next_record, kReplayBytes, records);
            !status) {
            return status;
        }
        for (const StoredRecord& stored : records) {
            if (head_.next_record == *end) break;
            if (Status status = replay_record(stored); !status) return status;
        }
        if (Status status = facts_->rotate(); !status) return status;
    }
    consumed_ = next_read_ = head_.next_command;
    consumed_step_ = next_step_read_ = head_.next_step;
    return {};
}

Status ShardLoop::read_facts(RecordNumber from, RecordNumber end) {
    std::vector<StoredRecord> records;
    while (from < end) {
        records.clear();
        if (Status status = with_.log.read_records(with_.shard, from, kReplayBytes, records);
            !status)
            return status;
        for (const StoredRecord& stored : records) {
            if (from == end) break;
            const Result<RecordView> record = verifier_.verify(from, stored.bytes);
            if (!record) return record.error();
            if (Status status = replay_events(*record, false, true); !status) return status;
            from = from.next();
        }
        if (Status status = facts_->rotate(); !status) return status;
    }
    return {};
}

namespace {

/// What a header says otherwise than the chain demands; null when all is as it must be.
const char* header_fault(const RecordHeader& header, const ChainHead& head) {
    if (header.first_event != head.next_event) return "event numbers do not follow";
    if (header.time < head.last_time) return "time goes back";
    if (header.term < head.term) return "term goes back";
    if (header.epoch != head.epoch) return "not of the open epoch";
    if (header.previous_digest != head.last_digest)
        return "does not follow its predecessor's digest";
    return nullptr;
}

}  // namespace

Status ShardLoop::replay_record(const StoredRecord& stored) {
    const Result<RecordView> record = verifier_.verify(head_.next_record, stored.bytes);
    if (!record) return record.error();
    const RecordHeader& header = record->header;
    if (const char* fault = header_fault(header, head_)) {
        return corrupt(head_.next_record, fault);
    }
    const bool is_new_to_store = header.record >= store_position_.next_record;
    if (Status status = replay_events(*record, true, is_new_to_store); !status) return status;
    if (!head_.epoch_has_record) {
        head_.epoch_first_event = header.first_event;
        head_.epoch_first_time = header.time;
        head_.epoch_has_record = true;
    }
    if (ended_epoch_) {
        head_.epoch = head_.epoch.next();
        head_.epoch_has_record = false;
    }
    head_.next_record = header.record.next();
    head_.next_event = EventNumber(header.first_event.value() + header.event_count);
    head_.last_digest = record->digest;
    head_.last_time = header.time;
    head_.term = header.term;
    head_.next_command = header.next_command;
    head_.next_step = header.next_step;
    return {};
}

/// Applies a record's events, or only takes their facts.
Status ShardLoop::replay_events(const RecordView& record, bool apply, bool take_facts) {
    const RecordNumber number = record.header.record;
    EventReader reader(record.body);
    std::vector<AddedFact> added;
    EventNumber event_number = record.header.first_event;
    ended_epoch_ = false;
    while (true) {
        const Result<std::optional<std::span<const std::byte>>> bytes = reader.next();
        if (!bytes) return corrupt(number, bytes.error().message);
        if (!*bytes) break;
        arena_.clear();
        const Result<Event> event = decode_event(**bytes, arena_);
        if (!event)
            return corrupt(number, "event " + std::to_string(event_number.value()) + ": " +
                                       event.error().message);
        const Locator locator{
            .record = number,
            .event = event_number,
            .offset = static_cast<std::uint32_t>((*bytes)->data() - record.body.data()),
            .size = static_cast<std::uint32_t>((*bytes)->size())};
        if (const auto* raised = std::get_if<FormatRaised>(&*event);
            raised != nullptr && raised->to > kFormatLevel) {
            return Fault{FaultCode::configuration,
                         "shard " + std::to_string(with_.shard.value()) + " record " +
                             std::to_string(number.value()) + ": newer programs write format level " +
                             std::to_string(raised->to) + ", this one knows up to " +
                             std::to_string(kFormatLevel) + "; use the newer program"};
        }
        if (take_facts) facts_->add(*event, locator, added);
        if (apply) {
            if (!follows_state(*event) || !apply_to_peers(*event)) {
                return corrupt(number, "event " + std::to_string(event_number.value()) +
                                           ": does not follow from the ones before");
            }
            state_.apply(*event, event_number, from_snapshot_);
        }
        ended_epoch_ = std::holds_alternative<EpochSealed>(*event);
        if (const auto* accepted = std::get_if<ClockAccepted>(&*event))
            head_.clock_accepted = accepted->last;
        event_number = event_number.next();
    }
    if (event_number.value() - record.header.first_event.value() != record.header.event_count) {
        return corrupt(number, "holds another number of events than its header says");
    }
    facts_->forget_answers();
    if (facts_->fault()) return *facts_->fault();
    if (take_facts) facts_->add_durable(added, {number.next(), record.digest});
    return {};
}

/// A snapshot's peers are exactly of its head, so this holds after one too.
bool ShardLoop::apply_to_peers(const Event& event) {
    std::vector<StepPeerBefore> durable;
    if (const auto* sent = std::get_if<StepsSent>(&event)) return peers_.apply(*sent, durable);
    if (const auto* taken = std::get_if<StepsTaken>(&event)) return peers_.apply(*taken, durable);
    return true;
}

bool ShardLoop::follows_state(const Event& event) const {
    const std::span<const Change> changes = changes_of(event);
    const auto* decided = std::get_if<CommandDecided>(&event);
    const bool opens = std::holds_alternative<TransitOpened>(event) ||
                       (decided && std::holds_alternative<OpenAccount>(decided->command.body));
    if (changes.empty()) return true;
    const AccountTable& accounts = state_.accounts();
    if (opens) {
        const AccountNumber number = changes.front().account;
        return changes.size() == 1 && (number == state_.next_account() ||
                                       (from_snapshot_ && number < state_.next_account()));
    }
    for (std::size_t i = 0; i < changes.size(); ++i) {
        const Change& change = changes[i];
        if (change.account >= state_.next_account()) return false;
        if (from_snapshot_) continue;
        // An entry may name an account several times.
        std::uint64_t before = accounts.row(change.account).standing.version.value();
        for (std::size_t k = 0; k < i; ++k)
            before += changes[k].account == change.account ? 1U : 0U;
        if (change.version.value() != before + 1) return false;
    }
    return true;
}

/// Each input goes on where the last record says, or from where an operator moved it. Before
/// anything is written: brokers then take what is there for what was consumed.
Status ShardLoop::find_inputs() {
    for (const MovedInput& moved : with_.options.moved_inputs) {
        if (moved.shard != with_.shard) continue;
        Offset& at = moved.input == InputKind::commands ? consumed_ : consumed_step_;
        if (moved.from != at || moved.to == at) {
            return Fault{FaultCode::configuration,
                         "shard " + std::to_string(with_.shard.value()) + ": offset " +
                             std::to_string(at.value()) + " is wanted next, a move from " +
                             std::to_string(moved.from.value()) + " to " +
                             std::to_string(moved.to.value()) + " does not fit"};
        }
        at = moved.to;
    }
    next_read_ = consumed_;
    next_step_read_ = consumed_step_;
    const Result<std::vector<InputGap>> gaps =
        with_.log.input_gaps(with_.shard, {consumed_, consumed_step_});
    if (!gaps) return gaps.error();
    if (gaps->empty()) return {};
    return Fault{FaultCode::corrupt, stop_text(with_.shard, *gaps)};
}

Status ShardLoop::take_over() {
    head_.term = head_.next_record.value() == 0 ? Term(0) : head_.term.next();
    const Result<ShardEnd> end = with_.log.acquire(with_.shard, head_.term);
    if (!end) return end.error();
    if (end->next_record != head_.next_record) {
        return Fault{FaultCode::fenced, "shard " + std::to_string(with_.shard.value()) +
                                            ": another writer went on to record " +
                                            std::to_string(end->next_record.value())};
    }
    if (Status found = find_inputs(); !found) return found;
    const Timestamp last = head_.last_time;
    const Timestamp clock = with_.clock.now();
    const Result<bool> accepts = believe_clock();
    if (!accepts) return accepts.error();
    snapshot_event_ = head_.next_event;
    if (Status status = begin_record(now()); !status) return status;
    sink_->append(Event(TermStarted{head_.term, with_.options.writer, with_.options.program}));
    if (*accepts) {
        sink_->append(Event(ClockAccepted{clock, last, *with_.options.accept_clock}));
        head_.clock_accepted = last;
    }
    for (const AcceptedLoss& loss : with_.options.tail_lost) {
        if (loss.shard != with_.shard) continue;
        if (loss.record != open_->number()) {
            return corrupt(open_->number(), "is where the shard goes on, and not record " +
                                                std::to_string(loss.record.value()) +
                                                ", from which on records were to be given up");
        }
        TailLost lost{};
        lost.record = loss.record;
        lost.known_record = loss.known_record;
        if (loss.known_record) lost.known_digest = loss.known_digest;
        lost.asked_by = with_.options.asked_by;
        sink_->append(Event(lost));
    }
    for (const MovedInput& moved : with_.options.moved_inputs) {
        if (moved.shard != with_.shard) continue;
        sink_->append(Event(InputMoved{moved.input, moved.from, moved.to, moved.reason,
                                       with_.options.asked_by}));
    }
    const bool all_expired = expire_holds(state_, open_->time, *sink_);
    if (Status status = close_record(); !status) return status;
    if (!all_expired) {
        if (Status status = open_record(); !status) return status;
        if (Status status = close_record(); !status) return status;
    }
    while (!in_flight_.empty()) {
        if (Status status = complete_durable(true); !status) return status;
    }
    return {};
}

/// True when it is believed only because an operator accepts it.
Result<bool> ShardLoop::believe_clock() {
    if (with_.deployment.test_clock) return false;
    const std::filesystem::path path = directory() / "clock";
    const bool is_new = head_.next_record.value() == 0;
    const std::optional<std::string> doubt =
        is_new ? std::nullopt
               : doubt_of_start(clock_.look(), kept_look(path), head_.last_time,
                                head_.clock_accepted);
    if (doubt && !with_.options.accept_clock) {
        return Fault{FaultCode::configuration,
                     "shard " + std::to_string(with_.shard.value()) + ": " + *doubt +
                         "; set it right and start again, or accept it with --accept-clock NAME"};
    }
    clock_.trust();
    kept_look_ = clock_.trusted();
    keep_look(path, kept_look_);
    return doubt.has_value();
}

// --- Snapshots while running --------------------------------------------------------------------

// A snapshot spares time at the next start and nothing else: when it cannot be written, the shard
// goes on without.
Status ShardLoop::continue_snapshot() {
    if (!with_.options.snapshots) return {};
    if (!snapshot_ && head_.next_event.value() - snapshot_event_.value() >=
                          with_.options.bounds.snapshot_events) {
        snapshot_event_ = head_.next_event;
        begin_snapshot();
    }
    if (!snapshot_ || snapshot_is_publishing_) {
        if (snapshot_is_publishing_ &&
            publishing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
            snapshot_is_publishing_ = false;
            report_snapshot(publishing_.get());
            snapshot_.reset();
        }
        return {};
    }
    if (!snapshot_is_copied_) {
        const Result<bool> copied = snapshot_->copy_some(state_);
        if (!copied) {
            report_snapshot(copied.error());
            snapshot_.reset();
            return {};
        }
        snapshot_is_copied_ = *copied;
        snapshot_covers_ = head_.next_record;
    }
    const RecordNumber durable =
        in_flight_.empty() ? head_.next_record : in_flight_.front()->number();
    if (snapshot_is_copied_ && durable >= snapshot_covers_) {
        snapshot_is_publishing_ = true;
        publishing_ = std::async(std::launch::async,
                                 [writer = snapshot_.get()] { return writer->publish(); });
    }
    return {};
}

void ShardLoop::begin_snapshot() {
    const SecretKey key = with_.keys.local_key("snapshot", with_.shard);
    Result<std::unique_ptr<SnapshotWriter>> writer =
        SnapshotWriter::begin(directory() / "snapshot", key, head_, peers_);
    if (!writer) {
        report_snapshot(writer.error());
        return;
    }
    snapshot_ = std::move(*writer);
    snapshot_is_copied_ = false;
}

void ShardLoop::report_snapshot(const Status& status) const {
    if (status) return;
    std::fprintf(stderr, "vouch: warning: shard %u: %s; the next start takes longer\n",
                 with_.shard.value(), status.error().message.c_str());
}

void ShardLoop::abandon_snapshot() {
    if (snapshot_is_publishing_) publishing_.wait();
    snapshot_is_publishing_ = false;
    snapshot_.reset();
}

/// Everything decided is durable: the store and a snapshot of it make the next start quick.
Status ShardLoop::finish() {
    if (Status status = facts_->flush(); !status) return status;
    if (!with_.options.snapshots) return {};
    abandon_snapshot();
    begin_snapshot();
    if (!snapshot_) return {};
    for (bool copied = false; !copied;) {
        const Result<bool> more = snapshot_->copy_some(state_);
        if (!more) {
            report_snapshot(more.error());
            abandon_snapshot();
            return {};
        }
        copied = *more;
    }
    report_snapshot(snapshot_->publish());
    snapshot_.reset();
    return {};
}

}  // namespace vouch::command_handler
