#include "events/log/embedded/group_committer.h"

#include "events/log/embedded/crc32c.h"
#include "events/world/notice.h"

#include <chrono>
#include <mutex>
#include <string>
#include <utility>

namespace vouch {

GroupCommitter::GroupCommitter(std::vector<WriterTurn> turns, GroupWriter writer,
                               std::uint64_t next_ticket, std::uint64_t frame_bytes_max,
                               Hooks hooks)
    : hooks_(std::move(hooks)),
      frame_bytes_max_(frame_bytes_max),
      writer_(std::move(writer)),
      next_ticket_(next_ticket),
      durable_below_(next_ticket),
      turns_(std::move(turns)) {
    thread_ = Thread("log", [this] { run(); });
}

GroupCommitter::~GroupCommitter() {
    {
        const std::lock_guard lock(mutex_);
        is_stopping_ = true;
    }
    queued_.notify_one();
    thread_.join();
}

std::optional<Fault> GroupCommitter::failure() {
    const std::lock_guard lock(mutex_);
    return failure_;
}

std::optional<Fault> GroupCommitter::waits() {
    const std::lock_guard lock(mutex_);
    return waits_;
}

void GroupCommitter::set_patient(bool is_patient) {
    {
        const std::lock_guard lock(mutex_);
        is_patient_ = is_patient;
    }
    queued_.notify_one();
}

Result<ShardEnd> GroupCommitter::acquire(ShardId shard, Term term) {
    std::unique_lock lock(mutex_);
    VOUCH_ASSERT(shard.value() < turns_.size());
    WriterTurn& turn = turns_[shard.value()];
    if (failure_) return *failure_;
    if (const Status acquired = turn.acquire(term); !acquired) return acquired.error();
    settled_.wait(lock, [&] { return failure_ || turn.in_flight() == 0; });
    if (failure_) return *failure_;
    return ShardEnd{turn.next_record()};
}

Result<QueuedFrame> GroupCommitter::frame_of(ShardId shard, const Commit& commit) const {
    const Result<std::uint32_t> length = check_record_size(shard, commit, kRecordBytesMax);
    if (!length) return length.error();
    const auto shard_count = static_cast<std::uint32_t>(turns_.size());
    if (const Status taken = check_steps(shard, commit, shard_count); !taken) return taken.error();
    QueuedFrame frame{};
    FrameHeader& header = frame.header;
    header.record = commit.number.value();
    header.next_command = commit.next.command.value();
    header.next_step = commit.next.step.value();
    header.shard = shard.value();
    header.length = *length;
    header.steps = static_cast<std::uint16_t>(commit.steps.size());
    frame.body.reserve(commit.record.size() + commit.steps.size());
    // Checksums here and not in the writing thread, which is busy enough with copying and waiting.
    for (const ByteView piece : commit.record) {
        header.record_crc = crc32c(header.record_crc, piece);
        frame.body.push_back(piece);
    }
    for (const OutgoingSteps& steps : commit.steps) {
        const auto size = static_cast<std::uint32_t>(steps.batch.size());
        header.steps_length += size;
        frame.steps.push_back({steps.to.value(), size, crc32c(0, steps.batch)});
        frame.body.push_back(steps.batch);
    }
    frame.table = encode_step_table(frame.steps);
    header.table_crc = crc32c(0, frame.table);
    if (frame_extent(header) > frame_bytes_max_) {
        return Fault{FaultCode::storage,
                     record_name(shard, commit.number) + " has " +
                         std::to_string(frame_bytes(header) - kFrameHeaderBytes) +
                         " bytes with its steps, at most " +
                         std::to_string(frame_bytes_max_ / kFrameAlignment * kFrameAlignment -
                                        kFrameHeaderBytes) +
                         " fit into a segment"};
    }
    return frame;
}

Result<CommitTicket> GroupCommitter::commit(ShardId shard, Term term, const Commit& commit) {
    Result<QueuedFrame> frame = frame_of(shard, commit);
    if (!frame) return frame.error();
    std::uint64_t ticket = 0;
    {
        const std::lock_guard lock(mutex_);
        VOUCH_ASSERT(shard.value() < turns_.size());
        if (failure_) return *failure_;
        if (const Status admitted = turns_[shard.value()].admit(term, commit.number); !admitted) {
            return admitted.error();
        }
        queue_.push_back(std::move(*frame));
        ticket = next_ticket_++;
    }
    queued_.notify_one();
    return CommitTicket(ticket);
}

Status GroupCommitter::await(CommitTicket ticket) {
    std::unique_lock lock(mutex_);
    VOUCH_ASSERT(ticket.value() < next_ticket_);
    settled_.wait(lock, [&] { return ticket.value() < durable_below_ || failure_; });
    if (ticket.value() < durable_below_) return {};
    return *failure_;
}

Result<bool> GroupCommitter::is_durable(CommitTicket ticket) {
    const std::lock_guard lock(mutex_);
    VOUCH_ASSERT(ticket.value() < next_ticket_);
    if (ticket.value() < durable_below_) return true;
    if (failure_) return *failure_;
    return false;
}

void GroupCommitter::run() {
    std::vector<QueuedFrame> group;
    while (true) {
        group.clear();
        {
            std::unique_lock lock(mutex_);
            queued_.wait(lock, [&] { return is_stopping_ || !queue_.empty(); });
            if (queue_.empty()) return;
            group.swap(queue_);
        }
        for (std::span<QueuedFrame> rest(group); !rest.empty();) {
            const Result<std::size_t> written = writer_.write(rest);
            if (!written && written.error().code == FaultCode::retriable) {
                if (!wait_for_room(written.error())) return fail(written.error());
                continue;
            }
            if (!written) return fail(written.error());
            go_on();
            // Readable before it is known to be durable: whoever awaits it finds it.
            hooks_.publish(rest.first(*written));
            settle(rest.first(*written));
            rest = rest.subspan(*written);
        }
    }
}

/// A pause before the next attempt; false when the log is closed instead, or to wait no more.
bool GroupCommitter::wait_for_room(const Fault& full) {
    constexpr std::chrono::milliseconds kLookInterval{200};
    std::unique_lock lock(mutex_);
    if (!waits_) tell({Severity::warning, "disk_full", full.message});
    waits_ = full;
    return !queued_.wait_for(lock, kLookInterval, [&] { return is_stopping_ || !is_patient_; });
}

void GroupCommitter::go_on() {
    const std::lock_guard lock(mutex_);
    if (waits_) tell({Severity::note, "disk_has_room", "there is room again"});
    waits_.reset();
}

void GroupCommitter::settle(std::span<const QueuedFrame> frames) {
    {
        const std::lock_guard lock(mutex_);
        durable_below_ += frames.size();
        for (const QueuedFrame& frame : frames) turns_[frame.header.shard].settle_one();
    }
    settled_.notify_all();
    hooks_.settled();
}

void GroupCommitter::fail(const Fault& fault) {
    {
        const std::lock_guard lock(mutex_);
        failure_ = Fault{
            fault.code, fault.message + "; the log takes no more commits until it is opened again"};
        queue_.clear();
    }
    settled_.notify_all();
    hooks_.settled();
}

}  // namespace vouch
