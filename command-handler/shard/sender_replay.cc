#include "command-handler/shard/sender_replay.h"

#include "events/entries/codec.h"
#include "events/entries/step_parts.h"
#include "events/money/shard_of.h"
#include "events/overloads.h"

#include <algorithm>
#include <string>
#include <utility>

// Steps by the rules of docs/rules.md, "Across shards", from what the sender's events say.

namespace vouch::command_handler {
namespace {

Fault cannot(const std::string& what) { return {FaultCode::corrupt, what}; }

template <class E>
constexpr bool kSendsNothing =
    kEventKind<E>.is_act ||
    kIsOneOf<E, CommandDecided, CommandAnswered, ConflictSeen, Unreadable, TermStarted, EpochSealed,
             TransitOpened, StepRefused, ForwardRepeated, Mark>;

/// The commands that never cross.
template <class Body>
constexpr bool kNeverCrosses =
    ChangesItsAccount<Body> || kIsOneOf<Body, PostEntry, ExtendHold, Group, SetClock>;

}  // namespace

SenderReplay::SenderReplay(LogReader& log, const Deployment& deployment, const EpochKeys& keys,
                           ShardId sender, ShardId to, PayerOf payer_of)
    : log_(log),
      deployment_(deployment),
      keys_(keys),
      sender_(sender),
      to_(to),
      payer_of_(std::move(payer_of)),
      verifier_(deployment, sender, &keys),
      state_(sender, deployment.shards),
      sent_(deployment.shards) {
    last_digest_ = deployment.genesis_tag;
}

Result<std::optional<Bytes>> SenderReplay::read_on(StepBatchNumber number) {
    wanted_ = number;
    for (; !built_.empty() && first_built_ < number; first_built_ = first_built_.next())
        built_.pop_front();
    if (built_.empty() && next_read_ == read_.size()) {
        read_.clear();
        next_read_ = 0;
        if (Status read = log_.read_records(sender_, next_record_, kBytesACall, read_); !read)
            return read.error();
        if (read_.empty()) {
            return cannot("shard " + std::to_string(sender_.value()) + " has sent no batch " +
                          std::to_string(number.value()) + " to shard " +
                          std::to_string(to_.value()) + ", its records end at " +
                          std::to_string(next_record_.value()));
        }
    }
    while (built_.empty() && next_read_ < read_.size()) {
        if (Status read = read_record(read_[next_read_++]); !read) return read.error();
    }
    if (built_.empty()) return std::optional<Bytes>();
    std::optional<Bytes> batch = std::move(built_.front());
    built_.pop_front();
    first_built_ = first_built_.next();
    return batch;
}

Status SenderReplay::read_record(const StoredRecord& stored) {
    const Result<RecordView> record = verifier_.verify(next_record_, stored.bytes);
    if (!record) return record.error();
    const RecordHeader& header = record->header;
    if (!follows(header, last_digest_))
        return verifier_.corrupt(stored.number, "does not follow its predecessor");
    for (Sent& each : sent_) {
        each.steps.clear();
        each.announced = 0;
    }
    taking_from_.reset();
    const Result<bool> has = sends_wanted(*record);
    if (!has) return verifier_.corrupt(header.record, has.error().message);
    is_wanted_ = *has;
    state_.changes().begin_record();
    EventReader reader(record->body);
    for (EventNumber number = header.first_event;; number = number.next()) {
        const Result<std::optional<std::span<const std::byte>>> bytes = reader.next();
        if (!bytes) return verifier_.corrupt(header.record, bytes.error().message);
        if (!*bytes) break;
        arena_.clear();
        const Result<Event> event = decode_event(**bytes, arena_);
        if (!event) return verifier_.corrupt(header.record, event.error().message);
        if (Status read = read_event(*event, number, *record); !read) {
            if (read.error().code != FaultCode::corrupt) return read;
            return verifier_.corrupt(header.record, read.error().message);
        }
    }
    state_.changes().forget_oldest_record();
    next_record_ = header.record.next();
    last_digest_ = record->digest;
    return {};
}

/// Whether a record sends the batch that is wanted, or one after it. Of all other records' steps
/// only their number counts.
Result<bool> SenderReplay::sends_wanted(const RecordView& record) {
    EventReader reader(record.body);
    while (true) {
        const Result<std::optional<std::span<const std::byte>>> bytes = reader.next();
        if (!bytes) return bytes.error();
        if (!*bytes) return false;
        arena_.clear();
        const Result<Event> event = decode_event(**bytes, arena_);
        if (!event) return event.error();
        const auto* sent = std::get_if<StepsSent>(&*event);
        if (sent != nullptr && sent->to == to_ && sent->number >= wanted_) return true;
    }
}

// Steps follow from the state before their event.
Status SenderReplay::read_event(const Event& event, EventNumber number, const RecordView& record) {
    const Status sent = std::visit(
        Overloads{
            [&](const StepsSent& each) { return announce(each, record); },
            [&](const StepsTaken& taken) {
                taking_from_ = taken.from;
                return Status();
            },
            [&]<class E>(const E& each) {
                if constexpr (!kSendsNothing<E>) return send_from(each);
                return Status();
            },
        },
        event);
    if (sent) state_.apply(event, number);
    return sent;
}

Status SenderReplay::send_from(const CommandInTransit& event) {
    // Who is paid back the receiver knows, and nobody asks for others' steps.
    const Result<StepKind> kind = is_wanted_ && event.to == to_
                                      ? departing(event)
                                      : Result<StepKind>(StepKind(CreditStep{}));
    if (!kind) return kind.error();
    send(event.to, {event.command.ledger, event.command.id, *kind, event.command.id_text});
    return {};
}

Status SenderReplay::send_from(const CommandForwarded& event) {
    send(event.to, {{}, {}, ForwardStep{event.command}});
    return {};
}

Status SenderReplay::send_from(const HoldExpired& event) {
    const HoldState& hold = event.hold;
    if (hold.remote_payee.is_zero()) return {};
    const ReleaseStep release{hold.id, remaining_of(event.ledger, hold.id), true};
    send(shard_of(hold.remote_payee, deployment_.shards), {event.ledger, hold.id, release});
    return {};
}

Status SenderReplay::send_from(const StepFollowed& event) {
    if (!taking_from_) return cannot("a step was followed that nobody sent");
    const Step& step = event.step;
    if (is_expiry(step.kind)) return {};
    const Amount taken = is_accepted(event.outcome)
                             ? event.moved.value_or(amount_asked(step.kind))
                             : Amount();
    send(*taking_from_,
         {step.ledger, step.command, AnswerStep{event.outcome, taken, event.facts}});
    return {};
}

void SenderReplay::send(ShardId to, const Step& step) {
    if (to.value() >= sent_.size()) return;  // no StepsSent can name it
    Built built;
    if (is_wanted_ && to == to_) {
        append_to_steps(step, built.bytes);
        append_to_steps(without_text(step), built.without_text);
    }
    sent_[to.value()].steps.push_back(std::move(built));
}

Status SenderReplay::announce(const StepsSent& event, const RecordView& record) {
    if (event.to.value() >= sent_.size()) return cannot("steps sent to a shard that there is not");
    Sent& pair = sent_[event.to.value()];
    if (event.number != pair.next || pair.steps.size() - pair.announced < event.count)
        return cannot("steps sent that do not follow from its events");
    StepBatchHeader header;
    header.previous_digest = pair.last;
    Bytes steps;
    Bytes without_text;
    for (std::uint32_t i = 0; i < event.count; ++i) {
        const Built& step = pair.steps[pair.announced++];
        steps.insert(steps.end(), step.bytes.begin(), step.bytes.end());
        without_text.insert(without_text.end(), step.without_text.begin(),
                            step.without_text.end());
    }
    const auto is_sent = [&, last = pair.last](const Bytes& built) {
        return std::ranges::equal(
            step_batch_digest(sender_, event.to, event.number, last, built), event.digest);
    };
    pair.last = digest_from(event.digest);
    pair.next = event.number.next();
    if (event.to != to_ || event.number < wanted_) return {};
    if (!is_sent(steps)) steps = std::move(without_text);
    if (!is_sent(steps))
        return cannot("the steps that it sent do not follow from its events");
    header.deployment = deployment_.id;
    header.chain = deployment_.chain;
    header.from = sender_;
    header.to = event.to;
    header.number = event.number;
    header.count = event.count;
    header.record = record.header.record;
    header.record_digest = record.digest;
    header.time = record.header.time;
    Mac mac(keys_.step_key(sender_));
    if (built_.empty()) first_built_ = event.number;
    built_.push_back(seal_step_batch(mac, header, steps));
    return {};
}

// --- What a command in transit sends -----------------------------------------------------------

Asset SenderReplay::asset_of(AccountNumber account) const {
    return state_.accounts().asset(state_.accounts().row(account));
}

Amount SenderReplay::remaining_of(LedgerId ledger, CommandId hold) const {
    const HoldState* found = state_.holds().find({ledger, hold});
    return found != nullptr ? found->remaining : Amount();
}

Result<StepKind> SenderReplay::departing(const CommandInTransit& event) {
    const CommandBody& body = event.command.body;
    if (event.changes.empty() || event.changes.front().account >= state_.accounts().next())
        return cannot("a command is in transit from no account");
    const Leaving leaving{.ledger = event.command.ledger,
                          .asset = asset_of(event.changes.front().account),
                          .amount = event.moved.value_or(amount_asked(body).value_or(Amount())),
                          .change = event.changes.front()};
    return std::visit(
        [&]<class Body>(const Body& each) -> Result<StepKind> {
            if constexpr (kNeverCrosses<Body>) {
                return cannot("a command is in transit that does not cross");
            } else {
                return departing(each, leaving);
            }
        },
        body);
}

Result<StepKind> SenderReplay::departing(const Transfer& transfer, const Leaving& leaving) {
    return StepKind(CreditStep{.payer = transfer.debit,
                               .payee = transfer.credit,
                               .asset = leaving.asset,
                               .amount = leaving.amount,
                               .may_take_less = caps_credit(transfer.balancing),
                               .makes_entry = true});
}

Result<StepKind> SenderReplay::departing(const PlaceHold& place, const Leaving& leaving) {
    return StepKind(HoldStep{place.debit, place.credit, leaving.asset, leaving.amount});
}

Result<StepKind> SenderReplay::departing(const CaptureHold& capture, const Leaving& leaving) {
    const HoldState* hold = state_.holds().find({leaving.ledger, capture.hold});
    if (hold == nullptr) return cannot("a capture of a hold that is not open");
    if (!hold->payee) {
        return StepKind(CreditStep{.payer = capture.account,
                                   .payee = capture.credit,
                                   .asset = leaving.asset,
                                   .amount = leaving.amount,
                                   .makes_entry = true});
    }
    const Amount freed = capture.keep_rest ? leaving.amount : hold->remaining;
    return StepKind(CaptureStep{capture.hold, capture.account, leaving.amount, freed});
}

Result<StepKind> SenderReplay::departing(const ReleaseHold& release, const Leaving& leaving) {
    const Amount freed = remaining_of(leaving.ledger, release.hold);
    return StepKind(ReleaseStep{release.hold, freed, false});
}

/// What a reversal or refund gives back.
template <class Undoing>
Result<StepKind> SenderReplay::departing(const Undoing& undoing, const Leaving& leaving) {
    const Result<AccountId> payee = payer_of_(leaving.ledger, undoing.entry);
    if (!payee) return payee.error();
    const AccountTable& accounts = state_.accounts();
    return StepKind(CreditStep{.payer = accounts.row(leaving.change.account).id,
                               .payee = *payee,
                               .asset = leaving.asset,
                               .amount = leaving.change.amount});
}

}  // namespace vouch::command_handler
