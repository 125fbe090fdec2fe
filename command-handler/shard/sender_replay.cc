#include "command-handler/shard/sender_replay.h"

#include "events/entries/codec.h"
#include "events/money/shard_of.h"

#include <algorithm>
#include <string>
#include <utility>

// Steps by the rules of docs/rules.md, "Across shards", from what the sender's events say.

namespace vouch::command_handler {
namespace {

Fault cannot(const std::string& what) { return {FaultCode::corrupt, what}; }

bool needs_no_answer(const StepKind& kind) {
    const auto* release = std::get_if<ReleaseStep>(&kind);
    return release != nullptr && release->expired;
}

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
    if (const auto* sent = std::get_if<StepsSent>(&event)) return announce(*sent, record);
    if (const auto* taken = std::get_if<StepsTaken>(&event)) taking_from_ = taken->from;
    if (const auto* transit = std::get_if<CommandInTransit>(&event)) {
        // Who is paid back the receiver knows, and nobody asks for others' steps.
        const Result<StepKind> kind = is_wanted_ && transit->to == to_
                                          ? departing(*transit)
                                          : Result<StepKind>(StepKind(CreditStep{}));
        if (!kind) return kind.error();
        send(transit->to, {transit->command.ledger, transit->command.id, *kind,
                           transit->command.id_text});
    } else if (const auto* forwarded = std::get_if<CommandForwarded>(&event)) {
        send(forwarded->to, {{}, {}, ForwardStep{forwarded->command}});
    } else if (const auto* expired = std::get_if<HoldExpired>(&event)) {
        if (!expired->hold.remote_payee.is_zero()) {
            const ReleaseStep release{expired->hold.id,
                                      remaining_of(expired->ledger, expired->hold.id), true};
            send(shard_of(expired->hold.remote_payee, deployment_.shards),
                 {expired->ledger, expired->hold.id, release});
        }
    } else if (const auto* followed = std::get_if<StepFollowed>(&event)) {
        if (!taking_from_) return cannot("a step was followed that nobody sent");
        if (!needs_no_answer(followed->step.kind)) {
            const Amount taken = is_accepted(followed->outcome)
                                     ? followed->moved.value_or(amount_asked(followed->step.kind))
                                     : Amount();
            send(*taking_from_, {followed->step.ledger, followed->step.command,
                                 AnswerStep{followed->outcome, taken, followed->facts}});
        }
    }
    state_.apply(event, number);
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
    const LedgerId ledger = event.command.ledger;
    const CommandBody& body = event.command.body;
    if (event.changes.empty() || event.changes.front().account >= state_.accounts().next())
        return cannot("a command is in transit from no account");
    const Asset asset = asset_of(event.changes.front().account);
    const Amount amount = event.moved.value_or(amount_asked(body).value_or(Amount()));
    if (const auto* transfer = std::get_if<Transfer>(&body)) {
        return StepKind(CreditStep{.payer = transfer->debit,
                                   .payee = transfer->credit,
                                   .asset = asset,
                                   .amount = amount,
                                   .may_take_less = caps_credit(transfer->balancing),
                                   .makes_entry = true});
    }
    if (const auto* place = std::get_if<PlaceHold>(&body)) {
        return StepKind(HoldStep{place->debit, place->credit, asset, amount});
    }
    if (const auto* capture = std::get_if<CaptureHold>(&body)) {
        const HoldState* hold = state_.holds().find({ledger, capture->hold});
        if (hold == nullptr) return cannot("a capture of a hold that is not open");
        if (!hold->payee) {
            return StepKind(CreditStep{.payer = capture->account,
                                       .payee = capture->credit,
                                       .asset = asset,
                                       .amount = amount,
                                       .makes_entry = true});
        }
        const Amount freed = capture->keep_rest ? amount : hold->remaining;
        return StepKind(CaptureStep{capture->hold, capture->account, amount, freed});
    }
    if (const auto* release = std::get_if<ReleaseHold>(&body)) {
        return StepKind(ReleaseStep{release->hold, remaining_of(ledger, release->hold), false});
    }
    const auto* reverse = std::get_if<Reverse>(&body);
    const auto* refund = std::get_if<Refund>(&body);
    if (reverse == nullptr && refund == nullptr)
        return cannot("a command is in transit that does not cross");
    const Result<AccountId> payee =
        payer_of_(ledger, reverse != nullptr ? reverse->entry : refund->entry);
    if (!payee) return payee.error();
    const AccountTable& accounts = state_.accounts();
    return StepKind(CreditStep{.payer = accounts.row(event.changes.front().account).id,
                               .payee = *payee,
                               .asset = asset,
                               .amount = event.changes.front().amount});
}

}  // namespace vouch::command_handler
