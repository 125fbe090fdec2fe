#include "tests/support/memory_coordinator.h"

#include <algorithm>

namespace vouch::test {

MemoryCoordinator::Life MemoryCoordinator::init(const std::string& name,
                                                std::chrono::milliseconds timeout) {
    Producer& producer = producers_[name];
    if (producer.life.id < 0) producer.life = {ids_++, -1};
    producer.timeout = timeout;
    switch (producer.state) {
        case State::ending:
            return {Reply::concurrent_transactions};
        case State::ongoing:
            ++producer.life.epoch;
            decide(name, producer, false);
            return {Reply::concurrent_transactions};
        case State::none:
        case State::complete:
            break;
    }
    producer.state = State::none;
    producer.was_bumped = false;
    ++producer.life.epoch;
    return {Reply::done, producer.life};
}

Reply MemoryCoordinator::add(const std::string& name, const ProducerLife& who,
                              const std::set<BrokerPlace>& places, SteadyTime now) {
    Producer& producer = producers_[name];
    if (who != producer.life) return Reply::producer_fenced;
    if (producer.state == State::ending) return Reply::concurrent_transactions;
    if (producer.state != State::ongoing) {
        producer.state = State::ongoing;
        producer.was_bumped = false;
        producer.since = now;
        producer.places.clear();
    }
    producer.places.insert(places.begin(), places.end());
    return Reply::done;
}

Reply MemoryCoordinator::verify(const std::string& name, const ProducerLife& who,
                                 const BrokerPlace& place, SteadyTime now) {
    if (protocol_ == TransactionProtocol::unverified) return Reply::done;
    // A producer of version 2 does not add partitions: what it sends does.
    if (protocol_ == TransactionProtocol::bumped) {
        const Reply added = add(name, who, {place}, now);
        return added == Reply::producer_fenced ? Reply::invalid_producer_epoch : added;
    }
    const Producer& producer = producers_[name];
    if (who != producer.life) return Reply::invalid_producer_epoch;
    const bool is_there = producer.state == State::ongoing && producer.places.contains(place);
    return is_there ? Reply::done : Reply::invalid_txn_state;
}

MemoryCoordinator::Life MemoryCoordinator::end(const std::string& name, const ProducerLife& who,
                                               bool commits) {
    Producer& producer = producers_[name];
    const bool is_again = producer.was_bumped && who.id == producer.life.id &&
                          who.epoch + 1 == producer.life.epoch;
    if (who != producer.life && !is_again) return {Reply::producer_fenced};
    const bool is_same = producer.commits == commits;
    switch (producer.state) {
        case State::ongoing:
            if (protocol_ == TransactionProtocol::bumped) {
                ++producer.life.epoch;
                producer.was_bumped = true;
            }
            decide(name, producer, commits);
            return {Reply::done, producer.life};
        case State::ending:
            return {is_same ? Reply::concurrent_transactions : Reply::invalid_txn_state};
        case State::complete:
            if (is_same && (is_again || protocol_ != TransactionProtocol::bumped))
                return {Reply::done, producer.life};
            break;
        case State::none:
            break;
    }
    return {Reply::invalid_txn_state};
}

void MemoryCoordinator::decide(const std::string& name, Producer& producer, bool commits) {
    producer.state = State::ending;
    producer.commits = commits;
    for (const BrokerPlace& place : producer.places)
        marks_.push_back({name, place, producer.life, commits});
    if (producer.places.empty()) producer.state = State::complete;
}

void MemoryCoordinator::written(const Mark& mark) {
    Producer& producer = producers_[mark.name];
    if (producer.state != State::ending) return;
    producer.places.erase(mark.place);
    if (producer.places.empty()) producer.state = State::complete;
}

void MemoryCoordinator::abort_overdue(SteadyTime now) {
    for (auto& [name, producer] : producers_) {
        if (producer.state == State::ongoing && now >= producer.since + producer.timeout)
            bump_epoch(name);
    }
}

SteadyTime MemoryCoordinator::next_overdue() const {
    SteadyTime next = SteadyTime::max();
    for (const auto& [name, producer] : producers_) {
        if (producer.state == State::ongoing)
            next = std::min(next, producer.since + producer.timeout);
    }
    return next;
}

void MemoryCoordinator::bump_epoch(const std::string& name) {
    Producer& producer = producers_.at(name);
    ++producer.life.epoch;
    producer.was_bumped = false;
    if (producer.state == State::ongoing) decide(name, producer, false);
}

}  // namespace vouch::test
