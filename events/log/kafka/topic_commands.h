#pragma once

#include "events/log/kafka/client.h"
#include "events/log/kafka/options.h"
#include "events/log/kafka/patience.h"
#include "events/log/log.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace vouch::kafka {

/// A partition of the topic of commands, read by who only looks: it joins no group, and what a
/// transaction that was aborted held does not count.
class TopicCommands final : public SentCommands {
public:
    /// What is given outlives it.
    TopicCommands(const KafkaLogOptions& options, ShardId shard, Watermarks& watermarks,
                const Patience& patience);

    Result<Offset> first() override;
    Result<std::optional<InputBatch>> next(Offset from, Offset until) override;

private:
    Result<Extent> extent() const;
    Status start(std::int64_t offset);
    Status reaches(std::int64_t end);
    Result<std::int64_t> end_of_unreadable(std::int64_t begin, std::int64_t until);
    Fault fault(FaultCode code, const std::string& what) const;

    const KafkaLogOptions& options_;
    const std::string topic_;
    const std::int32_t partition_;
    Watermarks& watermarks_;
    const Patience& patience_;
    std::unique_ptr<PartitionReader> reader_;  ///< null before the first batch is read
    std::optional<InputBatch> ahead_;          ///< met, and not before the `until` of that time
    std::int64_t from_ = 0;                    ///< what was asked last
    std::int64_t stable_end_ = 0;              ///< of the partition, when it was asked last
    std::int64_t passed_ = 0;  ///< nothing stands from `from_` up to it that was not given out
};

}  // namespace vouch::kafka
