#include "tests/support/simulated_log.h"

#include <algorithm>

namespace vouch {

SimulatedLog::SimulatedLog(std::uint32_t shard_count) {
    for (std::uint32_t i = 0; i < shard_count; ++i) {
        shards_.push_back(std::make_unique<Shard>(ShardId(i)));
    }
}

SimulatedLog::Shard& SimulatedLog::shard_of(ShardId shard) {
    VOUCH_ASSERT(shard.value() < shards_.size());
    return *shards_[shard.value()];
}

SimulatedLog::Stored& SimulatedLog::stored(ShardId shard, RecordNumber record) {
    std::vector<Stored>& records = shard_of(shard).records;
    VOUCH_ASSERT(record.value() < records.size());
    return records[record.value()];
}

Status SimulatedLog::still_working() {
    const std::lock_guard lock(mutex_);
    if (failure_) return *failure_;
    return {};
}

void SimulatedLog::wake() {
    settled_.notify_all();
    interrupt();
}

// --- Faults ---------------------------------------------------------------------------------

void SimulatedLog::fail_commit(std::uint64_t nth, Failure failure) {
    VOUCH_ASSERT(nth > 0);
    const std::lock_guard lock(mutex_);
    planned_ = PlannedFailure{nth, failure};
}

void SimulatedLog::hold() {
    const std::lock_guard lock(mutex_);
    is_held_ = true;
}

void SimulatedLog::release(std::size_t count) {
    {
        const std::lock_guard lock(mutex_);
        complete(count);
    }
    wake();
}

void SimulatedLog::release() {
    {
        const std::lock_guard lock(mutex_);
        is_held_ = false;
        complete(in_flight_.size());
    }
    wake();
}

std::size_t SimulatedLog::commits_in_flight() {
    const std::lock_guard lock(mutex_);
    return in_flight_.size();
}

void SimulatedLog::crash(std::size_t survivors) {
    {
        const std::lock_guard lock(mutex_);
        for (; survivors > 0 && !in_flight_.empty(); --survivors) {
            store(in_flight_.front());
            in_flight_.pop_front();
        }
        // A survivor's ticket is lost too: nobody who could ask for it is left.
        if (settled_below_ < next_ticket_) lost_.push_back({settled_below_, next_ticket_});
        settled_below_ = next_ticket_;
        in_flight_.clear();
        planned_.reset();
        failure_.reset();
        is_held_ = false;
        for (std::uint32_t i = 0; i < shard_count(); ++i) {
            Shard& shard = *shards_[i];
            shard.turn = WriterTurn(ShardId(i), RecordNumber(shard.records.size()));
            shard.input.reset(shard.next.command);
        }
    }
    wake();
}

void SimulatedLog::tamper(ShardId shard, RecordNumber record, Bytes bytes) {
    const std::lock_guard lock(mutex_);
    stored(shard, record).bytes = std::move(bytes);
}

void SimulatedLog::damage(ShardId shard, RecordNumber record) {
    const std::lock_guard lock(mutex_);
    stored(shard, record).is_damaged = true;
}

void SimulatedLog::tamper_steps(ShardId shard,
                                const std::function<void(std::vector<StepInput>&)>& edit) {
    const std::lock_guard lock(mutex_);
    Shard& state = shard_of(shard);
    edit(state.steps);
    const auto out_of_order = [](const StepInput& a, const StepInput& b) {
        return a.offset >= b.offset;
    };
    VOUCH_ASSERT(std::adjacent_find(state.steps.begin(), state.steps.end(), out_of_order) ==
                 state.steps.end());
    if (!state.steps.empty()) {
        state.steps_end = std::max(state.steps_end, state.steps.back().offset.next());
    }
    state.input.announce_steps(state.steps.empty() ? Offset(0) : state.steps.back().offset.next());
}

// --- Reading --------------------------------------------------------------------------------

std::uint32_t SimulatedLog::shard_count() const {
    return static_cast<std::uint32_t>(shards_.size());
}

Result<RecordNumber> SimulatedLog::end(ShardId shard) {
    const std::lock_guard lock(mutex_);
    return RecordNumber(shard_of(shard).records.size());
}

Status SimulatedLog::read_records(ShardId shard, RecordNumber from, std::size_t bytes_max,
                                  std::vector<StoredRecord>& out) {
    const std::lock_guard lock(mutex_);
    const std::vector<Stored>& records = shard_of(shard).records;
    std::size_t bytes = 0;
    for (RecordNumber number = from; number.value() < records.size(); number = number.next()) {
        const Stored& record = records[number.value()];
        bytes += record.bytes.size();
        if (bytes > bytes_max && number > from) break;
        if (record.is_damaged) {
            return Fault{FaultCode::corrupt, record_name(shard, number) + ": checksum mismatch"};
        }
        out.push_back({number, record.bytes});
    }
    return {};
}

Status SimulatedLog::read_range(ShardId shard, RecordNumber record, std::size_t offset,
                                std::size_t size, Bytes& out) {
    const std::lock_guard lock(mutex_);
    const std::vector<Stored>& records = shard_of(shard).records;
    if (record.value() >= records.size()) {
        return Fault{FaultCode::corrupt, record_name(shard, record) +
                                             " is not in the log, which ends at " +
                                             std::to_string(records.size())};
    }
    const Bytes& bytes = records[record.value()].bytes;
    const ByteView behind = ByteView(bytes).subspan(std::min(offset, bytes.size()));
    const ByteView range = behind.first(std::min(size, behind.size()));
    out.assign(range.begin(), range.end());
    return {};
}

// --- Input ----------------------------------------------------------------------------------

Result<Offset> SimulatedLog::produce(ShardId shard, Bytes batch) {
    if (const Status working = still_working(); !working) return working.error();
    return shard_of(shard).input.push(std::move(batch));
}

Status SimulatedLog::read_commands(ShardId shard, Offset from, std::size_t batches_max,
                                   std::vector<InputBatch>& out) {
    if (Status working = still_working(); !working) return working;
    shard_of(shard).input.take(from, batches_max, out);
    return {};
}

Status SimulatedLog::read_steps(ShardId shard, Offset from, std::size_t batches_max,
                                std::vector<StepInput>& out) {
    const std::lock_guard lock(mutex_);
    if (failure_) return *failure_;
    std::size_t taken = 0;
    for (const StepInput& steps : shard_of(shard).steps) {
        if (steps.offset < from) continue;
        if (taken++ == batches_max) break;
        out.push_back(steps);
    }
    return {};
}

void SimulatedLog::wait_for_input(ShardId shard, InputPosition from,
                                  std::optional<std::int64_t> timeout_us) {
    if (!still_working()) return;
    shard_of(shard).input.wait(from, timeout_us);
}

void SimulatedLog::interrupt() {
    for (const auto& shard : shards_) shard->input.signal();
}

// --- Writing --------------------------------------------------------------------------------

Result<ShardEnd> SimulatedLog::acquire(ShardId shard, Term term) {
    const std::lock_guard lock(mutex_);
    if (failure_) return *failure_;
    WriterTurn& turn = shard_of(shard).turn;
    if (const Status acquired = turn.acquire(term); !acquired) return acquired.error();
    if (turn.in_flight() > 0) {
        return Fault{FaultCode::retriable, "shard " + std::to_string(shard.value()) +
                                               ": earlier commits are held in flight"};
    }
    return ShardEnd{turn.next_record()};
}

Result<CommitTicket> SimulatedLog::commit(ShardId shard, Term term, const Commit& commit) {
    const Result<std::uint32_t> size = check_record_size(shard, commit, kRecordBytesMax);
    if (!size) return size.error();
    if (const Status taken = check_steps(shard, commit, shard_count()); !taken) {
        return taken.error();
    }
    std::uint64_t ticket = 0;
    bool completes = false;
    {
        const std::lock_guard lock(mutex_);
        if (failure_) return *failure_;
        if (const Status admitted = shard_of(shard).turn.admit(term, commit.number); !admitted) {
            return admitted.error();
        }
        in_flight_.push_back({shard,
                              {commit.record.begin(), commit.record.end()},
                              commit.next,
                              {commit.steps.begin(), commit.steps.end()}});
        ticket = next_ticket_++;
        completes = !is_held_;
        if (completes) complete(1);
    }
    if (completes) wake();
    return CommitTicket(ticket);
}

void SimulatedLog::complete(std::size_t count) {
    for (; count > 0 && !in_flight_.empty(); --count) {
        const InFlight commit = std::move(in_flight_.front());
        in_flight_.pop_front();
        if (planned_ && --planned_->in == 0) {
            if (planned_->failure == Failure::after_durable) store(commit);
            planned_.reset();
            in_flight_.clear();
            failure_ =
                Fault{FaultCode::storage,
                      "simulated failure of a commit; the log takes no more commits until it "
                      "is opened again"};
            return;
        }
        shard_of(commit.shard).turn.settle_one();
        store(commit);
        ++settled_below_;
    }
}

void SimulatedLog::store(const InFlight& commit) {
    Shard& shard = shard_of(commit.shard);
    Bytes record;
    for (const ByteView piece : commit.record)
        record.insert(record.end(), piece.begin(), piece.end());
    shard.records.push_back({std::move(record)});
    shard.next.command = std::max(shard.next.command, commit.next.command);
    shard.next.step = std::max(shard.next.step, commit.next.step);
    std::erase_if(shard.steps,
                  [&](const StepInput& steps) { return steps.offset < shard.next.step; });
    for (const OutgoingSteps& steps : commit.steps)
        deliver(steps.to, Bytes(steps.batch.begin(), steps.batch.end()));
}

void SimulatedLog::deliver(ShardId to, Bytes batch) {
    Shard& shard = shard_of(to);
    shard.steps.push_back({shard.steps_end, std::move(batch)});
    shard.steps_end = shard.steps_end.next();
    shard.input.announce_steps(shard.steps_end);
}

Result<bool> SimulatedLog::settled(CommitTicket ticket) const {
    const std::uint64_t t = ticket.value();
    VOUCH_ASSERT(t < next_ticket_);
    for (const Range& lost : lost_) {
        if (lost.begin <= t && t < lost.end) {
            return Fault{FaultCode::storage, "the log crashed while the commit was in flight"};
        }
    }
    if (t < settled_below_) return true;
    if (failure_) return *failure_;
    return false;
}

std::optional<Fault> SimulatedLog::failure() {
    const std::lock_guard lock(mutex_);
    return failure_;
}

Status SimulatedLog::await(CommitTicket ticket) {
    std::unique_lock lock(mutex_);
    while (true) {
        const Result<bool> is_durable = settled(ticket);
        if (!is_durable) return is_durable.error();
        if (*is_durable) return {};
        settled_.wait(lock);
    }
}

Result<bool> SimulatedLog::is_durable(CommitTicket ticket) {
    const std::lock_guard lock(mutex_);
    return settled(ticket);
}

}  // namespace vouch
