#include "tests/support/memory_kafka_parts.h"

#include "events/log/kafka/record_message.h"
#include "events/world/clock.h"
#include "events/world/thread.h"

#include <chrono>
#include <mutex>

namespace vouch::test {

using namespace kafka;

Fault MemoryKafkaParts::not_answered(const std::string& what) {
    return {FaultCode::retriable, what + ": not answered in time"};
}

void MemoryKafkaParts::let_pass() {
    constexpr std::chrono::microseconds kCall{500};
    if (Scheduler::current() != nullptr) sleep_for(kCall);
}

class MemoryKafkaParts::Producer final : public Transactions {
public:
    Producer(MemoryBroker& broker, const KafkaLogOptions& options, ShardId shard)
        : broker_(broker),
          options_(options),
          name_(options.name + ".shard." + std::to_string(shard.value())) {}

    Status take_over(std::int64_t timeout_ms) override {
        MemoryKafkaParts::let_pass();
        std::unique_lock lock(broker_.mutex_);
        if (!broker_.await_back(lock, timeout_ms)) return MemoryKafkaParts::not_answered(name_);
        MemoryBroker::Producer& producer = broker_.producers_[name_];
        broker_.decide(producer, MemoryBroker::State::hidden);
        epoch_ = ++producer.epoch;
        ++broker_.take_overs_;
        return {};
    }

    TransactionEnd run(const Transaction& transaction, const std::string& identity) override {
        if (identity.empty()) return {.is_displaced = true, .reason = "name the group"};
        const std::vector<Request> requests = {
            {"write", [&](auto& producer) { return write(producer, transaction); }},
            {"send the offsets", [&](auto&) { return check_member(identity); }},
            {"commit a transaction", [&](auto& producer) { return end(producer, transaction); }}};
        TransactionEnd last;
        for (const Request& request : requests) {
            MemoryKafkaParts::let_pass();
            std::unique_lock lock(broker_.mutex_);
            if (!broker_.await_back(lock, transaction_timeout_ms(options_)))
                return {.reason = std::string(request.what) + ": not answered in time"};
            MemoryBroker::Producer& producer = broker_.producers_[name_];
            if (producer.epoch != epoch_)
                return {.is_fenced = true,
                        .reason = std::string(request.what) + ": another producer has come"};
            last = request.does(producer);
            if (!last.reason.empty()) return last;
        }
        return last;
    }

private:
    struct Request {
        const char* what;
        std::function<TransactionEnd(MemoryBroker::Producer&)> does;
    };

    TransactionEnd write(MemoryBroker::Producer& producer, const Transaction& transaction) {
        producer.since = steady_now();
        const auto append = [&](const std::string& topic, ShardId shard, Bytes key,
                                ByteView bytes) {
            const MemoryBroker::Place place(topic, static_cast<std::int32_t>(shard.value()));
            const std::int64_t offset = broker_.append(
                place, {std::make_shared<MemoryBroker::Stored>(std::move(key),
                                                               Bytes(bytes.begin(), bytes.end())),
                        MemoryBroker::State::open});
            producer.open.emplace_back(place, static_cast<std::size_t>(offset));
            return offset;
        };
        const RecordKey key = key_of(transaction.number);
        offset_ = append(events_topic(options_), transaction.shard, {key.begin(), key.end()},
                         transaction.record);
        for (const OutgoingSteps& steps : transaction.steps)
            append(steps_topic(options_), steps.to, {}, steps.batch);
        return {};
    }

    TransactionEnd check_member(const std::string& identity) {
        const MemoryBroker::Group& group = broker_.groups_[group_name(options_)];
        for (const auto& [instance, member] : group.members) {
            if (identity == member.name + "/" + std::to_string(group.generation)) return {};
        }
        return {.is_displaced = true, .reason = "send the offsets: not a member"};
    }

    TransactionEnd end(MemoryBroker::Producer& producer, const Transaction& transaction) {
        const auto fault = broker_.take_commit_fault();
        if (fault == MemoryBroker::CommitFault::not_done_and_not_answered)
            return {.reason = "commit a transaction: not answered in time"};
        const auto partition = static_cast<std::int32_t>(transaction.shard.value());
        auto& offsets = broker_.groups_[group_name(options_)].offsets;
        offsets[{commands_topic(options_), partition}] =
            static_cast<std::int64_t>(transaction.next.command.value());
        offsets[{steps_topic(options_), partition}] =
            static_cast<std::int64_t>(transaction.next.step.value());
        if (broker_.holds_marks_) {
            broker_.unmarked_.push_back({.open = std::exchange(producer.open, {})});
        } else {
            broker_.decide(producer, MemoryBroker::State::shown);
        }
        if (fault == MemoryBroker::CommitFault::done_and_not_answered)
            return {.reason = "commit a transaction: not answered in time"};
        TransactionEnd done{.is_committed = true, .offset = offset_};
        if (fault == MemoryBroker::CommitFault::answered_twice) done.ends_sent = 2;
        return done;
    }

    MemoryBroker& broker_;
    const KafkaLogOptions options_;
    const std::string name_;
    std::int64_t epoch_ = 0;
    std::int64_t offset_ = 0;
};

std::unique_ptr<Transactions> MemoryKafkaParts::open_transactions(MemoryBroker& broker,
                                                                  const KafkaLogOptions& options,
                                                                  ShardId shard) {
    return std::make_unique<Producer>(broker, options, shard);
}

}  // namespace vouch::test
