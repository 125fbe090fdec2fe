#pragma once

#include "events/log/log.h"
#include "events/seal/record_verifier.h"
#include "events/world/condition.h"
#include "events/world/thread.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vouch {

/// A durable record that is not what was written, or cannot be read; or one beside which something
/// has changed, while it is right.
struct RottenRecord {
    ShardId shard;
    RecordNumber record;
    std::string what;   ///< names shard and record
    std::string place;  ///< LogReader::place_of
    bool is_beside = false;  ///< the record itself is right
    bool is_unread = false;  ///< the disk failed: what it is is not known

    /// A sentence for people.
    std::string text() const;
};

/// Reads a log's records again, one shard after the other, and verifies each whole and against the
/// one before it, and what is kept with it, its steps: so that what has rotted or was changed is
/// known before it is asked for. Log, deployment and keys are borrowed.
class Scrub {
public:
    /// Told of each when it is found; again only if it was right in between.
    using Report = std::function<void(const RottenRecord&)>;

    Scrub(LogReader& log, const Deployment& deployment, const EpochKeys& keys, Report report);

    /// Verifies the next records, some kStepBytes of them. One thread at a time. A fault when the
    /// log does not say where it ends; its shard is passed over in this round.
    Status step();
    /// How often all shards were read to their ends.
    std::uint64_t rounds() const { return rounds_; }
    /// What was wrong when it was last read, in order; at most kRottenMax, and no more are told.
    /// Any thread.
    std::vector<RottenRecord> rotten() const;

    static constexpr std::size_t kStepBytes = std::size_t{1} << 20;
    static constexpr std::size_t kRottenMax = 1'000;

private:
    using Place = std::pair<ShardId, RecordNumber>;

    void look_at(const StoredRecord& stored);
    void found_wrong(const std::string& what, bool is_unread = false);
    void look_beside();
    void tell(const RottenRecord& rotten);
    void found_right();
    void next_shard();

    LogReader& log_;
    const Deployment& deployment_;
    const EpochKeys& keys_;
    const Report report_;
    ShardId shard_;
    RecordVerifier verifier_;
    RecordNumber next_;
    std::optional<Digest> last_;  ///< of the record before `next_`, when that is known
    std::vector<StoredRecord> records_;
    std::uint64_t rounds_ = 0;
    mutable Mutex mutex_;  ///< of what is rotten
    std::map<Place, RottenRecord> rotten_;
};

/// A scrub in a thread of its own, of the lowest priority, from its making to its end.
class BackgroundScrub {
public:
    BackgroundScrub(LogReader& log, const Deployment& deployment, const EpochKeys& keys,
                    Scrub::Report report);
    ~BackgroundScrub();
    BackgroundScrub(const BackgroundScrub&) = delete;
    BackgroundScrub& operator=(const BackgroundScrub&) = delete;

    /// Any thread.
    std::vector<RottenRecord> rotten() const { return scrub_.rotten(); }

    /// What it reads of records, at most: three days a terabyte. Steps come on top.
    static constexpr std::size_t kBytesASecond = std::size_t{4} << 20;

private:
    void run();

    Scrub scrub_;
    Mutex mutex_;
    Condition stopping_;
    bool stops_ = false;
    Thread thread_;
};

}  // namespace vouch
