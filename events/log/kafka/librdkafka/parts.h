#pragma once

#include "events/log/kafka/client.h"

#include <memory>
#include <string>
#include <vector>

// What the client is made of: KafkaClient's calls of these names, a file each or two.

namespace vouch::kafka::librdkafka {

Result<std::unique_ptr<PartitionReader>> open_reader(const std::string& bootstrap,
                                                     const std::string& topic,
                                                     ReadAhead read_ahead);
Result<std::unique_ptr<InputConsumer>> open_inputs(const std::string& bootstrap);
Result<std::unique_ptr<Watermarks>> open_watermarks(const std::string& bootstrap);
Result<std::unique_ptr<Appender>> open_appender(const AppenderOptions& options,
                                                const Patience& patience);
Result<std::unique_ptr<Transactions>> open_transactions(const KafkaLogOptions& options,
                                                        ShardId shard);
Result<std::unique_ptr<GroupMember>> open_member(const std::string& bootstrap,
                                                 const MemberOptions& options);
Result<std::vector<ShownMember>> members(const std::string& bootstrap, const std::string& group,
                                         int timeout_ms);
Result<std::unique_ptr<GroupOffsets>> open_group_offsets(const std::string& bootstrap,
                                                         const std::string& group);
Result<std::unique_ptr<Admin>> open_admin(const std::string& bootstrap);

}  // namespace vouch::kafka::librdkafka
