#pragma once

#include "events/log/kafka/kafka_log.h"
#include "events/log/kafka/librdkafka/handle.h"
#include "events/log/kafka/record_message.h"
#include "events/seal/deployment.h"
#include "tests/events/log_test_support.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace vouch::test {

/// Options for a deployment of its own on the broker that the environment variable VOUCH_KAFKA
/// names. Fails the test when it names none.
KafkaLogOptions fresh_options(std::uint32_t shards);

/// The Deployment message of all deployments that the tests make.
const Bytes& deployment_bytes();

/// Makes the topics; the deployment's own holds deployment_bytes.
void create(const KafkaLogOptions& options);

using TopicSettings = std::map<std::string, std::string>;

inline const TopicSettings kGoodSettings = {
    {"cleanup.policy", "delete"},
    {"retention.ms", "-1"},
    {"retention.bytes", "-1"},
    {"compression.type", "uncompressed"},
    {"max.message.bytes", std::to_string(kafka::kMessageBytesMax)}};

/// Gives a topic these settings and the broker's own for all others.
void change_settings(const KafkaLogOptions& options, const std::string& topic,
                     const TopicSettings& settings);

/// Returns once the broker knows it no longer.
void delete_topic(const KafkaLogOptions& options, const std::string& topic);

/// Deletes it and makes it again as a deployment has it.
void make_topic_again(const KafkaLogOptions& options, const std::string& topic);

/// Forgets what stands before an offset, as retention does.
void delete_records(const KafkaLogOptions& options, const std::string& topic, std::int64_t before);

/// Appends so many messages as some other program would.
void append(const KafkaLogOptions& options, const std::string& topic, int count);
/// The same as one transaction, which ends with a mark that takes an offset.
void append_in_transaction(const KafkaLogOptions& options, const std::string& topic, int count);

std::unique_ptr<kafka::Watermarks> watermarks_of(const KafkaLogOptions& options);

std::unique_ptr<KafkaLog> open_kafka(const KafkaLogOptions& options);

/// Returns once every transaction that was in the log before has been decided.
std::unique_ptr<KafkaLogReader> open_kafka_reader(const KafkaLogOptions& options);

/// A log whose reads of input wait until they have what the brokers have: for tests that read at
/// once what they have just written. A twin without a broker has it at once, and so neither asks.
class SettledLog final : public Log {
public:
    SettledLog(const KafkaLogOptions& options, std::unique_ptr<KafkaLog> log)
        : options_(options), log_(std::move(log)) {}

    std::uint32_t shard_count() const override { return log_->shard_count(); }
    Result<RecordNumber> end(ShardId shard) override { return log_->end(shard); }
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override {
        return log_->read_records(shard, from, bytes_max, out);
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        return log_->read_range(shard, record, offset, size, out);
    }
    Result<Offset> produce(ShardId shard, Bytes batch) override {
        return log_->produce(shard, std::move(batch));
    }
    Status read_commands(ShardId shard, Offset from, std::size_t batches_max,
                         std::vector<InputBatch>& out) override;
    Status read_steps(ShardId shard, Offset from, std::size_t batches_max,
                      std::vector<StepInput>& out) override;
    void wait_for_input(ShardId shard, InputPosition from,
                        std::optional<std::int64_t> timeout_us) override {
        log_->wait_for_input(shard, from, timeout_us);
    }
    void interrupt() override { log_->interrupt(); }
    Result<ShardEnd> acquire(ShardId shard, Term term) override {
        return log_->acquire(shard, term);
    }
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override {
        return log_->commit(shard, term, commit);
    }
    std::optional<Fault> failure() override { return log_->failure(); }
    Status await(CommitTicket ticket) override { return log_->await(ticket); }
    Result<bool> is_durable(CommitTicket ticket) override { return log_->is_durable(ticket); }

private:
    const KafkaLogOptions options_;
    std::unique_ptr<KafkaLog> log_;
};

/// A record's key on its topic.
inline std::string key_text(std::uint64_t number) {
    return text_of(kafka::key_of(RecordNumber(number)));
}

}  // namespace vouch::test
