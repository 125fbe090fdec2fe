#include "events/log/kafka/shard_committers.h"

#include "events/seal/deployment.h"
#include "events/seal/record.h"

#include <bit>
#include <mutex>
#include <string>
#include <utility>

namespace vouch::kafka {
namespace {

/// A ticket is a counter over all shards, then the shard: ordered, and it knows whose it is.
constexpr unsigned kShardBits = std::bit_width(kShardsMax - 1);

CommitTicket ticket_of(std::uint64_t count, ShardId shard) {
    return CommitTicket(count << kShardBits | shard.value());
}
std::size_t shard_index(CommitTicket ticket) {
    return ticket.value() & ((std::uint64_t{1} << kShardBits) - 1);
}

}  // namespace

ShardCommitters::ShardCommitters(std::vector<ShardCommitter> committers, Stop& stop, Hooks hooks)
    : stop_(stop), hooks_(std::move(hooks)) {
    for (ShardCommitter& each : committers) {
        const ShardId id(static_cast<std::uint32_t>(shards_.size()));
        shards_.push_back(std::make_unique<Shard>(id, std::move(each)));
    }
    for (const auto& shard : shards_) {
        shard->thread = Thread("log", [this, raw = shard.get()] { run(*raw); });
    }
}

ShardCommitters::~ShardCommitters() {
    {
        const std::lock_guard lock(mutex_);
        closing_ = true;
    }
    queued_.notify_all();
    for (const auto& shard : shards_) shard->thread.join();
}

ShardCommitters::Shard& ShardCommitters::shard_of(ShardId shard) {
    VOUCH_ASSERT(shard.value() < shards_.size());
    return *shards_[shard.value()];
}

const ShardCommitters::Shard& ShardCommitters::shard_of(CommitTicket ticket) const {
    VOUCH_ASSERT(shard_index(ticket) < shards_.size());
    return *shards_[shard_index(ticket)];
}

bool ShardCommitters::is_settled(const Shard& shard, CommitTicket ticket) const {
    return (shard.durable && ticket <= *shard.durable) || (failure_ && !shard.is_busy);
}

Status ShardCommitters::settled(const Shard& shard, CommitTicket ticket) const {
    if (shard.durable && ticket <= *shard.durable) return {};
    return *failure_;
}

std::optional<Fault> ShardCommitters::failure() {
    const std::lock_guard lock(mutex_);
    return failure_;
}

Status ShardCommitters::settle(ShardId id) {
    Shard& shard = shard_of(id);
    if (shard.is_settled || failure()) return {};
    const std::lock_guard committing(shard.committing);
    if (shard.is_settled) return {};
    const Result<Tail> tail = shard.committer.acquire();
    // Damage behind which nobody reads is told by who reads; the shard is taken over all the same.
    if (!tail && tail.error().code != FaultCode::corrupt) return tail.error();
    shard.is_settled = true;
    return {};
}

Result<ShardEnd> ShardCommitters::acquire(ShardId id, Term term) {
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
        Result<Tail> acquired = shard.committer.acquire();
        if (acquired) shard.is_settled = true;
        return acquired;
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

Result<CommitTicket> ShardCommitters::commit(ShardId id, Term term, const Commit& commit) {
    Shard& shard = shard_of(id);
    if (const auto length = check_record_size(id, commit, kRecordBytesMax); !length) {
        return length.error();
    }
    const auto shard_count = static_cast<std::uint32_t>(shards_.size());
    if (const Status taken = check_steps(id, commit, shard_count); !taken) return taken.error();
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

Status ShardCommitters::await(CommitTicket ticket) {
    std::unique_lock lock(mutex_);
    const Shard& shard = shard_of(ticket);
    settled_.wait(lock, [&] { return is_settled(shard, ticket); });
    return settled(shard, ticket);
}

Result<bool> ShardCommitters::is_durable(CommitTicket ticket) {
    const std::lock_guard lock(mutex_);
    const Shard& shard = shard_of(ticket);
    if (!is_settled(shard, ticket)) return false;
    if (const Status durable = settled(shard, ticket); !durable) return durable.error();
    return true;
}

void ShardCommitters::run(Shard& shard) {
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
        hooks_.settled();
    }
}

void ShardCommitters::fail(const Fault& fault) {
    stop_.stop();
    {
        const std::lock_guard lock(mutex_);
        if (failure_) return;
        failure_ = Fault{
            fault.code, fault.message + "; the log takes no more commits until it is opened again"};
    }
    hooks_.failed();
    queued_.notify_all();
    settled_.notify_all();
    hooks_.settled();
}

}  // namespace vouch::kafka
