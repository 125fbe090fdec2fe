#include "tests/support/memory_kafka_parts.h"

#include "events/log/kafka/record_message.h"
#include "events/world/clock.h"
#include "events/world/thread.h"

#include <chrono>
#include <mutex>
#include <utility>

namespace vouch::test {

using namespace kafka;
using std::chrono::milliseconds;

Fault MemoryKafkaParts::not_answered(const std::string& what) {
    return {FaultCode::retriable, what + ": not answered in time"};
}

void MemoryKafkaParts::let_pass() {
    constexpr std::chrono::microseconds kCall{500};
    if (Scheduler::current() != nullptr) sleep_for(kCall);
}

namespace {

bool is_displacing(Reply answer) {
    return answer == Reply::unknown_member || answer == Reply::fenced_instance ||
           answer == Reply::illegal_generation || answer == Reply::rebalance_in_progress;
}

bool is_fencing(Reply answer) {
    return answer == Reply::producer_fenced || answer == Reply::invalid_producer_epoch;
}

}  // namespace

class MemoryKafkaParts::Producer final : public Transactions {
public:
    Producer(MemoryBroker& broker, const KafkaLogOptions& options, ShardId shard)
        : broker_(broker),
          options_(options),
          name_(options.name + ".shard." + std::to_string(shard.value())) {}

    Status take_over(std::int64_t timeout_ms) override {
        const auto life = std::make_shared<ProducerLife>();
        const Reply answer =
            ask(Request::init, milliseconds(timeout_ms),
                [&broker = broker_, name = name_, life,
                 open_ms = transaction_timeout_ms(options_)] {
                    const auto begun = broker.init(name, open_ms);
                    *life = begun.life;
                    return begun.answer;
                });
        if (answer != Reply::done) return MemoryKafkaParts::not_answered(name_);
        sender_ = {*life, {}};
        const std::lock_guard lock(broker_.mutex_);
        ++broker_.take_overs_;
        return {};
    }

    TransactionEnd run(const Transaction& transaction, const std::string& identity) override {
        if (identity.empty()) return {.is_displaced = true, .reason = "name the group"};
        if (failed_) return *failed_;
        offset_ = std::make_shared<std::int64_t>(-1);
        const bool has_offsets_first = draws_offsets_first();
        if (has_offsets_first) {
            if (const Reply sent = send_offsets(transaction, identity); sent != Reply::done)
                return failed("send the offsets", sent);
        }
        if (const Reply written = write(transaction); written != Reply::done)
            return failed("write", written);
        if (!has_offsets_first) {
            if (const Reply sent = send_offsets(transaction, identity); sent != Reply::done)
                return failed("send the offsets", sent);
        }
        return end();
    }

private:
    using Request = MemoryBroker::Request;
    using Place = MemoryBroker::Place;

    bool draws_offsets_first() {
        const std::lock_guard lock(broker_.mutex_);
        return broker_.happens(broker_.faults_.offsets_first);
    }
    /// What it sends borrows nothing of this: it may be done when this is gone.
    Reply ask(Request kind, milliseconds time, const MemoryBroker::Work& request,
               MemoryBroker::Count* count = nullptr) {
        MemoryKafkaParts::let_pass();
        std::unique_lock lock(broker_.mutex_);
        return broker_.ask(lock, kind, steady_now() + time, request, count);
    }
    Reply ask(Request kind, const MemoryBroker::Work& request,
               MemoryBroker::Count* count = nullptr) {
        return ask(kind, milliseconds(transaction_timeout_ms(options_)), request, count);
    }

    /// Places are added before anything is sent to them; in version 2 what is sent adds them.
    Reply add(const std::set<Place>& places) {
        if (broker_.coordinator_.protocol() == TransactionProtocol::bumped) return Reply::done;
        return ask(Request::add, [&broker = broker_, name = name_, who = sender_.life, places] {
            return broker.add(name, who, places);
        });
    }

