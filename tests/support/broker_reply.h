#pragma once

#include <cstdint>

namespace vouch::test {

/// What a broker in memory answers to a request, by Kafka's name for it.
enum class Reply : std::uint8_t {
    done,
    unanswered,  ///< the client's time is over: whether it was done is not known
    // librdkafka sends it again, unasked.
    concurrent_transactions,
    not_coordinator,
    not_leader,
    out_of_order_sequence,
    // The producer's end.
    producer_fenced,
    invalid_producer_epoch,
    invalid_txn_state,
    // Of the group.
    unknown_member,
    fenced_instance,
    illegal_generation,
    rebalance_in_progress,
    // Of the message.
    message_too_large,
    unknown_topic
};

constexpr const char* name_of(Reply answer) {
    switch (answer) {
        case Reply::done: return "NO_ERROR";
        case Reply::unanswered: return "not answered in time";
        case Reply::concurrent_transactions: return "CONCURRENT_TRANSACTIONS";
        case Reply::not_coordinator: return "NOT_COORDINATOR";
        case Reply::not_leader: return "NOT_LEADER_OR_FOLLOWER";
        case Reply::out_of_order_sequence: return "OUT_OF_ORDER_SEQUENCE_NUMBER";
        case Reply::producer_fenced: return "PRODUCER_FENCED";
        case Reply::invalid_producer_epoch: return "INVALID_PRODUCER_EPOCH";
        case Reply::invalid_txn_state: return "INVALID_TXN_STATE";
        case Reply::unknown_member: return "UNKNOWN_MEMBER_ID";
        case Reply::fenced_instance: return "FENCED_INSTANCE_ID";
        case Reply::illegal_generation: return "ILLEGAL_GENERATION";
        case Reply::rebalance_in_progress: return "REBALANCE_IN_PROGRESS";
        case Reply::message_too_large: return "MSG_SIZE_TOO_LARGE";
        case Reply::unknown_topic: return "UNKNOWN_TOPIC_OR_PART";
    }
    return "";
}

constexpr bool is_sent_again(Reply answer) {
    return answer == Reply::concurrent_transactions || answer == Reply::not_coordinator ||
           answer == Reply::not_leader;
}

/// One life of a producer. A new epoch of the same id ends the one before.
struct ProducerLife {
    std::int64_t id = -1;  ///< -1: nobody's, as of who sends without sequences
    std::int64_t epoch = 0;
    friend bool operator==(const ProducerLife&, const ProducerLife&) = default;
};

}  // namespace vouch::test
