#include "command-handler/shard/step_rebuild.h"

#include "events/check.h"
#include "events/world/clock.h"
#include "events/world/notice.h"

#include <cstdint>
#include <variant>

namespace vouch::command_handler {

StepRebuild::StepRebuild(const ShardEnvironment& with, ShardBooks& books, StepSenders& senders,
                         StepReceiver& receiver, RecordWriter& writer)
    : with_(with),
      books_(books),
      senders_(senders),
      receiver_(receiver),
      writer_(writer),
      late_(with.deployment.shards) {}

// The one of whom most is read goes first.
std::optional<ShardId> StepRebuild::sender() {
    if (replay_ && senders_.of(replay_->sender()).rebuild) return replay_->sender();
    for (std::uint32_t i = 0; i < senders_.count(); ++i) {
        if (senders_.of(ShardId(i)).rebuild) return ShardId(i);
    }
    return std::nullopt;
}

Status StepRebuild::go_on() {
    if (replay_ && senders_.of(replay_->sender()).is_held_back()) replay_.reset();
    const std::optional<ShardId> from = sender();
    if (!from) return {};
    StepSender& sender = senders_.of(*from);
    StepSender::Rebuild& rebuild = *sender.rebuild;
    // It can only go on, and what it knows is of no use to others.
    if (!replay_ || replay_->sender() != *from || rebuild.next < replay_->next()) {
        replay_ = std::make_unique<SenderReplay>(
            with_.log, with_.deployment, with_.keys, *from, with_.shard,
            [this](LedgerId ledger, CommandId entry) { return payer_of(ledger, entry); });
    }
    const Result<std::optional<Bytes>> built = replay_->read_on(rebuild.next);
    if (books_.facts->fault()) return *books_.facts->fault();
    if (!built) {
        StepBatchHeader wanted;
        wanted.from = *from;
        wanted.number = rebuild.next;
        Fault fault = receiver_.corrupt(wanted, "missing or altered, and cannot be built again: " +
                                                 built.error().message);
        fault.code = built.error().code;
        replay_.reset();
        return senders_.hold_back(*from, *sender.set_aside_from, fault);
    }
    if (!*built) return {};
    if (Status taken = take_built(**built); !taken) return taken;
    rebuild.next = rebuild.next.next();
    if (rebuild.next >= rebuild.until) senders_.resume(*from);
    return {};
}

Status StepRebuild::take_built(const Bytes& built) {
    const Result<StepBatchView> batch = parse_step_batch(built);
    VOUCH_ASSERT(batch);
    const StepBatchHeader& header = batch->header;
    const Digest digest = digest_of(*batch);
    const StepBatchPlace place = books_.peers.place(header, digest);
    switch (place.kind) {
        case StepBatchPlace::Kind::next:
            tell({Severity::alarm, "steps_rebuilt",
                  "shard " + std::to_string(with_.shard.value()) + ": batch " +
                      std::to_string(header.number.value()) + " of shard " +
                      std::to_string(header.from.value()) +
                      "'s steps is missing or altered; built again from its records",
                  with_.shard});
            senders_.of(header.from).failed_reads = 0;
            return receiver_.take(*batch, digest, place.first, true);
        case StepBatchPlace::Kind::known:
            return {};
        case StepBatchPlace::Kind::missing:
        case StepBatchPlace::Kind::forked:
            break;
    }
    return stop_before(header,
                       "was taken otherwise than its sender's records have it, after digest " +
                           expected_found_hex(books_.peers.of(header.from).last_taken,
                                              header.previous_digest));
}

// What was refused may be why it does not fit.
Status StepRebuild::stop_before(const StepBatchHeader& header, const std::string& what) {
    if (Status status = writer_.close(); !status) return status;
    return receiver_.corrupt(header, what);
}

/// Who paid an entry of this shard that crossed to another one, which reverses or refunds it.
Result<AccountId> StepRebuild::payer_of(LedgerId ledger, CommandId entry) {
    ShardFacts& facts = *books_.facts;
    const std::optional<PastCommand> past = facts.find_command(ledger, entry);
    if (facts.fault()) return *facts.fault();
    AccountId payer;
    if (past) {
        const CommandBody& body = past->command().body;
        if (const auto* transfer = std::get_if<Transfer>(&body)) payer = transfer->debit;
        if (const auto* capture = std::get_if<CaptureHold>(&body)) payer = capture->account;
    }
    facts.forget_answers();
    if (!payer.is_zero()) return payer;
    return Fault{FaultCode::corrupt, "a reversal of an entry that did not cross"};
}

void StepRebuild::look_for_late() {
    if (with_.sent == nullptr) return;
    bool is_awaited = false;
    for (std::uint32_t i = 0; i < senders_.count(); ++i) {
        const ShardId from(i);
        const StepBatchNumber next = books_.peers.of(from).next_taken;
        const StepBatchNumber sent = with_.sent->next(from, with_.shard);
        Late& late = late_[i];
        is_awaited = is_awaited || sent > next;
        StepSender& sender = senders_.of(from);
        if (from == with_.shard || sent <= next || sender.set_aside_from) {
            late.since.reset();
            continue;
        }
        const auto now = steady_now();
        if (!late.since || late.next != next) late = {next, now};
        if (now - *late.since < std::chrono::microseconds(with_.options.bounds.steps_late_us))
            continue;
        sender.set_aside(senders_.next_read());
        sender.rebuild = {next, with_.sent->next(from, with_.shard)};
        late.since.reset();
    }
    if (!is_awaited && !sender()) replay_.reset();
}

bool StepRebuild::is_waiting() const {
    for (const Late& late : late_) {
        if (late.since) return true;
    }
    return false;
}

}  // namespace vouch::command_handler
