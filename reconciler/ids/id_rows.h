#pragma once

#include "events/result.h"
#include "events/world/files.h"
#include "reconciler/ids/id_row.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace vouch::reconciler {

/// Rows partitioned by id, in memory up to a bound and beyond it in temporary files without a name,
/// which vanish with the process.
///
/// `add` and `finish`: one thread. Memory: at most `memory` bytes of rows and, in `finish`, as much
/// again; a partition that is larger is split further, unless one id alone fills it.
class IdRows {
public:
    static constexpr std::size_t kPartitions = 64;
    static constexpr std::size_t kBlockRows = 2048;  ///< 128 KiB

    IdRows(TemporaryPlace place, std::size_t memory);
    ~IdRows();

    void add(const IdRow& row);

    /// Gives each partition's rows, in the order in which they were added, to `visit`, from
    /// `threads` threads at once. Empties this. `storage` when a temporary file failed.
    Status finish(unsigned threads, const std::function<void(std::span<IdRow>)>& visit);

private:
    class RowFile;
    struct Partition;
    struct FreeRows {
        void operator()(IdRow* rows) const { ::operator delete(rows); }
    };
    using Rows = std::unique_ptr<IdRow[], FreeRows>;

    /// Room for rows; none is written before it is there.
    static Rows make_rows(std::size_t count);

    IdRows(TemporaryPlace place, std::size_t memory, unsigned depth);
    void open_block(Partition& partition);
    void spill();
    Status visit_partition(Partition& partition, std::size_t memory,
                           const std::function<void(std::span<IdRow>)>& visit);

    TemporaryPlace place_;
    std::size_t blocks_max_;
    std::size_t memory_;
    unsigned depth_;
    std::size_t blocks_ = 0;
    std::vector<Rows> free_;
    std::vector<Partition> partitions_;
    Status status_;
};

}  // namespace vouch::reconciler
