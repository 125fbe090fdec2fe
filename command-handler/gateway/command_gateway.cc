#include "command-handler/gateway/command_gateway.h"

#include "events/check.h"
#include "events/entries/codec.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace vouch::command_handler {

namespace {

/// How long a sender that met a full log waits unless an answer comes.
constexpr std::chrono::milliseconds kFullLogWait{10};

const Fault kTooManyWait{FaultCode::retriable, "too many commands wait for its answers"};

/// What is on its way to a sender's mailbox.
std::vector<AnswerMailbox::Delivery>& deliveries_of(
    const CommandGateway::Sender& sender,
    std::vector<std::pair<AnswerMailbox*, std::vector<AnswerMailbox::Delivery>>>& out) {
    const auto found = std::find_if(out.begin(), out.end(),
                                    [&](const auto& each) { return each.first == sender.mailbox; });
    if (found != out.end()) return found->second;
    return out.emplace_back(sender.mailbox, std::vector<AnswerMailbox::Delivery>()).second;
}

}  // namespace

CommandGateway::CommandGateway(Log& log, std::uint32_t shard_count) : log_(log) {
    for (std::uint32_t i = 0; i < shard_count; ++i) {
        shards_.push_back(std::make_unique<Shard>());
        Shard& shard = *shards_.back();
        shard.thread = Thread("gateway", [this, &shard, i] { run(shard, ShardId(i)); });
    }
}

CommandGateway::~CommandGateway() { stop(); }

void CommandGateway::add_mailbox(AnswerMailbox& mailbox) {
    const std::lock_guard lock(mailboxes_mutex_);
    mailboxes_.push_back(&mailbox);
    if (fault_) mailbox.fail(*fault_);
}

void CommandGateway::stop() {
    for (const std::unique_ptr<Shard>& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        shard->is_stopped = true;
        shard->changed.notify_all();
    }
    for (const std::unique_ptr<Shard>& shard : shards_) {
        if (shard->thread.joinable()) shard->thread.join();
    }
}

bool CommandGateway::append(ShardId number, const Command& command, const Sender& sender) {
    Shard& shard = *shards_[number.value()];
    // Tag and length of a member take at most 4 bytes: 64 KiB is below 2^21.
    const std::size_t bytes_max = encoded_size(command) + 4;
    std::unique_lock lock(shard.mutex);
    if (shard.stop) {
        Deliveries deliveries;
        add_cut_off(sender, {*shard.stop, true}, deliveries);
        deliver(deliveries);
        return true;
    }
    if (shard.is_stopped || shard.open >= kOpenCommandsMax ||
        shard.waiting_bytes + bytes_max > kWaitingBytesMax) {
        return false;
    }
    const bool is_full = shard.waiting.empty() ||
                         shard.waiting.back().senders.size() == kBatchCommandsMax ||
                         shard.waiting.back().bytes.size() + bytes_max > kBatchBytesMax;
    if (is_full) shard.waiting.emplace_back();
    Batch& batch = shard.waiting.back();
    const std::size_t before = batch.bytes.size();
    append_to_batch(command, batch.bytes);
    batch.senders.push_back(sender);
    shard.waiting_bytes += batch.bytes.size() - before;
    ++shard.open;
    if (batch.senders.size() == kSecondBatchCommands && may_send(shard)) shard.changed.notify_all();
    return true;
}

void CommandGateway::flush() {
    for (const std::unique_ptr<Shard>& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        if (shard->waiting.empty() || shard->should_flush) continue;
        shard->should_flush = true;
        if (may_send(*shard)) shard->changed.notify_all();
    }
}

void CommandGateway::ask_for_mark(ShardId number) {
    Shard& shard = *shards_[number.value()];
    const std::lock_guard lock(shard.mutex);
    if (shard.stop) return;
    shard.wants_mark = true;
    shard.changed.notify_all();
}

bool CommandGateway::may_send(const Shard& shard) {
    if (shard.waiting.empty() || shard.is_producing) return false;
    if (shard.unanswered_batches >= kBatchesUnansweredMax) return false;
    return shard.should_flush || shard.waiting.size() > 1 ||
           shard.waiting.front().senders.size() >= kSecondBatchCommands;
}

