#include "events/log/kafka/librdkafka_client.h"

#include "events/log/kafka/client.h"
#include "events/log/kafka/librdkafka/parts.h"

namespace vouch::kafka {
namespace {

class LibrdkafkaClient final : public KafkaClient {
public:
    Result<std::unique_ptr<PartitionReader>> open_reader(const std::string& bootstrap,
                                                         const std::string& topic,
                                                         ReadAhead read_ahead) override {
        return librdkafka::open_reader(bootstrap, topic, read_ahead);
    }
    Result<std::unique_ptr<InputConsumer>> open_inputs(const std::string& bootstrap) override {
        return librdkafka::open_inputs(bootstrap);
    }
    Result<std::unique_ptr<Watermarks>> open_watermarks(const std::string& bootstrap) override {
        return librdkafka::open_watermarks(bootstrap);
    }
    Result<std::unique_ptr<Appender>> open_appender(const AppenderOptions& options,
                                                    const Patience& patience) override {
        return librdkafka::open_appender(options, patience);
    }
    Result<std::unique_ptr<Transactions>> open_transactions(const KafkaLogOptions& options,
                                                            ShardId shard) override {
        return librdkafka::open_transactions(options, shard);
    }
    Result<std::unique_ptr<GroupMember>> open_member(const std::string& bootstrap,
                                                     const MemberOptions& options) override {
        return librdkafka::open_member(bootstrap, options);
    }
    Result<std::vector<ShownMember>> members(const std::string& bootstrap, const std::string& group,
                                             int timeout_ms) override {
        return librdkafka::members(bootstrap, group, timeout_ms);
    }
    Result<std::unique_ptr<GroupOffsets>> open_group_offsets(const std::string& bootstrap,
                                                             const std::string& group) override {
        return librdkafka::open_group_offsets(bootstrap, group);
    }
    Result<std::unique_ptr<Admin>> open_admin(const std::string& bootstrap) override {
        return librdkafka::open_admin(bootstrap);
    }
};

}  // namespace

KafkaClient& librdkafka_client() {
    static LibrdkafkaClient client;
    return client;
}

}  // namespace vouch::kafka