    Reply write(const Transaction& transaction) {
        const auto place_of = [](std::string topic, ShardId shard) {
            return Place(std::move(topic), static_cast<std::int32_t>(shard.value()));
        };
        const Place record = place_of(events_topic(options_), transaction.shard);
        std::set<Place> places = {record};
        for (const OutgoingSteps& steps : transaction.steps)
            places.insert(place_of(steps_topic(options_), steps.to));
        if (const Reply added = add(places); added != Reply::done) return added;
        const RecordKey key = key_of(transaction.number);
        Reply sent = produce(record, {key.begin(), key.end()}, transaction.record, offset_);
        for (const OutgoingSteps& steps : transaction.steps) {
            if (sent != Reply::done) break;
            sent = produce(place_of(steps_topic(options_), steps.to), {}, steps.batch,
                           std::make_shared<std::int64_t>(-1));
        }
        return sent;
    }

    Reply produce(const Place& place, Bytes key, ByteView payload,
                   const std::shared_ptr<std::int64_t>& offset) {
        const MemoryPartition::Entry entry{
            std::make_shared<MemoryPartition::Message>(std::move(key),
                                                       Bytes(payload.begin(), payload.end())),
            MemoryPartition::State::open, 0, sender_.life, sender_.sequences[place]++, true};
        return ask(Request::produce, [&broker = broker_, name = name_, place, entry, offset] {
            const auto appended = broker.produce(name, place, entry);
            *offset = appended.offset;
            return appended.answer;
        });
    }

    Reply send_offsets(const Transaction& transaction, const std::string& identity) {
        const std::string group = group_name(options_);
        if (const Reply added = add({{group, kGroupPlace}}); added != Reply::done) return added;
        const auto partition = static_cast<std::int32_t>(transaction.shard.value());
        const MemoryGroup::Offsets offsets = {
            {{commands_topic(options_), partition},
             static_cast<std::int64_t>(transaction.next.command.value())},
            {{steps_topic(options_), partition},
             static_cast<std::int64_t>(transaction.next.step.value())}};
        return ask(Request::consume, [&broker = broker_, name = name_, who = sender_.life, group,
                                      offsets, identity] {
            return broker.consume(name, who, group, offsets, identity);
        });
    }

    TransactionEnd end() {
        using Fault = MemoryBroker::CommitFault;
        constexpr const char* kWhat = "commit a transaction";
        const auto life = std::make_shared<ProducerLife>(sender_.life);
        const MemoryBroker::Work request = [&broker = broker_, name = name_, who = sender_.life,
                                            life] {
            const auto ended = broker.end(name, who, true);
            if (ended.answer == Reply::done) *life = ended.life;
            return ended.answer;
        };
        std::optional<Fault> fault;
        {
            const std::lock_guard lock(broker_.mutex_);
            fault = broker_.take_commit_fault();
        }
        if (fault == Fault::not_done_and_not_answered) return failed(kWhat, Reply::unanswered);
        MemoryBroker::Count count;
        const Reply answer = ask(Request::end, request, &count);
        if (answer != Reply::done) return failed(kWhat, answer);
        if (fault == Fault::done_and_not_answered) return failed(kWhat, Reply::unanswered);
        if (*life != sender_.life) sender_ = {*life, {}};
        if (fault == Fault::answered_twice) {
            ++count.sent;
            const std::lock_guard lock(broker_.mutex_);
            broker_.end_again_later(name_, request);
        }
        // Of one answer librdkafka tells twice.
        return {.is_committed = true,
                .offset = *offset_,
                .ends_sent = count.sent,
                .ends_answered = 2 * count.answered};
    }

    /// librdkafka begins no other transaction then.
    TransactionEnd failed(const std::string& what, Reply answer) {
        const TransactionEnd end{.is_displaced = is_displacing(answer),
                                 .is_fenced = is_fencing(answer),
                                 .reason = what + ": " + name_of(answer)};
        failed_ = {.is_fenced = end.is_fenced, .reason = "begin a transaction: " + end.reason};
        return end;
    }

    MemoryBroker& broker_;
    const KafkaLogOptions options_;
    const std::string name_;
    MemoryBroker::Sender sender_;
    std::shared_ptr<std::int64_t> offset_;
    std::optional<TransactionEnd> failed_;
};

std::unique_ptr<Transactions> MemoryKafkaParts::open_transactions(MemoryBroker& broker,
                                                                  const KafkaLogOptions& options,
                                                                  ShardId shard) {
    return std::make_unique<Producer>(broker, options, shard);
}

}  // namespace vouch::test
