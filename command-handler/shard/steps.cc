#include "command-handler/core/decide.h"
#include "command-handler/shard/shard_loop.h"
#include "events/check.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdio>
#include <utility>

// Other shards' steps: batches are checked, taken once each and in order, and their steps executed.

namespace vouch::command_handler {
namespace {

/// Steps whose memory is brought nearer together.
constexpr std::uint32_t kStepsAhead = 32;
/// Batches that the answers to one batch of steps make at most: it has 256 KiB and 2,048 steps at
/// most, and an answer is hardly longer than its step.
constexpr std::size_t kAnswerBatchesMax = 4;

AccountId payee_of(const Step& step) {
    if (const auto* credit = std::get_if<CreditStep>(&step.kind)) return credit->payee;
    if (const auto* hold = std::get_if<HoldStep>(&step.kind)) return hold->payee;
    return AccountId();
}

Digest digest_of(const StepBatchView& batch) {
    const StepBatchHeader& header = batch.header;
    return step_batch_digest(header.from, header.to, header.number, header.previous_digest,
                             batch.steps);
}

}  // namespace

Status ShardLoop::take_step_batches() {
    for (std::uint32_t i = 0; i < peers_.shard_count(); ++i) {
        if (senders_[i].awaiting.empty()) continue;
        const Result<RecordNumber> end = with_.log.end(ShardId(i));
        if (Status status = end ? take_awaiting(senders_[i], *end)
                                : hold_back(ShardId(i), next_step_read_, end.error());
            !status) {
            return status;
        }
    }
    for (const StepInput& input : steps_read_) {
        next_step_read_ = input.offset.next();
        consumed_step_ = first_held(input.offset);
        if (Status status = take_step_input(input); !status) return status;
    }
    consumed_step_ = first_held(next_step_read_);
    return {};
}

/// The first offset of steps that is not wholly taken, if everything before `otherwise` is looked at.
Offset ShardLoop::first_held(Offset otherwise) const {
    for (const StepSender& sender : senders_) otherwise = sender.first_held(otherwise);
    return otherwise;
}

// What waits for its sender's record stands before what comes: whether that is known by now is asked
// once for both, so that the later one is not taken first.
Status ShardLoop::take_step_input(const StepInput& input) {
    const Result<StepBatchView> batch = parse_step_batch(input.payload);
    const bool is_sealed = batch && is_authentic(*batch);
    Offset& next = is_sealed ? senders_[batch->header.from.value()].next : next_foreign_;
    if (input.offset < next) return {};  // read again for the sake of another sender's
    next = input.offset.next();
    if (!is_sealed) return refuse_steps(input);
    const StepBatchHeader& header = batch->header;
    StepSender& sender = senders_[header.from.value()];
    if (sender.set_aside_from) return pass_over(header.from);
    const Result<RecordNumber> end = with_.log.end(header.from);
    if (!end) return hold_back(header.from, input.offset, end.error());
    if (Status status = take_awaiting(sender, *end); !status) return status;
    if (sender.set_aside_from) return pass_over(header.from);
    const Digest digest = digest_of(*batch);
    if (peers_.place(header, digest).kind == StepBatchPlace::Kind::known) return {};
    if (header.record == *end) return await_record(input, header);
    if (header.record > *end) return refuse_steps(input);
    return take_step_batch(input, *batch, digest);
}

Status ShardLoop::take_awaiting(StepSender& sender, RecordNumber end) {
    if (end <= sender.awaited) return {};
    while (!sender.awaiting.empty()) {
        const StepInput input = sender.take_awaiting();
        consumed_step_ = first_held(input.offset);
        const Result<StepBatchView> batch = parse_step_batch(input.payload);
        VOUCH_ASSERT(batch);
        if (Status status = take_step_batch(input, *batch, digest_of(*batch)); !status)
            return status;
    }
    return {};
}

/// Of a batch that its sender sealed, and whose record is known.
Status ShardLoop::take_step_batch(const StepInput& input, const StepBatchView& batch,
                                  const Digest& digest) {
    const StepBatchHeader& header = batch.header;
    const Result<bool> sent = is_in_chain(header);
    if (!sent) return hold_back(header.from, input.offset, sent.error());
    if (!*sent) return refuse_steps(input);
    StepSender& sender = senders_[header.from.value()];
    const StepBatchPlace place = peers_.place(header, digest);
    switch (place.kind) {
        case StepBatchPlace::Kind::next:
            return take_steps(batch, digest, place.first, false);
        case StepBatchPlace::Kind::known:
            return {};
        case StepBatchPlace::Kind::missing:
            sender.set_aside(input.offset);
            sender.rebuild = {peers_.of(header.from).next_taken, header.number};
            return {};
        case StepBatchPlace::Kind::forked:
            if (Status status = refuse_steps(input); !status) return status;
            sender.set_aside(input.offset.next());
            sender.rebuild = {header.number, header.number.next()};
            return {};
    }
    return {};
}

// What cannot be read of a sender's records is that sender's: everybody else's steps go on, and so do
// commands.
Status ShardLoop::hold_back(ShardId from, Offset offset, const Fault& fault) {
    const bool is_of_log = with_.log.failure().has_value();
    if (is_of_log || (fault.code != FaultCode::corrupt && fault.code != FaultCode::storage))
        return fault;
    StepSender& sender = senders_[from.value()];
    sender.set_aside(offset);
    sender.rebuild.reset();
    if (replay_ && replay_->sender() == from) replay_.reset();
    if (fault.code == FaultCode::storage && ++sender.failed_reads < StepSender::kReadsMax) {
        if (sender.failed_reads == 1) {
            std::fprintf(stderr, "vouch: warning: shard %u cannot read shard %u, and tries again: %s\n",
                         with_.shard.value(), from.value(), fault.message.c_str());
        }
        sender.read_again_at = std::chrono::steady_clock::now() + read_again_after();
        return {};
    }
    sender.fault = fault;
    const HeldBack held{from, with_.shard, fault};
    if (with_.cuts != nullptr) with_.cuts->hold_back(held);
    with_.sink.held_back(held);
    return pass_over(from);
}

std::chrono::microseconds ShardLoop::read_again_after() const {
    return std::chrono::microseconds(with_.options.bounds.steps_read_again_us);
}

void ShardLoop::read_steps_again() {
    const auto now = std::chrono::steady_clock::now();
    for (StepSender& sender : senders_) {
        if (!sender.read_again_at || now < *sender.read_again_at) continue;
        sender.read_again_at.reset();
        next_step_read_ = std::min(next_step_read_, sender.resume());
    }
}

// There may be many: people hear of the 1st, 2nd, 4th, 8th…
Status ShardLoop::pass_over(ShardId from) {
    StepSender& sender = senders_[from.value()];
    if (!sender.fault || !std::has_single_bit(++sender.passed_over)) return {};
    std::fprintf(stderr, "vouch: alarm: %s; %llu batches so far\n",
                 HeldBack{from, with_.shard, *sender.fault}.text().c_str(),
                 static_cast<unsigned long long>(sender.passed_over));
    return {};
}

/// Whose batches are being built again; the one of whom most is read goes first.
std::optional<ShardId> ShardLoop::rebuilt_sender() const {
    if (replay_ && senders_[replay_->sender().value()].rebuild) return replay_->sender();
    for (std::uint32_t i = 0; i < peers_.shard_count(); ++i) {
        if (senders_[i].rebuild) return ShardId(i);
    }
    return std::nullopt;
}

// Steps follow from their sender's sealed records, so what does not come as it was sent is built
// again from them, and goes on as if it had come. A part in each round: the shard goes on meanwhile.
Status ShardLoop::continue_rebuild() {
    const std::optional<ShardId> from = rebuilt_sender();
    if (!from) return {};
    StepSender& sender = senders_[from->value()];
    StepSender::Rebuild& rebuild = *sender.rebuild;
    // It can only go on, and what it knows is of no use to others.
    if (!replay_ || replay_->sender() != *from || rebuild.next < replay_->next()) {
        replay_ = std::make_unique<SenderReplay>(
            with_.log, with_.deployment, with_.keys, *from, with_.shard,
            [this](LedgerId ledger, CommandId entry) { return payer_of(ledger, entry); });
    }
    const Result<std::optional<Bytes>> built = replay_->read_on(rebuild.next);
    if (facts_->fault()) return *facts_->fault();
    if (!built) {
        StepBatchHeader wanted;
        wanted.from = *from;
        wanted.number = rebuild.next;
        Fault fault = corrupt_steps(wanted, "missing or altered, and cannot be built again: " +
                                                built.error().message);
        fault.code = built.error().code;
        return hold_back(*from, *sender.set_aside_from, fault);
    }
    if (!*built) return {};
    if (Status taken = take_rebuilt(**built); !taken) return taken;
    rebuild.next = rebuild.next.next();
    if (rebuild.next >= rebuild.until) next_step_read_ = std::min(next_step_read_, sender.resume());
    return {};
}

Status ShardLoop::take_rebuilt(const Bytes& built) {
    const Result<StepBatchView> batch = parse_step_batch(built);
    VOUCH_ASSERT(batch);
    const StepBatchHeader& header = batch->header;
    const Digest digest = digest_of(*batch);
    const StepBatchPlace place = peers_.place(header, digest);
    switch (place.kind) {
        case StepBatchPlace::Kind::next:
            std::fprintf(stderr,
                         "vouch: alarm: shard %u: batch %llu of shard %u's steps is missing or "
                         "altered; built again from its records\n",
                         with_.shard.value(),
                         static_cast<unsigned long long>(header.number.value()),
                         header.from.value());
            return take_steps(*batch, digest, place.first, true);
        case StepBatchPlace::Kind::known:
            return {};
        case StepBatchPlace::Kind::missing:
        case StepBatchPlace::Kind::forked:
            break;
    }
    return stop_before(header, "was taken otherwise than its sender's records have it, after digest " +
                                   expected_found_hex(peers_.of(header.from).last_taken,
                                                      header.previous_digest));
}

/// Who paid an entry of this shard that crossed to another one, which reverses or refunds it.
Result<AccountId> ShardLoop::payer_of(LedgerId ledger, CommandId entry) {
    const std::optional<PastCommand> past = facts_->find_command(ledger, entry);
    if (facts_->fault()) return *facts_->fault();
    AccountId payer;
    if (past) {
        const CommandBody& body = past->command().body;
        if (const auto* transfer = std::get_if<Transfer>(&body)) payer = transfer->debit;
        if (const auto* capture = std::get_if<CaptureHold>(&body)) payer = capture->account;
    }
    facts_->forget_answers();
    if (!payer.is_zero()) return payer;
    return Fault{FaultCode::corrupt, "a reversal of an entry that did not cross"};
}

/// Steps that another shard of this process has sent and that do not come: after a while they are
/// built again, all that are sent by then. Only when all that came is taken.
void ShardLoop::look_for_late_steps() {
    if (with_.sent == nullptr || !steps_read_.empty()) return;
    bool is_awaited = false;
    for (std::uint32_t i = 0; i < peers_.shard_count(); ++i) {
        const ShardId from(i);
        const StepBatchNumber next = peers_.of(from).next_taken;
        LateSteps& late = late_steps_[i];
        const bool is_late = with_.sent->next(from, with_.shard) > next;
        is_awaited = is_awaited || is_late;
        if (from == with_.shard || !is_late || senders_[i].set_aside_from) {
            late.since.reset();
            continue;
        }
        const auto now = std::chrono::steady_clock::now();
        if (!late.since || late.next != next) late = {next, now};
        if (now - *late.since < std::chrono::microseconds(with_.options.bounds.steps_late_us))
            continue;
        senders_[i].set_aside(next_step_read_);
        senders_[i].rebuild = {next, with_.sent->next(from, with_.shard)};
        late.since.reset();
    }
    if (!is_awaited && !rebuilt_sender()) replay_.reset();
}

/// When steps have to be looked for again; empty when nothing is awaited.
std::optional<std::int64_t> ShardLoop::steps_wait_us() const {
    for (const StepSender& sender : senders_) {
        if (sender.read_again_at) return with_.options.bounds.steps_read_again_us;
    }
    for (const LateSteps& late : late_steps_) {
        if (late.since) return with_.options.bounds.steps_late_us;
    }
    return std::nullopt;
}

bool ShardLoop::is_authentic(const StepBatchView& batch) {
    const StepBatchHeader& header = batch.header;
    if (header.deployment != with_.deployment.id ||
        header.chain_high != with_.deployment.chain_high ||
        header.chain_low != with_.deployment.chain_low) {
        return false;
    }
    if (header.to != with_.shard || header.from == with_.shard) return false;
    if (header.from.value() >= peers_.shard_count()) return false;
    return equal_tags(step_batch_tag(step_mac_of(header.from), batch.content), batch.tag);
}

/// Whether the record that a batch comes with is its sender's. One that was never committed left its
/// steps on the topic, under their seal, and whoever can write there can put them back. What is
/// refused wrongly is built again.
Result<bool> ShardLoop::is_in_chain(const StepBatchHeader& header) {
    std::unique_ptr<VerifiedReader>& reader = senders_[header.from.value()].reader;
    if (!reader) {
        constexpr std::size_t kFrontsKept = 1;
        reader = std::make_unique<VerifiedReader>(with_.log, with_.deployment, header.from,
                                                  with_.keys, kFrontsKept);
    }
    const Result<Digest> digest = reader->digest_of(header.record);
    if (!digest) return digest.error();
    return *digest == header.record_digest;
}

/// A batch may be shown a moment before this process knows its record, the sender's next one, to be
/// durable. Until that is known or is another one, it waits, and nobody else does.
Status ShardLoop::await_record(const StepInput& input, const StepBatchHeader& header) {
    StepSender& sender = senders_[header.from.value()];
    sender.await(input, header.record);
    while (sender.is_overfull()) {
        if (Status status = refuse_steps(sender.take_awaiting()); !status) return status;
    }
    return {};
}

/// Whether something awaited can be taken now, or can not.
bool ShardLoop::has_awaited_record() const {
    for (std::uint32_t i = 0; i < peers_.shard_count(); ++i) {
        if (senders_[i].awaiting.empty()) continue;
        const Result<RecordNumber> end = with_.log.end(ShardId(i));
        if (!end || *end > senders_[i].awaited) return true;
    }
    return false;
}

// Whoever can write to the log could send many of these: people hear of the 1st, 2nd, 4th, 8th…
Status ShardLoop::refuse_steps(const StepInput& input) {
    if (std::has_single_bit(++refused_step_batches_)) {
        std::fprintf(stderr,
                     "vouch: alarm: shard %u: steps at offset %llu are no other shard's; refused, "
                     "%llu so far\n",
                     with_.shard.value(), static_cast<unsigned long long>(input.offset.value()),
                     static_cast<unsigned long long>(refused_step_batches_));
    }
    if (open_ && !sink_->has_room_for(RecordSink::kStepsTakenBytesMax, 0)) {
        if (Status status = close_record(); !status) return status;
    }
    if (Status status = open_record(); !status) return status;
    const ByteView bytes = input.payload;
    const Digest digest = sha256({&bytes, 1});
    sink_->append(Event(StepRefused{input.offset, bytes.size(), digest}));
    return {};
}

// What was taken or refused before this batch stands; what was refused may be why it does not fit.
Status ShardLoop::stop_before(const StepBatchHeader& header, const std::string& what) {
    if (Status status = close_record(); !status) return status;
    return corrupt_steps(header, what);
}

Fault ShardLoop::corrupt_steps(const StepBatchHeader& header, const std::string& what) const {
    return {FaultCode::corrupt, "shard " + std::to_string(with_.shard.value()) +
                                    ": steps of shard " + std::to_string(header.from.value()) +
                                    ", batch " + std::to_string(header.number.value()) + ": " +
                                    what};
}

Status ShardLoop::read_step_list(const StepBatchView& batch) {
    steps_.clear();
    StepReader reader(batch.steps);
    while (true) {
        const Result<std::optional<Step>> step = reader.next(arena_);
        if (!step) return corrupt_steps(batch.header, step.error().message);
        if (!*step) break;
        steps_.push_back(**step);
    }
    if (steps_.size() == batch.header.count) return {};
    return corrupt_steps(batch.header, "expected " + std::to_string(batch.header.count) +
                                           " steps, found " + std::to_string(steps_.size()));
}

// A record is never earlier than those whose steps it takes. What does not fit goes on in the next
// one, also when that is written by the shard's next writer.
Status ShardLoop::take_steps(const StepBatchView& batch, const Digest& digest,
                             std::uint32_t first, bool rebuilt) {
    const StepBatchHeader& header = batch.header;
    senders_[header.from.value()].failed_reads = 0;
    arena_.clear();
    if (Status status = read_step_list(batch); !status) return status;
    while (first < header.count) {
        if (open_ && open_->time < header.time) {
            if (Status status = close_record(); !status) return status;
        }
        if (Status status = open_record(std::max(now(), header.time)); !status) return status;
        const std::uint32_t count = count_fitting(first);
        if (count == 0) {
            if (Status status = close_record(); !status) return status;
            continue;
        }
        const StepsTaken taken{.from = header.from,
                               .number = header.number,
                               .first = first,
                               .count = count,
                               .record = header.record,
                               .record_digest = header.record_digest,
                               .digest = digest,
                               .left = header.count - first - count,
                               .rebuilt = rebuilt};
        sink_->append(Event(taken));
        const bool follows = peers_.apply(taken, open_->peers_before);
        VOUCH_ASSERT(follows);
        if (Status status = execute_steps(header, first, count); !status) return status;
        first += count;
    }
    return {};
}

// Steps take less than their bounds, so a record takes several parts of a batch, as long as they
// are worth a part. Zero only when the open record has events already: an empty one takes any step,
// since it has room for any command.
std::uint32_t ShardLoop::count_fitting(std::uint32_t first) const {
    std::size_t bytes = RecordSink::kStepsTakenBytesMax;
    std::size_t batches = kAnswerBatchesMax;
    std::uint32_t count = 0;
    for (std::size_t i = first; i < steps_.size(); ++i, ++count) {
        bytes += step_events_bytes_max(steps_[i]);
        if (std::holds_alternative<ForwardStep>(steps_[i].kind)) ++batches;
        if (!sink_->has_room_for(bytes, batches)) break;
    }
    if (open_->event_count == 0) return std::max<std::uint32_t>(count, 1);
    const std::size_t worth_a_part = std::min<std::size_t>(kStepsAhead, steps_.size() - first);
    return count < worth_a_part ? 0 : count;
}

// As with commands: what steps touch is fetched for some at once, then they are executed.
Status ShardLoop::execute_steps(const StepBatchHeader& header, std::uint32_t first,
                                std::uint32_t count) {
    const StepOrigin origin{header.from, header.record};
    const AccountTable& accounts = state_.accounts();
    const std::span<const Step> steps = std::span<const Step>(steps_).subspan(first, count);
    for (std::size_t begin = 0; begin < steps.size(); begin += kStepsAhead) {
        const auto some =
            steps.subspan(begin, std::min<std::size_t>(kStepsAhead, steps.size() - begin));
        for (const Step& step : some) {
            facts_->prefetch(facts_->hash_of_command(step.ledger, step.command));
            accounts.prefetch_index(step.ledger, payee_of(step));
        }
        for (const Step& step : some) accounts.prefetch_row(step.ledger, payee_of(step));
        const Arena::Mark decoded = arena_.mark();
        for (const Step& step : some) {
            facts_->forget_answers();
            const Result<StepExecution> execution =
                execute_step(state_, *facts_, origin, step, open_->time, *sink_, arena_);
            if (facts_->fault()) return *facts_->fault();
            if (!execution) return corrupt_steps(header, execution.error().message);
            if (execution->kind == StepExecution::Kind::answered) settle(*execution);
            arena_.rewind(decoded);
        }
    }
    return {};
}

}  // namespace vouch::command_handler
