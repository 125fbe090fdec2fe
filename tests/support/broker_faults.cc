#include "tests/support/broker_faults.h"

namespace vouch::test {
namespace {

constexpr BrokerFaultKind kKinds[] = {
    {"request_lost", &BrokerFaults::request_lost, false,
     "the connection is cut before the broker has the request; the client sends it again"},
    {"answer_lost", &BrokerFaults::answer_lost, false,
     "it is cut after the broker has done it; the client sends it again"},
    {"request_late", &BrokerFaults::request_late, false,
     "it is cut with the request on its way, which arrives later, beside what is sent again"},
    {"silent", &BrokerFaults::silent, false,
     "after one of these three nothing is cut: the client waits for all of its time"},
    {"end_repeated", &BrokerFaults::end_repeated, false,
     "the end of a transaction is sent twice, and its copy arrives within the next one"},
    {"offsets_first", &BrokerFaults::offsets_first, false,
     "of a transaction the offsets arrive before its messages; librdkafka sends both at once"},
    {"coordinator_moves", &BrokerFaults::coordinator_moves, false,
     "the coordinator of a producer or group is another broker's from now on, after move_us"},
    {"leader_moves", &BrokerFaults::leader_moves, false,
     "nobody leads the partition of a produced message for move_us"},
    {"place_forgotten", &BrokerFaults::place_forgotten, false,
     "at a heartbeat the group has forgotten the member, as if its session were over"},
    {"fetch_short", &BrokerFaults::fetch_short, false,
     "an answer to a fetch ends in the midst of what there is, and the next one takes its time"},
    {"latency_us", &BrokerFaults::latency_us, true, "of each request"},
    {"late_us", &BrokerFaults::late_us, true, "until what is late arrives"},
    {"marks_us", &BrokerFaults::marks_us, true,
     "from a transaction's end to its mark, in each partition by itself"},
    {"move_us", &BrokerFaults::move_us, true, "without a coordinator or leader"},
};

}  // namespace

std::span<const BrokerFaultKind> broker_fault_kinds() { return kKinds; }

}  // namespace vouch::test
