#include "events/log/kafka/kafka_log.h"

#include "events/log/kafka/cluster_watch.h"
#include "events/log/kafka/command_producer.h"
#include "events/log/kafka/input_gaps.h"
#include "events/log/kafka/membership.h"
#include "events/log/kafka/shard_committer.h"
#include "events/log/kafka/shard_input.h"
#include "events/log/kafka/shard_records.h"
#include "events/log/kafka/topics.h"
#include "events/log/writer_turn.h"
#include "events/seal/deployment.h"
#include "events/seal/record.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"
#include "events/world/thread.h"

#include <bit>
#include <deque>
#include <mutex>
#include <utility>

namespace vouch {
namespace {

using namespace kafka;

/// What a reader keeps of records: it reads on, and rarely looks back.
constexpr std::uint64_t kReaderCacheBytes = std::uint64_t{64} << 20;

/// A ticket is a counter over all shards, then the shard: ordered, and it knows whose it is.
constexpr unsigned kShardBits = std::bit_width(kShardsMax - 1);

CommitTicket ticket_of(std::uint64_t count, ShardId shard) {
    return CommitTicket(count << kShardBits | shard.value());
}
std::size_t shard_index(CommitTicket ticket) {
    return ticket.value() & ((std::uint64_t{1} << kShardBits) - 1);
}

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
    void stop_waiting() override { records_->patience().end_soon(); }
    std::vector<PassedOver> passed_over() override { return records_->strays().all(); }
    Result<std::vector<InputGap>> input_gaps(ShardId shard, InputPosition next) override {
        return find_input_gaps(options_, records_->watermarks(), shard, next, records_->patience(),
                               stop_);
    }
    Result<InputPosition> consumed_inputs(ShardId shard) override {
        return find_consumed(options_, shard, records_->patience(), stop_);
    }

protected:
    const KafkaLogOptions options_;
    const std::unique_ptr<Records> records_;
    Stop stop_;  ///< of a log that is only read: never, it ends with its process
};

using ReadingLog = TopicsLog<KafkaLogReader>;

class WritingLog final : public TopicsLog<KafkaLog> {
public:
    WritingLog(const KafkaLogOptions& options, std::unique_ptr<Records> records,
               std::unique_ptr<Membership> membership, std::unique_ptr<InputReader> input)
        : TopicsLog(options, std::move(records)),
          membership_(std::move(membership)),
          input_(std::move(input)),
          producer_(options, records_->patience()),
          watch_(options, records_->watermarks()) {
        for (std::uint32_t i = 0; i < records_->shard_count(); ++i) {
            const ShardId id(i);
            shards_.push_back(std::make_unique<Shard>(
                id, ShardCommitter(options, id, *membership_, records_->watermarks(),
                                   records_->of(id), records_->patience(), stop_)));
        }
        for (const auto& shard : shards_) {
            shard->thread = Thread("log", [this, raw = shard.get()] { run(*raw); });
        }
        membership_->when_ended([this](const Fault& fault) {
            fail(fault);
            settled_.notify_all();
            interrupt();
        });
    }

    ~WritingLog() override {
        membership_->when_ended({});
        {
            const std::lock_guard lock(mutex_);
            closing_ = true;
        }
        queued_.notify_all();
        for (const auto& shard : shards_) shard->thread.join();
    }

    Result<Offset> produce(ShardId shard, Bytes batch) override {
        VOUCH_ASSERT(shard.value() < shards_.size());
        if (const Status working = still_working(); !working) return working.error();
        return producer_.produce(shard, batch);
    }
    Status read_commands(ShardId shard, Offset from, std::size_t batches_max,
                         std::vector<InputBatch>& out) override {
        if (Status working = still_working(); !working) return working;
        return input_->commands(shard).read(from, batches_max, out);
    }
    Offset next_command(ShardId shard, Offset from) override {
        return input_->commands(shard).next(from);
    }
    Status read_steps(ShardId shard, Offset from, std::size_t batches_max,
                      std::vector<StepInput>& out) override {
        if (Status working = still_working(); !working) return working;
        return input_->steps(shard).read(from, batches_max, out);
    }
    void wait_for_input(ShardId shard, InputPosition from,
                        std::optional<std::int64_t> timeout_us) override {
        if (!still_working()) return;
        const bool has_commands =
            from.command != kNoOffset && input_->commands(shard).is_ready(from.command);
        const bool has_steps = input_->steps(shard).is_ready(from.step);
        if (!has_commands && !has_steps) input_->signal(shard).wait(timeout_us);
    }
    void interrupt() override { input_->raise_all(); }

    Result<ShardEnd> acquire(ShardId shard, Term term) override;
    Result<CommitTicket> commit(ShardId shard, Term term, const Commit& commit) override;
    std::optional<Fault> failure() override {
        const std::lock_guard lock(mutex_);
        return failure_;
    }
    Status await(CommitTicket ticket) override;
    Result<bool> is_durable(CommitTicket ticket) override;
    std::optional<Fault> waits() override { return watch_.unreachable(); }
    std::vector<LogAlarm> alarms() override { return watch_.alarms(); }

private:
    /// What the caller's Commit says, without the caller's arrays; the bytes stay the caller's.
    struct Queued {
        CommitTicket ticket;
        RecordNumber number;
        std::vector<ByteView> record;
        InputPosition next;
        std::vector<OutgoingSteps> steps;
    };
    struct Shard {
        Shard(ShardId shard, ShardCommitter with)
            : id(shard), committer(std::move(with)), turn(shard, RecordNumber(0)) {}
        const ShardId id;
        Mutex committing;  ///< held while the committer is used; never under mutex_
        ShardCommitter committer;
        // Under mutex_:
        WriterTurn turn;
        std::deque<Queued> queue;             ///< the first is being committed
        bool is_busy = false;                 ///< the caller's bytes are in use
        std::optional<CommitTicket> durable;  ///< the last that is
        Thread thread;
    };

