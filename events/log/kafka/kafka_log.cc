#include "events/log/kafka/kafka_log.h"

#include "events/log/kafka/cluster_watch.h"
#include "events/log/kafka/command_producer.h"
#include "events/log/kafka/input_gaps.h"
#include "events/log/kafka/membership.h"
#include "events/log/kafka/shard_committers.h"
#include "events/log/kafka/shard_input.h"
#include "events/log/kafka/shard_records.h"
#include "events/log/kafka/topic_commands.h"
#include "events/log/kafka/topics.h"
#include "events/world/thread.h"

#include <utility>

namespace vouch {
namespace {

using namespace kafka;

/// What a reader keeps of records: it reads on, and rarely looks back.
constexpr std::uint64_t kReaderCacheBytes = std::uint64_t{64} << 20;

/// The topics' records, for those who write them too and for those who do not.
class Records {
public:
    static Result<std::unique_ptr<Records>> open(const KafkaLogOptions& options,
                                                 std::unique_ptr<RecordCache> cache) {
        Result<std::unique_ptr<Watermarks>> watermarks =
            options.client->open_watermarks(options.bootstrap);
        if (!watermarks) return watermarks.error();
        return std::make_unique<Records>(options, std::move(*watermarks), std::move(cache));
    }
    Records(const KafkaLogOptions& options, std::unique_ptr<Watermarks> watermarks,
            std::unique_ptr<RecordCache> cache)
        : patience_(options.patience_ms),
          watermarks_(std::move(watermarks)),
          cache_(std::move(cache)) {
        for (std::uint32_t i = 0; i < options.shard_count; ++i) {
            shards_.push_back(std::make_unique<ShardRecords>(options, ShardId(i), *watermarks_,
                                                             *cache_, strays_, patience_));
        }
    }

    std::uint32_t shard_count() const { return static_cast<std::uint32_t>(shards_.size()); }
    Watermarks& watermarks() { return *watermarks_; }
    Strays& strays() { return strays_; }
    Patience& patience() { return patience_; }
    ShardRecords& of(ShardId shard) {
        VOUCH_ASSERT(shard.value() < shards_.size());
        return *shards_[shard.value()];
    }

private:
    Patience patience_;
    std::unique_ptr<Watermarks> watermarks_;
    std::unique_ptr<RecordCache> cache_;
    Strays strays_;
    std::vector<std::unique_ptr<ShardRecords>> shards_;
};

/// The options as they are once the topics have been looked at.
Result<KafkaLogOptions> checked(KafkaLogOptions options) {
    const Result<std::uint32_t> shards = check_topics(options);
    if (!shards) return shards.error();
    options.shard_count = *shards;
    return options;
}

/// What those who write the topics read of them, too.
template <class Interface>
class TopicsLog : public Interface {
public:
    TopicsLog(const KafkaLogOptions& options, std::unique_ptr<Records> records)
        : options_(options), records_(std::move(records)) {}

    std::uint32_t shard_count() const override { return records_->shard_count(); }
    Result<RecordNumber> end(ShardId shard) override { return records_->of(shard).end(); }
    Status read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                        std::vector<StoredRecord>& out) override {
        return records_->of(shard).read_records(from, bytes_max, out);
    }
    Status read_range(ShardId shard, RecordNumber record, std::size_t offset, std::size_t size,
                      Bytes& out) override {
        return records_->of(shard).read_range(record, offset, size, out);
    }
    bool shows_late() const override { return true; }
    void stop_waiting() override { records_->patience().end_soon(); }
    std::vector<PassedOver> passed_over() override { return records_->strays().all(); }
    Result<std::vector<InputGap>> input_gaps(ShardId shard, InputPosition next) override {
        return find_input_gaps(options_, records_->watermarks(), shard, next, records_->patience(),
                               stop_);
    }
    Result<InputPosition> consumed_inputs(ShardId shard) override {
        return find_consumed(options_, shard, records_->patience(), stop_);
    }
    std::unique_ptr<SentCommands> sent_commands(ShardId shard) override {
        return std::make_unique<TopicCommands>(options_, shard, records_->watermarks(),
                                             records_->patience());
    }

protected:
    const KafkaLogOptions options_;
    const std::unique_ptr<Records> records_;
    Stop stop_;  ///< of a log that is only read: never, it ends with its process
};

class ReadingLog final : public TopicsLog<KafkaLogReader> {
public:
    using TopicsLog::TopicsLog;

    void watch() override { watch_.emplace(options_, records_->watermarks()); }
    std::optional<Fault> waits() override {
        return watch_ ? watch_->waits() : std::nullopt;
    }
    std::vector<LogAlarm> alarms() override {
        return watch_ ? watch_->alarms() : std::vector<LogAlarm>();
    }
    std::optional<std::chrono::nanoseconds> unanswered_for() override {
        return watch_ ? std::optional(watch_->unanswered_for()) : std::nullopt;
    }

private:
    std::optional<ClusterWatch> watch_;
};

class WritingLog final : public TopicsLog<KafkaLog> {
public:
    WritingLog(const KafkaLogOptions& options, std::unique_ptr<Records> records,
               std::unique_ptr<Membership> membership, std::unique_ptr<InputReader> input)
        : TopicsLog(options, std::move(records)),
          membership_(std::move(membership)),
          input_(std::move(input)),
          producer_(options, records_->patience()),
          watch_(options, records_->watermarks()),
          committers_(committers(), stop_, {[this] { disown(); }, [this] { interrupt(); }}) {
        membership_->when_ended([this](const Fault& fault) { committers_.fail(fault); });
    }