void CommandGateway::run(Shard& shard, ShardId number) {
    std::unique_lock lock(shard.mutex);
    for (;;) {
        shard.changed.wait(
            lock, [&] { return shard.is_stopped || shard.wants_mark || may_send(shard); });
        if (shard.is_stopped) return;
        if (std::exchange(shard.wants_mark, false)) {
            lock.unlock();
            // A batch without commands asks for a mark. A full log has records to come anyway.
            (void)log_.produce(number, Bytes());
            lock.lock();
            continue;
        }
        Batch batch = std::move(shard.waiting.front());
        shard.waiting.pop_front();
        shard.waiting_bytes -= batch.bytes.size();
        if (shard.waiting.empty()) shard.should_flush = false;
        shard.is_producing = true;
        lock.unlock();
        const Result<Offset> offset = produce(shard, number, batch.bytes);
        Deliveries deliveries;
        lock.lock();
        shard.is_producing = false;
        if (!offset && !shard.stop) fail(offset.error());
        if (shard.stop) {
            // A log that gave no offset may have the batch all the same.
            for (const Sender& sender : batch.senders)
                add_cut_off(sender, {*shard.stop, false}, deliveries);
        } else if (offset) {
            add_sent(shard, *offset, std::move(batch.senders));
            for (const EarlyAnswers& early : shard.early) {
                const auto sent = sent_as(shard, early.batch);
                if (sent == shard.sent.end()) continue;
                std::vector<Answer> answers;
                for (const KeptAnswer& kept : early.answers) answers.push_back(kept.answer);
                take(shard, number, sent, early.first, answers, deliveries);
            }
        }
        shard.early.clear();
        deliver(deliveries);
        if (!offset) return;
    }
}

Result<Offset> CommandGateway::produce(Shard& shard, ShardId number, const Bytes& batch) {
    for (;;) {
        // A copy, because a full queue takes the batch and does not give it back.
        Result<Offset> offset = log_.produce(number, batch);
        if (offset || offset.error().code != FaultCode::retriable) return offset;
        std::unique_lock lock(shard.mutex);
        if (shard.is_stopped || shard.stop) return offset;
        shard.changed.wait_for(lock, kFullLogWait);
    }
}

std::deque<CommandGateway::SentBatch>::iterator CommandGateway::sent_as(Shard& shard,
                                                                        Offset offset) {
    return std::find_if(shard.sent.begin(), shard.sent.end(),
                        [&](const SentBatch& each) { return each.offset == offset; });
}

void CommandGateway::add_sent(Shard& shard, Offset offset, std::vector<Sender> senders) {
    const std::size_t count = senders.size();
    shard.sent.push_back({.offset = offset,
                          .senders = std::move(senders),
                          .progress = std::vector<Progress>(count),
                          .unanswered = count,
                          .open = count});
    ++shard.unanswered_batches;
}

void CommandGateway::take(Shard& shard, ShardId number, std::deque<SentBatch>::iterator batch,
                          std::size_t first, std::span<const Answer> answers, Deliveries& out) {
    VOUCH_ASSERT(first + answers.size() <= batch->senders.size());
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const Sender& sender = batch->senders[first + i];
        Progress& progress = batch->progress[first + i];
        Told& told = progress.told;
        // What was cut off was told so for good, though its shard goes on.
        if (told == Told::cut_off) continue;
        const Told now = is_final(answers[i]) ? Told::outcome : Told::in_transit;
        VOUCH_ASSERT(told < now);
        if (told == Told::nothing && --batch->unanswered == 0) --shard.unanswered_batches;
        progress.waits_for = answers[i].waits_for;
        if (now == Told::outcome) {
            --batch->open;
            --shard.open;
        }
        told = now;
        std::vector<AnswerMailbox::Delivery>& letters = deliveries_of(sender, out);
        letters.reserve(letters.size() + answers.size() - i);
        letters.push_back({.taker = sender.taker,
                           .position = sender.position,
                           .shard = number,
                           .told = KeptAnswer(answers[i])});
        // The other shard may have stopped before it was known who waits for it.
        if (now == Told::outcome) continue;
        std::optional<CutOff> cut;
        if (const auto stop = stop_between(number, progress.waits_for)) {
            cut = CutOff{*stop};
        } else if (answers[i].is_last) {
            cut = CutOff{{progress.waits_for.value_or(number), kTooManyWait}, false, true};
        }
        if (!cut) continue;
        told = Told::cut_off;
        --batch->open;
        --shard.open;
        add_cut_off(sender, *cut, out);
    }
    if (batch->open == 0) shard.sent.erase(batch);
}

