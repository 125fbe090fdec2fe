#include "reconciler/ids/id_rows.h"

#include "events/world/mutex.h"
#include "events/world/thread.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

namespace vouch::reconciler {

namespace {

constexpr unsigned kPartitionBits = 6;
static_assert(IdRows::kPartitions == 1U << kPartitionBits);
/// Splits of 64 by 64 by 64…: what is then still too large is many rows of few ids.
constexpr unsigned kDepthMax = 4;

std::uint64_t hash_of(const IdRow& row) {
    return keyed_hash(HashKey::of_process(), row.ledger, row.id_high, row.id_low);
}

}  // namespace

/// Made when there is something to write into it.
class IdRows::RowFile {
public:
    std::size_t size() const { return size_; }

    Status append(const TemporaryPlace& place, std::span<const std::byte> bytes) {
        if (!file_) {
            Result<File> made = place.make_file("vouch-replay");
            if (!made) return made.error();
            file_ = std::move(*made);
        }
        if (Status written = file_->write(bytes, size_); !written) return written;
        size_ += bytes.size();
        return {};
    }
    Status read(std::size_t offset, std::span<std::byte> out) const {
        return out.empty() ? Status() : file_->read(out, offset);
    }

private:
    std::optional<File> file_;
    std::size_t size_ = 0;
};

struct IdRows::Partition {
    std::vector<Rows> blocks;
    IdRow* next = nullptr;  // in the last block
    IdRow* end = nullptr;
    RowFile file;

    std::size_t rows_in_memory() const {
        return blocks.size() * kBlockRows - static_cast<std::size_t>(end - next);
    }
    std::size_t rows_of_block(std::size_t block) const {
        return block + 1 < blocks.size() ? kBlockRows
                                         : kBlockRows - static_cast<std::size_t>(end - next);
    }
    std::size_t rows() const { return rows_in_memory() + file.size() / sizeof(IdRow); }
};

IdRows::IdRows(TemporaryPlace place, std::size_t memory)
    : IdRows(std::move(place), memory, 0) {}

IdRows::IdRows(TemporaryPlace place, std::size_t memory, unsigned depth)
    : place_(std::move(place)),
      blocks_max_(std::max(2 * kPartitions, memory / (kBlockRows * sizeof(IdRow)))),
      memory_(memory),
      depth_(depth) {
    partitions_.resize(kPartitions);
}

IdRows::~IdRows() = default;

IdRows::Rows IdRows::make_rows(std::size_t count) {
    return Rows(static_cast<IdRow*>(::operator new(count * sizeof(IdRow))));
}

void IdRows::add(const IdRow& row) {
    const unsigned shift = 64 - kPartitionBits * (depth_ + 1);
    Partition& partition = partitions_[(hash_of(row) >> shift) % kPartitions];
    if (partition.next == partition.end) open_block(partition);
    *partition.next++ = row;
}

void IdRows::open_block(Partition& partition) {
    if (blocks_ == blocks_max_) spill();
    ++blocks_;
    if (free_.empty()) {
        partition.blocks.push_back(make_rows(kBlockRows));
    } else {
        partition.blocks.push_back(std::move(free_.back()));
        free_.pop_back();
    }
    partition.next = partition.blocks.back().get();
    partition.end = partition.next + kBlockRows;
}

void IdRows::spill() {
    for (Partition& partition : partitions_) {
        for (std::size_t i = 0; i < partition.blocks.size(); ++i) {
            const std::span<const IdRow> rows(partition.blocks[i].get(),
                                              partition.rows_of_block(i));
            if (status_) status_ = partition.file.append(place_, std::as_bytes(rows));
            free_.push_back(std::move(partition.blocks[i]));
        }
        partition.blocks.clear();
        partition.next = partition.end = nullptr;
    }
    blocks_ = 0;
}

Status IdRows::visit_partition(Partition& partition, std::size_t memory,
                               const std::function<void(std::span<IdRow>)>& visit) {
    const std::size_t count = partition.rows();
    if (count == 0) return {};
    const std::size_t from_file = partition.file.size() / sizeof(IdRow);
    if (count * sizeof(IdRow) <= std::max(memory, kBlockRows * sizeof(IdRow)) ||
        depth_ == kDepthMax) {
        const Rows rows = make_rows(count);
        const std::span<IdRow> all(rows.get(), count);
        if (Status read = partition.file.read(0, std::as_writable_bytes(all.first(from_file)));
            !read)
            return read;
        IdRow* place = rows.get() + from_file;
        for (std::size_t i = 0; i < partition.blocks.size(); ++i) {
            place = std::copy_n(partition.blocks[i].get(), partition.rows_of_block(i), place);
        }
        partition.blocks.clear();
        partition.next = partition.end = nullptr;
        visit(all);
        return {};
    }
    IdRows parts(place_, memory, depth_ + 1);
    std::vector<IdRow> piece(kBlockRows);
    for (std::size_t read_rows = 0; read_rows < from_file;) {
        const std::size_t rows = std::min(kBlockRows, from_file - read_rows);
        const std::span<IdRow> some(piece.data(), rows);
        Status read = partition.file.read(read_rows * sizeof(IdRow), std::as_writable_bytes(some));
        if (!read) return read;
        for (const IdRow& row : some) parts.add(row);
        read_rows += rows;
    }
    for (std::size_t i = 0; i < partition.blocks.size(); ++i) {
        for (const IdRow& row : std::span(partition.blocks[i].get(), partition.rows_of_block(i)))
            parts.add(row);
    }
    return parts.finish(1, visit);
}

Status IdRows::finish(unsigned threads, const std::function<void(std::span<IdRow>)>& visit) {
    if (!status_) return status_;
    std::atomic<std::size_t> next = 0;
    Mutex mutex;
    const std::size_t memory = memory_ / std::max(threads, 1U);
    const auto work = [&] {
        for (std::size_t i = next++; i < kPartitions; i = next++) {
            Status visited = visit_partition(partitions_[i], memory, visit);
            const std::lock_guard lock(mutex);
            if (status_ && !visited) status_ = visited;
        }
    };
    std::vector<Thread> helpers;
    for (unsigned i = 1; i < threads; ++i) helpers.emplace_back("replay-ids", work);
    work();
    for (Thread& helper : helpers) helper.join();
    partitions_.clear();
    partitions_.resize(kPartitions);
    return status_;
}

}  // namespace vouch::reconciler
