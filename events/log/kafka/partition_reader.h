#pragma once

#include "events/log/kafka/handle.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace vouch::kafka {

/// What one look at a partition found.
struct Polled {
    enum class Kind {
        message,
        end,
        unreadable,  ///< messages that their producer sent as bytes which cannot be inflated
        nothing
    };
    Kind kind = Kind::nothing;
    Message message;          ///< of Kind::message
    std::int64_t offset = 0;  ///< of the message or unreadable ones, or where the end was found
};

/// Reads one partition at a time from an explicit offset, in order, seeing what is committed.
/// One thread.
class PartitionReader {
public:
    /// How much is fetched before it is asked for.
    enum class ReadAhead {
        none,  ///< a message at a time: for looking things up
        far    ///< for reading on
    };

    static Result<std::unique_ptr<PartitionReader>> open(std::string_view bootstrap,
                                                         const std::string& topic,
                                                         ReadAhead read_ahead);
    ~PartitionReader();
    PartitionReader(const PartitionReader&) = delete;

    /// Reads `partition` from `offset` on, and nothing else any more.
    Status start(std::int32_t partition, std::int64_t offset);
    void stop();

    /// Waits at most `timeout_ms` for the next message. The end is what is committed at that
    /// moment; reading goes on by itself when more comes. `corrupt` when the offset is not in the
    /// partition or bytes fail their checksum, `retriable` when the broker has no such partition
    /// now.
    Result<Polled> next(int timeout_ms);

    /// Of messages that were met as unreadable at `offset`: the first offset behind them, at most
    /// `end`, found by doubling and then halving. Reading goes on wherever it is started next.
    /// `retriable` when the brokers do not answer within `timeout_ms`.
    Result<std::int64_t> end_of_unreadable(std::int32_t partition, std::int64_t offset,
                                           std::int64_t end, int timeout_ms);

private:
    Result<bool> is_unreadable_at(std::int32_t partition, std::int64_t offset, std::int64_t at,
                                  int timeout_ms);

    PartitionReader(Handle handle, Topic topic, std::string name)
        : handle_(std::move(handle)), topic_(std::move(topic)), name_(std::move(name)) {}

    Handle handle_;  ///< destroyed after its topic
    Topic topic_;
    std::string name_;
    std::optional<std::int32_t> partition_;
};

/// Whether a message stands for some that cannot be inflated. Their checksum is right: they are what
/// was sent, and will never be anything else.
bool is_unreadable(const rd_kafka_message_t& message);

/// The fault that a message stands for when it is none: what went wrong, with topic and partition.
Fault fault_of_message(const rd_kafka_message_t& message, const std::string& topic);

}  // namespace vouch::kafka
