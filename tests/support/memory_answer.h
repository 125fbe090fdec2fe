#pragma once

#include <cstdint>

namespace vouch::test {

/// What a broker in memory answers to a request, by Kafka's name for it.
enum class Answer : std::uint8_t {
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

constexpr const char* name_of(Answer answer) {
    switch (answer) {
        case Answer::done: return "NO_ERROR";
        case Answer::unanswered: return "not answered in time";
        case Answer::concurrent_transactions: return "CONCURRENT_TRANSACTIONS";
        case Answer::not_coordinator: return "NOT_COORDINATOR";
        case Answer::not_leader: return "NOT_LEADER_OR_FOLLOWER";
        case Answer::out_of_order_sequence: return "OUT_OF_ORDER_SEQUENCE_NUMBER";
        case Answer::producer_fenced: return "PRODUCER_FENCED";
        case Answer::invalid_producer_epoch: return "INVALID_PRODUCER_EPOCH";
        case Answer::invalid_txn_state: return "INVALID_TXN_STATE";
        case Answer::unknown_member: return "UNKNOWN_MEMBER_ID";
        case Answer::fenced_instance: return "FENCED_INSTANCE_ID";
        case Answer::illegal_generation: return "ILLEGAL_GENERATION";
        case Answer::rebalance_in_progress: return "REBALANCE_IN_PROGRESS";
        case Answer::message_too_large: return "MSG_SIZE_TOO_LARGE";
        case Answer::unknown_topic: return "UNKNOWN_TOPIC_OR_PART";
    }
    return "";
}

constexpr bool is_sent_again(Answer answer) {
    return answer == Answer::concurrent_transactions || answer == Answer::not_coordinator ||
           answer == Answer::not_leader;
}

/// One life of a producer. A new epoch of the same id ends the one before.
struct ProducerLife {
    std::int64_t id = -1;  ///< -1: nobody's, as of who sends without sequences
    std::int64_t epoch = 0;
    friend bool operator==(const ProducerLife&, const ProducerLife&) = default;
};

}  // namespace vouch::test