void CommandGateway::answered(ShardId number, Offset offset, std::size_t first,
                              std::span<const Answer> answers) {
    Shard& shard = *shards_[number.value()];
    Deliveries deliveries;
    {
        const std::lock_guard lock(shard.mutex);
        const auto batch = sent_as(shard, offset);
        if (batch != shard.sent.end()) {
            take(shard, number, batch, first, answers, deliveries);
            if (may_send(shard)) shard.changed.notify_all();
        } else if (shard.is_producing) {
            EarlyAnswers early{.batch = offset, .first = first, .answers = {}};
            for (const Answer& answer : answers) early.answers.emplace_back(answer);
            shard.early.push_back(std::move(early));
        }
        // Otherwise another producer's batch: its answers are nobody's here.
        deliver(deliveries);
    }
    if (after_answers_) after_answers_();
}

void CommandGateway::stopped(ShardId number, const Fault& fault, FaultScope scope) {
    if (scope == FaultScope::log) return fail(fault);
    const StoppedShard stop{number, fault};
    {
        const std::lock_guard lock(stops_mutex_);
        stops_.push_back(stop);
    }
    for (std::uint32_t i = 0; i < shards_.size(); ++i) {
        Shard& shard = *shards_[i];
        Deliveries deliveries;
        const std::lock_guard lock(shard.mutex);
        const bool is_own = ShardId(i) == number;
        if (is_own) shard.stop = stop;
        cut_off(shard, is_own ? std::nullopt : std::optional(number), stop, deliveries);
        deliver(deliveries);
        shard.changed.notify_all();
    }
    if (after_answers_) after_answers_();
}

void CommandGateway::held_back(const HeldBack& held) {
    {
        const std::lock_guard lock(stops_mutex_);
        held_back_.push_back(held);
    }
    for (const auto& [at, other] : {std::pair(held.by, held.sender), {held.sender, held.by}}) {
        Shard& shard = *shards_[at.value()];
        Deliveries deliveries;
        const std::lock_guard lock(shard.mutex);
        cut_off(shard, other, held.as_stop(), deliveries);
        deliver(deliveries);
    }
    if (after_answers_) after_answers_();
}

void CommandGateway::cut_off(Shard& shard, std::optional<ShardId> waits_for, const StoppedShard& by,
                             Deliveries& out) {
    for (auto batch = shard.sent.begin(); batch != shard.sent.end();) {
        for (std::size_t i = 0; i < batch->senders.size(); ++i) {
            Progress& progress = batch->progress[i];
            if (progress.told >= Told::outcome) continue;
            if (waits_for && progress.waits_for != waits_for) continue;
            progress.told = Told::cut_off;
            --batch->open;
            --shard.open;
            add_cut_off(batch->senders[i], {by, false}, out);
        }
        batch = batch->open == 0 ? shard.sent.erase(batch) : std::next(batch);
    }
    if (waits_for) return;
    for (const Batch& batch : shard.waiting) {
        for (const Sender& sender : batch.senders) add_cut_off(sender, {by, true}, out);
    }
    shard.waiting.clear();
    shard.waiting_bytes = 0;
}

void CommandGateway::add_cut_off(const Sender& sender, const CutOff& cut, Deliveries& out) {
    deliveries_of(sender, out).push_back({.taker = sender.taker,
                                   .position = sender.position,
                                   .shard = cut.by.shard,
                                   .told = cut});
}

void CommandGateway::deliver(Deliveries& deliveries) {
    for (auto& [mailbox, letters] : deliveries) mailbox->put(std::move(letters));
}

std::optional<StoppedShard> CommandGateway::stop_between(ShardId shard,
                                                         std::optional<ShardId> other) {
    if (!other) return std::nullopt;
    const std::lock_guard lock(stops_mutex_);
    for (const StoppedShard& each : stops_) {
        if (each.shard == *other) return each;
    }
    for (const HeldBack& each : held_back_) {
        if (std::minmax(each.sender, each.by) == std::minmax(shard, *other)) return each.as_stop();
    }
    return std::nullopt;
}

void CommandGateway::fail(const Fault& fault) {
    const std::lock_guard lock(mailboxes_mutex_);
    if (!fault_) fault_ = fault;
    for (AnswerMailbox* const mailbox : mailboxes_) mailbox->fail(fault);
}

}  // namespace vouch::command_handler
