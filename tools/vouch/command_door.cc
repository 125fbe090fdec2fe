#include "tools/vouch/command_door.h"

#include "events/check.h"
#include "events/entries/codec.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace vouch::cli {

using command_handler::Answer;

namespace {

/// How long a sender that met a full log waits unless an answer comes.
constexpr std::chrono::milliseconds kFullLogWait{10};

}  // namespace

CommandDoor::CommandDoor(Log& log, std::uint32_t shard_count) : log_(log) {
    for (std::uint32_t i = 0; i < shard_count; ++i) {
        shards_.push_back(std::make_unique<Shard>());
        Shard& shard = *shards_.back();
        shard.thread = std::thread([this, &shard, i] { run(shard, ShardId(i)); });
        ::pthread_setname_np(shard.thread.native_handle(), "door");
    }
}

CommandDoor::~CommandDoor() { stop(); }

void CommandDoor::add_box(AnswerBox& box) { boxes_.push_back(&box); }

void CommandDoor::stop() {
    for (const std::unique_ptr<Shard>& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        shard->is_stopped = true;
        shard->changed.notify_all();
    }
    for (const std::unique_ptr<Shard>& shard : shards_) {
        if (shard->thread.joinable()) shard->thread.join();
    }
}

bool CommandDoor::append(ShardId number, const Command& command, const Sender& sender) {
    Shard& shard = *shards_[number.value()];
    // Tag and length of a member take at most 4 bytes: 64 KiB is below 2^21.
    const std::size_t bytes_max = encoded_size(command) + 4;
    const std::lock_guard lock(shard.mutex);
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

void CommandDoor::flush() {
    for (const std::unique_ptr<Shard>& shard : shards_) {
        const std::lock_guard lock(shard->mutex);
        if (shard->waiting.empty() || shard->should_flush) continue;
        shard->should_flush = true;
        if (may_send(*shard)) shard->changed.notify_all();
    }
}

void CommandDoor::ask_for_mark(ShardId number) {
    Shard& shard = *shards_[number.value()];
    const std::lock_guard lock(shard.mutex);
    shard.wants_mark = true;
    shard.changed.notify_all();
}

bool CommandDoor::may_send(const Shard& shard) {
    if (shard.waiting.empty() || shard.is_producing) return false;
    if (shard.unanswered_batches >= kBatchesUnansweredMax) return false;
    return shard.should_flush || shard.waiting.size() > 1 ||
           shard.waiting.front().senders.size() >= kSecondBatchCommands;
}

void CommandDoor::run(Shard& shard, ShardId number) {
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
        if (!offset) fail(offset.error());
        Deliveries deliveries;
        lock.lock();
        shard.is_producing = false;
        if (offset) {
            add_sent(shard, *offset, std::move(batch.senders));
            for (const EarlyAnswers& early : shard.early) {
                if (early.batch != *offset || shard.sent.empty()) continue;
                std::vector<Answer> answers;
                for (const KeptAnswer& kept : early.answers) answers.push_back(kept.answer);
                take(shard, number, std::prev(shard.sent.end()), early.first, answers, deliveries);
            }
        }
        shard.early.clear();
        if (!offset) return;
        lock.unlock();
        for (auto& [box, boxed] : deliveries) box->put(std::move(boxed));
        lock.lock();
    }
}

Result<Offset> CommandDoor::produce(Shard& shard, ShardId number, const Bytes& batch) {
    for (;;) {
        // A copy, because a full queue takes the batch and does not give it back.
        Result<Offset> offset = log_.produce(number, batch);
        if (offset || offset.error().code != FaultCode::retriable) return offset;
        std::unique_lock lock(shard.mutex);
        if (shard.is_stopped) return offset;
        shard.changed.wait_for(lock, kFullLogWait);
    }
}

void CommandDoor::add_sent(Shard& shard, Offset offset, std::vector<Sender> senders) {
    const std::size_t count = senders.size();
    shard.sent.push_back({.offset = offset,
                          .senders = std::move(senders),
                          .told = std::vector<Told>(count, Told::nothing),
                          .unanswered = count,
                          .open = count});
    ++shard.unanswered_batches;
}

void CommandDoor::take(Shard& shard, ShardId number, std::deque<SentBatch>::iterator batch,
                       std::size_t first, std::span<const Answer> answers, Deliveries& out) {
    VOUCH_ASSERT(first + answers.size() <= batch->senders.size());
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const Sender& sender = batch->senders[first + i];
        Told& told = batch->told[first + i];
        const Told now = is_final(answers[i]) ? Told::outcome : Told::in_transit;
        VOUCH_ASSERT(told < now);
        if (told == Told::nothing && --batch->unanswered == 0) --shard.unanswered_batches;
        if (now == Told::outcome) {
            --batch->open;
            --shard.open;
        }
        told = now;
        auto boxed = std::find_if(out.begin(), out.end(),
                                  [&](const auto& each) { return each.first == sender.box; });
        if (boxed == out.end()) {
            out.emplace_back(sender.box, std::vector<AnswerBox::Delivery>());
            boxed = std::prev(out.end());
            boxed->second.reserve(answers.size() - i);
        }
        boxed->second.push_back({.taker = sender.taker,
                                 .position = sender.position,
                                 .shard = number,
                                 .answer = KeptAnswer(answers[i])});
    }
    if (batch->open == 0) shard.sent.erase(batch);
}

void CommandDoor::answered(ShardId number, Offset offset, std::size_t first,
                           std::span<const Answer> answers) {
    Shard& shard = *shards_[number.value()];
    Deliveries deliveries;
    {
        const std::lock_guard lock(shard.mutex);
        const auto batch =
            std::find_if(shard.sent.begin(), shard.sent.end(),
                         [&](const SentBatch& each) { return each.offset == offset; });
        if (batch != shard.sent.end()) {
            take(shard, number, batch, first, answers, deliveries);
            if (may_send(shard)) shard.changed.notify_all();
        } else if (shard.is_producing) {
            EarlyAnswers early{.batch = offset, .first = first, .answers = {}};
            for (const Answer& answer : answers) early.answers.emplace_back(answer);
            shard.early.push_back(std::move(early));
        }
        // Otherwise another producer's batch: its answers are nobody's here.
    }
    for (auto& [box, boxed] : deliveries) box->put(std::move(boxed));
    if (after_answers_) after_answers_();
}

void CommandDoor::stopped(ShardId, const Fault& fault) { fail(fault); }

void CommandDoor::fail(const Fault& fault) {
    for (AnswerBox* const box : boxes_) box->fail(fault);
}

}  // namespace vouch::cli
