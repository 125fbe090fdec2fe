#include "command-handler/gateway/command_gateway.h"

#include "events/entries/codec.h"

#include <chrono>
#include <utility>

namespace vouch::command_handler {

namespace {

/// How long a sender that met a full log waits unless an answer comes.
constexpr std::chrono::milliseconds kFullLogWait{10};

}  // namespace

CommandGateway::CommandGateway(Log& log, std::uint32_t shard_count) : log_(log) {
    for (std::uint32_t i = 0; i < shard_count; ++i) {
        shards_.push_back(std::make_unique<Shard>(ShardId(i), stops_));
        Shard& shard = *shards_.back();
        shard.thread = Thread("gateway", [this, &shard] { run(shard); });
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
        deliveries.add(sender, {*shard.stop, true});
        deliveries.put();
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
    if (shard.sent.unanswered() >= kBatchesUnansweredMax) return false;
    return shard.should_flush || shard.waiting.size() > 1 ||
           shard.waiting.front().senders.size() >= kSecondBatchCommands;
}

void CommandGateway::run(Shard& shard) {
    std::unique_lock lock(shard.mutex);
    for (;;) {
        shard.changed.wait(
            lock, [&] { return shard.is_stopped || shard.wants_mark || may_send(shard); });
        if (shard.is_stopped) return;
        if (std::exchange(shard.wants_mark, false)) {
            lock.unlock();
            // A batch without commands asks for a mark. A full log has records to come anyway.
            (void)log_.produce(shard.number, Bytes());
            lock.lock();
            continue;
        }
        Batch batch = std::move(shard.waiting.front());
        shard.waiting.pop_front();
        shard.waiting_bytes -= batch.bytes.size();
        if (shard.waiting.empty()) shard.should_flush = false;
        shard.is_producing = true;
        lock.unlock();
        const Result<Offset> offset = produce(shard, batch.bytes);
        Deliveries deliveries;
        lock.lock();
        shard.is_producing = false;
        if (!offset && !shard.stop) fail(offset.error());
        if (shard.stop) {
            // A log that gave no offset may have the batch all the same.
            for (const Sender& sender : batch.senders) deliveries.add(sender, {*shard.stop, false});
        } else if (offset) {
            shard.open -= shard.sent.add(*offset, std::move(batch.senders), deliveries);
        }
        shard.sent.forget_early();
        deliveries.put();
        if (!offset) return;
    }
}

Result<Offset> CommandGateway::produce(Shard& shard, const Bytes& batch) {
    for (;;) {
        // A copy, because a full queue takes the batch and does not give it back.
        Result<Offset> offset = log_.produce(shard.number, batch);
        if (offset || offset.error().code != FaultCode::retriable) return offset;
        std::unique_lock lock(shard.mutex);
        if (shard.is_stopped || shard.stop) return offset;
        shard.changed.wait_for(lock, kFullLogWait);
    }
}

void CommandGateway::answered(ShardId number, Offset batch, std::size_t first,
                              std::span<const Answer> answers) {
    Shard& shard = *shards_[number.value()];
    {
        Deliveries deliveries;
        const std::lock_guard lock(shard.mutex);
        shard.open -= shard.sent.take(batch, first, answers, shard.is_producing, deliveries);
        if (may_send(shard)) shard.changed.notify_all();
        deliveries.put();
    }
    if (after_answers_) after_answers_();
}

void CommandGateway::stopped(ShardId number, const Fault& fault, FaultScope scope) {
    if (scope == FaultScope::log) return fail(fault);
    const StoppedShard stop{number, fault};
    stops_.add(stop);
    for (const std::unique_ptr<Shard>& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        const bool is_own = shard->number == number;
        if (is_own) shard->stop = stop;
        cut_off(*shard, is_own ? std::nullopt : std::optional(number), stop);
        shard->changed.notify_all();
    }
    if (after_answers_) after_answers_();
}

void CommandGateway::held_back(const HeldBack& held) {
    stops_.add(held);
    for (const auto& [at, other] : {std::pair(held.by, held.sender), {held.sender, held.by}}) {
        Shard& shard = *shards_[at.value()];
        const std::lock_guard lock(shard.mutex);
        cut_off(shard, other, held.as_stop());
    }
    if (after_answers_) after_answers_();
}

void CommandGateway::cut_off(Shard& shard, std::optional<ShardId> waits_for,
                             const StoppedShard& by) {
    Deliveries deliveries;
    shard.open -= shard.sent.cut_off(waits_for, by, deliveries);
    if (!waits_for) {
        for (const Batch& batch : shard.waiting) {
            for (const Sender& sender : batch.senders) deliveries.add(sender, {by, true});
        }
        shard.waiting.clear();
        shard.waiting_bytes = 0;
    }
    deliveries.put();
}

void CommandGateway::fail(const Fault& fault) {
    const std::lock_guard lock(mailboxes_mutex_);
    if (!fault_) fault_ = fault;
    for (AnswerMailbox* const mailbox : mailboxes_) mailbox->fail(fault);
}

}  // namespace vouch::command_handler