    ~WritingLog() override { membership_->when_ended({}); }

    /// Where a handler starts from: what the one before has committed, brokers may still not show.
    Result<RecordNumber> end(ShardId shard) override {
        if (Status settled = committers_.settle(shard); !settled) return settled.error();
        return TopicsLog::end(shard);
    }
    Result<Offset> produce(ShardId shard, Bytes batch) override {
        VOUCH_ASSERT(shard.value() < shard_count());
        if (const auto failed = failure()) return *failed;
        return producer_.produce(shard, batch);
    }
    Status read_commands(ShardId shard, Offset from, std::size_t batches_max,
                         std::vector<InputBatch>& out) override {
        if (const auto failed = failure()) return *failed;
        return input_->commands(shard).read(from, batches_max, out);
    }
    Offset next_command(ShardId shard, Offset from) override {
        return input_->commands(shard).next(from);
    }
    Status read_steps(ShardId shard, Offset from, std::size_t batches_max,
                      std::vector<StepInput>& out) override {
        if (const auto failed = failure()) return *failed;
        return input_->steps(shard).read(from, batches_max, out);
    }
    void wait_for_input(ShardId shard, InputPosition from,
                        std::optional<std::int64_t> timeout_us) override {
        if (failure()) return;
        const bool has_commands =
            from.command != kNoOffset && input_->commands(shard).is_ready(from.command);
        const bool has_steps = input_->steps(shard).is_ready(from.step);
        if (!has_commands && !has_steps) input_->signal(shard).wait(timeout_us);
    }
    void interrupt() override { input_->raise_all(); }

    Result<ShardEnd> acquire(ShardId shard, Term term) override {
        return committers_.acquire(shard, term);
    }
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override {
        return committers_.commit(shard, term, commit);
    }
    Status check_writer(ShardId shard) override {
        for (int looks_left = kShowLooks; looks_left > 0; --looks_left) {
            const Result<bool> is_behind = records_->of(shard).is_written_by_others();
            if (is_behind && *is_behind) {
                committers_.fail(
                    {FaultCode::fenced, "shard " + std::to_string(shard.value()) +
                                            ": another writer's records are in the log"});
            }
            if (const auto failed = failure()) return *failed;
            if (!is_behind) return is_behind.error();
            if (looks_left > 1) sleep_for(kShowPause);
        }
        return {};
    }
    std::optional<Fault> failure() override { return committers_.failure(); }
    Status await(CommitTicket ticket) override { return committers_.await(ticket); }
    Result<bool> is_durable(CommitTicket ticket) override { return committers_.is_durable(ticket); }
    std::optional<Fault> waits() override { return watch_.waits(); }
    std::vector<LogAlarm> alarms() override { return watch_.alarms(); }
    std::optional<std::chrono::nanoseconds> unanswered_for() override {
        return watch_.unanswered_for();
    }

private:
    std::vector<ShardCommitter> committers() {
        std::vector<ShardCommitter> all;
        for (std::uint32_t i = 0; i < shard_count(); ++i) {
            const ShardId id(i);
            all.emplace_back(options_, id, *membership_, records_->watermarks(), records_->of(id),
                             records_->patience(), stop_);
        }
        return all;
    }
    /// Other writers decide where the shards end.
    void disown() {
        for (std::uint32_t i = 0; i < shard_count(); ++i) records_->of(ShardId(i)).disown();
    }

    const std::unique_ptr<Membership> membership_;
    const std::unique_ptr<InputReader> input_;
    CommandProducer producer_;
    ClusterWatch watch_;
    ShardCommitters committers_;  ///< end first: their threads use the others
};

}  // namespace

Result<Bytes> KafkaLog::create(const KafkaLogOptions& options, ByteView deployment) {
    return create_topics(options, deployment);
}

Result<Bytes> KafkaLog::read_deployment(const KafkaLogOptions& options) {
    return kafka::read_deployment(options);
}

Result<std::unique_ptr<KafkaLog>> KafkaLog::open(const KafkaLogOptions& given) {
    const Result<KafkaLogOptions> options = checked(given);
    if (!options) return options.error();
    Result<std::unique_ptr<RecordCache>> cache =
        RecordCache::open(options->cache_place, options->cache_bytes);
    if (!cache) return cache.error();
    Result<std::unique_ptr<Records>> records = Records::open(*options, std::move(*cache));
    if (!records) return records.error();
    Result<std::unique_ptr<InputReader>> input =
        InputReader::open(*options, (*records)->watermarks(), (*records)->strays(),
                          (*records)->patience());
    if (!input) return input.error();
    Result<std::unique_ptr<Membership>> membership = Membership::join(*options);
    if (!membership) return membership.error();
    return std::unique_ptr<KafkaLog>(std::make_unique<WritingLog>(
        *options, std::move(*records), std::move(*membership), std::move(*input)));
}

Result<std::unique_ptr<KafkaLogReader>> KafkaLogReader::open(const KafkaLogOptions& given) {
    const Result<KafkaLogOptions> options = checked(given);
    if (!options) return options.error();
    Result<std::unique_ptr<RecordCache>> cache =
        RecordCache::open(options->cache_place, kReaderCacheBytes);
    Result<std::unique_ptr<Records>> records =
        Records::open(*options, cache ? std::move(*cache) : RecordCache::none());
    if (!records) return records.error();
    return std::unique_ptr<KafkaLogReader>(
        std::make_unique<ReadingLog>(*options, std::move(*records)));
}

}  // namespace vouch
