#pragma once

#include "tests/support/memory_broker.h"

#include <memory>
#include <string>
#include <vector>

namespace vouch::test {

/// Reaches a MemoryBroker, whatever address is given. The broker outlives it.
class MemoryKafka final : public kafka::KafkaClient {
public:
    explicit MemoryKafka(MemoryBroker& broker) : broker_(broker) {}

    Result<std::unique_ptr<kafka::PartitionReader>> open_reader(
        const std::string& bootstrap, const std::string& topic,
        kafka::ReadAhead read_ahead) override;
    Result<std::unique_ptr<kafka::InputConsumer>> open_inputs(
        const std::string& bootstrap) override;
    Result<std::unique_ptr<kafka::Watermarks>> open_watermarks(
        const std::string& bootstrap) override;
    Result<std::unique_ptr<kafka::Appender>> open_appender(
        const kafka::AppenderOptions& options, const kafka::Patience& patience) override;
    Result<std::unique_ptr<kafka::Transactions>> open_transactions(const KafkaLogOptions& options,
                                                                   ShardId shard) override;
    Result<std::unique_ptr<kafka::GroupMember>> open_member(
        const std::string& bootstrap, const kafka::MemberOptions& options) override;
    Result<std::vector<kafka::ShownMember>> members(const std::string& bootstrap,
                                                    const std::string& group,
                                                    int timeout_ms) override;
    Result<std::unique_ptr<kafka::GroupOffsets>> open_group_offsets(
        const std::string& bootstrap, const std::string& group) override;
    Result<std::unique_ptr<kafka::Admin>> open_admin(const std::string& bootstrap) override;

private:
    MemoryBroker& broker_;
};

}  // namespace vouch::test