    Shard& shard_of(ShardId shard) {
        VOUCH_ASSERT(shard.value() < shards_.size());
        return *shards_[shard.value()];
    }
    Status still_working() {
        const std::lock_guard lock(mutex_);
        if (failure_) return *failure_;
        return {};
    }
    bool is_settled(const Shard& shard, CommitTicket ticket) const {
        return (shard.durable && ticket <= *shard.durable) || (failure_ && !shard.is_busy);
    }
    Status settled(const Shard& shard, CommitTicket ticket) const {
        if (shard.durable && ticket <= *shard.durable) return {};
        return *failure_;
    }

    void run(Shard& shard);
    void fail(const Fault& fault);

    const std::unique_ptr<Membership> membership_;
    const std::unique_ptr<InputReader> input_;
    CommandProducer producer_;
    ClusterWatch watch_;

    Mutex mutex_;  ///< guards what follows and what a Shard says
    Condition queued_;
    Condition settled_;
    std::vector<std::unique_ptr<Shard>> shards_;
    std::uint64_t tickets_ = 0;
    std::optional<Fault> failure_;
    bool closing_ = false;
};

Result<ShardEnd> WritingLog::acquire(ShardId id, Term term) {
    Shard& shard = shard_of(id);
    {
        std::unique_lock lock(mutex_);
        if (failure_) return *failure_;
        if (const Status acquired = shard.turn.acquire(term); !acquired) return acquired.error();
        settled_.wait(lock, [&] { return failure_ || shard.turn.in_flight() == 0; });
        if (failure_) return *failure_;
    }
    Result<Tail> tail = [&] {
        const std::lock_guard committing(shard.committing);
        return shard.committer.acquire();
    }();
    if (!tail) return tail.error();
    if (tail->last) {
        // Another process may have had a later turn.
        const Result<RecordView> last = parse_record(*tail->last);
        if (last && last->header.term > term) {
            return Fault{FaultCode::fenced, "shard " + std::to_string(id.value()) + ": term " +
                                                std::to_string(term.value()) +
                                                " is over, the log's last record has term " +
                                                std::to_string(last->header.term.value())};
        }
    }
    const std::lock_guard lock(mutex_);
    shard.turn = WriterTurn(id, tail->next_record);
    if (const Status acquired = shard.turn.acquire(term); !acquired) return acquired.error();
    return ShardEnd{tail->next_record};
}

Result<CommitTicket> WritingLog::commit(ShardId id, Term term, const Commit& commit) {
    Shard& shard = shard_of(id);
    if (const auto length = check_record_size(id, commit, kRecordBytesMax); !length) {
        return length.error();
    }
    if (const Status taken = check_steps(id, commit, shard_count()); !taken) return taken.error();
    CommitTicket ticket;
    {
        const std::lock_guard lock(mutex_);
        if (failure_) return *failure_;
        if (const Status admitted = shard.turn.admit(term, commit.number); !admitted) {
            return admitted.error();
        }
        ticket = ticket_of(++tickets_, id);
        shard.queue.push_back({ticket,
                               commit.number,
                               {commit.record.begin(), commit.record.end()},
                               commit.next,
                               {commit.steps.begin(), commit.steps.end()}});
    }
    queued_.notify_all();
    return ticket;
}

Status WritingLog::await(CommitTicket ticket) {
    std::unique_lock lock(mutex_);
    VOUCH_ASSERT(shard_index(ticket) < shards_.size());
    const Shard& shard = *shards_[shard_index(ticket)];
    settled_.wait(lock, [&] { return is_settled(shard, ticket); });
    return settled(shard, ticket);
}

Result<bool> WritingLog::is_durable(CommitTicket ticket) {
    const std::lock_guard lock(mutex_);
    VOUCH_ASSERT(shard_index(ticket) < shards_.size());
    const Shard& shard = *shards_[shard_index(ticket)];
    if (!is_settled(shard, ticket)) return false;
    if (const Status durable = settled(shard, ticket); !durable) return durable.error();
    return true;
}

void WritingLog::run(Shard& shard) {
    while (true) {
        const Queued* next = nullptr;
        {
            std::unique_lock lock(mutex_);
            queued_.wait(lock, [&] { return closing_ || failure_ || !shard.queue.empty(); });
            if (failure_ || shard.queue.empty()) return;
            next = &shard.queue.front();  // only this thread takes from the front
            shard.is_busy = true;
        }
        const Status committed = [&] {
            const std::lock_guard committing(shard.committing);
            return shard.committer.commit({next->number, next->record, next->next, next->steps});
        }();
        {
            const std::lock_guard lock(mutex_);
            shard.is_busy = false;
            if (committed) {
                shard.durable = next->ticket;
                shard.turn.settle_one();
                shard.queue.pop_front();
            }
        }
        if (!committed) fail(committed.error());
        settled_.notify_all();
        interrupt();
    }
}

/// One shard's failure is the log's. Whoever commits beside it gives up waiting, and what was in
/// flight is found, or not, by the next writer.
void WritingLog::fail(const Fault& fault) {
    stop_.stop();
    {
        const std::lock_guard lock(mutex_);
        if (failure_) return;
        failure_ = Fault{
            fault.code, fault.message + "; the log takes no more commits until it is opened again"};
    }
    // From here on other writers decide where the shards end.
    for (const auto& shard : shards_) records_->of(shard->id).disown();
    queued_.notify_all();
}

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
