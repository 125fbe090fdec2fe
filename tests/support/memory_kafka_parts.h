#pragma once

#include "tests/support/memory_broker.h"

#include <memory>
#include <string>

namespace vouch::test {

/// What MemoryKafka hands out, each as its interface says.
struct MemoryKafkaParts {
    class Reader;
    class Fetch;
    class Inputs;
    class Bounds;
    class Sender;
    class Producer;
    class Member;
    class Offsets;
    class Cluster;

    static std::unique_ptr<kafka::Transactions> open_transactions(MemoryBroker& broker,
                                                                  const KafkaLogOptions& options,
                                                                  ShardId shard);
    static std::unique_ptr<kafka::GroupMember> open_member(MemoryBroker& broker,
                                                           const kafka::MemberOptions& options);
    static Fault not_answered(const std::string& what);
    /// Time for others to come between two requests; on threads they come anyway.
    static void let_pass();
};

}  // namespace vouch::test
