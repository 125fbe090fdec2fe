#include "events/log/kafka/shard_committer.h"

#include "events/log/writer_turn.h"

#include <algorithm>
#include <utility>

namespace vouch::kafka {
namespace {

/// How often the same record is written, at most, before the log gives up.
constexpr int kWritesMax = 8;
/// One attempt at something that brokers may be slow with; the patience is made of these.
constexpr int kAttemptMs = 15'000;

Bytes gather(std::span<const ByteView> pieces) {
    std::size_t size = 0;
    for (const ByteView piece : pieces) size += piece.size();
    Bytes bytes;
    bytes.reserve(size);
    for (const ByteView piece : pieces) bytes.insert(bytes.end(), piece.begin(), piece.end());
    return bytes;
}

}  // namespace

ShardCommitter::ShardCommitter(const KafkaLogOptions& options, ShardId shard,
                               Membership& membership, Watermarks& watermarks,
                               ShardRecords& records, const Patience& patience, Stop& stop)
    : options_(options),
      shard_(shard),
      membership_(membership),
      watermarks_(watermarks),
      records_(records),
      patience_(patience),
      stop_(stop) {}

Fault ShardCommitter::gave_up(const std::string& why) const {
    return {FaultCode::storage, "shard " + std::to_string(shard_.value()) +
                                    ": gave up waiting for " + options_.bootstrap + ": " + why};
}

/// That the group holds this process's place; not known is not fenced.
Status ShardCommitter::await_proof(const Deadline& deadline) {
    while (true) {
        const Status ours = membership_.await_proof(deadline.left_ms(kAttemptMs));
        if (ours || ours.error().code != FaultCode::retriable) return ours;
        if (deadline.has_passed() || !stop_.pause()) return gave_up(ours.error().message);
    }
}

/// What is committed or aborted is so once the last stable offset reaches the end of all.
Status ShardCommitter::await_stable_end(const Deadline& deadline) {
    const std::string topic = events_topic(options_);
    const auto partition = static_cast<std::int32_t>(shard_.value());
    while (true) {
        const auto timeout = deadline.left_ms(kAttemptMs);
        const Result<std::int64_t> high = watermarks_.high(topic, partition, timeout);
        if (!high) return high.error();
        const Result<std::int64_t> stable = watermarks_.stable_end(topic, partition, timeout);
        if (!stable) return stable.error();
        if (*stable >= *high) return {};
        if (deadline.has_passed() || !stop_.pause()) {
            return Fault{FaultCode::retriable, topic + " partition " + std::to_string(partition) +
                                                   ": a transaction stays open below offset " +
                                                   std::to_string(*high)};
        }
    }
}

Status ShardCommitter::try_renew(const Deadline& deadline) {
    if (Status ours = membership_.await_shard(shard_, deadline.left_ms(kAttemptMs)); !ours)
        return ours;
    Result<std::unique_ptr<TransactionProducer>> producer =
        TransactionProducer::make(options_, shard_);
    if (!producer) return producer.error();
    if (Status taken = (*producer)->take_over(deadline.left_ms(kAttemptMs)); !taken) return taken;
    if (Status stable = await_stable_end(deadline); !stable) return stable;
    producer_ = std::move(*producer);
    return {};
}

Result<Tail> ShardCommitter::renew(const Deadline& deadline) {
    producer_.reset();
    while (true) {
        const Status renewed = try_renew(deadline);
        if (renewed) break;
        if (renewed.error().code != FaultCode::retriable) return renewed.error();
        if (deadline.has_passed() || !stop_.pause()) return gave_up(renewed.error().message);
    }
    Result<Tail> tail = records_.read_tail();
    if (tail) taken_over_ = *tail;
    return tail;
}

/// Whoever can write to the topic can put a record back that an earlier writer's transaction left
/// there undecided: it has that one's seal, and its place is the first one behind the tail. What
/// stands there counts for every reader. So the first record behind a take-over is durable when it
/// is seen there; behind it nothing that an earlier writer sealed can follow.
Status ShardCommitter::await_first(RecordNumber number, ByteView record, const Deadline& deadline) {
    while (taken_over_) {
        const Result<std::optional<Bytes>> next = records_.next_of(*taken_over_);
        if (!next) return next.error();
        if (*next && std::ranges::equal(**next, record)) {
            taken_over_.reset();
        } else if (*next) {
            return Fault{FaultCode::fenced,
                         record_name(shard_, number) +
                             ": another record that follows the one before it came first"};
        } else if (deadline.has_passed() || !stop_.pause()) {
            return gave_up(record_name(shard_, number) + " is not shown yet");
        }
    }
    return {};
}

Result<Tail> ShardCommitter::acquire() {
    Result<Tail> tail = renew(patience_.begin());
    if (tail) records_.own(*tail, [this] { return membership_.has_proof(); });
    return tail;
}

// A producer borrows the bytes until it is gone: unless the record is committed, it goes first.
Status ShardCommitter::commit(const Commit& commit) {
    const Bytes bytes = gather(commit.record);
    const Transaction transaction{
        shard_, commit.number, bytes, {commit.steps.begin(), commit.steps.end()}, commit.next};
    const Deadline deadline = patience_.begin();
    std::string doubt = "nothing was tried";
    for (int writes = 0; writes < kWritesMax; ++writes) {
        if (!producer_) {
            const Result<Tail> tail = renew(deadline);
            if (!tail) return tail.error();
            if (tail->next_record == commit.number.next() && tail->last == bytes) {
                taken_over_.reset();
                records_.append(commit.number, bytes, std::nullopt);
                return {};
            }
            if (tail->next_record != commit.number) {
                return Fault{FaultCode::fenced, record_name(shard_, commit.number) +
                                                    ": another writer's record is in the log, "
                                                    "which ends at " +
                                                    std::to_string(tail->next_record.value())};
            }
        }
        const std::string identity = membership_.identity();
        const Written written = producer_->write(transaction, identity);
        switch (written.kind) {
            case Written::Kind::committed:
                if (producer_->is_tainted()) producer_.reset();
                if (Status first = await_first(commit.number, bytes, deadline); !first)
                    return first;
                records_.append(commit.number, bytes, written.offset);
                return {};
            case Written::Kind::fenced:
                // Brokers also bump an epoch by themselves. While the group holds this process's
                // place, nobody else has come, and the tail says what became of the record.
                doubt = written.reason;
                producer_.reset();
                if (Status ours = await_proof(deadline); !ours) {
                    return Fault{ours.error().code, record_name(shard_, commit.number) + ": " +
                                                        written.reason + "; " +
                                                        ours.error().message};
                }
                break;
            case Written::Kind::displaced:
                doubt = written.reason;
                producer_.reset();
                // To take over now would end the producer of whoever has come in our place.
                if (Status kept = membership_.await_change(identity); !kept) return kept;
                break;
            case Written::Kind::doubtful:
                doubt = written.reason;
                producer_.reset();
                break;
        }
        if (deadline.has_passed() || !stop_.pause()) break;
    }
    return gave_up(doubt);
}

}  // namespace vouch::kafka
