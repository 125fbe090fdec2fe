#pragma once

#include "events/log/log.h"
#include "events/world/condition.h"
#include "events/world/mutex.h"
#include "events/world/thread.h"
#include "reconciler/reading/prepared_record.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

namespace vouch::reconciler {

/// Bytes of records that one reading call asks for, and a unit of parallel work.
inline constexpr std::size_t kChunkBytes = 1u << 20;

/// Reads a shard's records [0, end) and prepares them in parallel, ahead of a fold that takes them
/// in order. At most `chunks_max` chunks of about kChunkBytes wait or are worked on.
///
/// `next` and `give_back`: one thread, which is the one that destroys it.
class RecordPipeline {
public:
    struct Input {
        LogReader& log;
        ShardId shard;
        RecordNumber end;
        const EpochKeys* keys;  ///< null: no MACs
        const ContentDigest& content;
    };

    RecordPipeline(const Input& input, unsigned threads, std::size_t chunks_max);
    ~RecordPipeline();

    /// The next chunk in order; null at the end. Its `fault` says that the log could not be read
    /// on.
    std::unique_ptr<Chunk> next();
    void give_back(std::unique_ptr<Chunk> chunk);

private:
    /// Without threads.
    RecordPipeline(const Input& input, std::size_t chunks_max);

    void work();
    /// Reads the next chunk's records. Called by one thread at a time.
    void read(Chunk& chunk);
    void read_singly(Chunk& chunk, const Fault& fault);

    /// Records read one by one to find the one that cannot be read, before parallel reading is
    /// tried again.
    static constexpr std::size_t kSingleReadsMax = 4096;

    Input input_;
    std::size_t chunks_max_;

    Mutex reading_;  // guards the two below, and the order of reading
    RecordNumber from_;
    std::uint64_t chunks_read_ = 0;

    Mutex mutex_;  // guards all below
    Condition changed_;
    std::map<std::uint64_t, std::unique_ptr<Chunk>> ready_;
    std::vector<std::unique_ptr<Chunk>> free_;
    std::size_t in_flight_ = 0;
    std::uint64_t chunks_given_ = 0;
    std::size_t working_ = 0;
    bool is_read_ = false;
    bool is_stopping_ = false;

    std::vector<Thread> threads_;
};

}  // namespace vouch::reconciler
