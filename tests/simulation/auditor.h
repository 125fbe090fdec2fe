#pragma once

#include "events/log/log.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "events/seal/mac.h"
#include "events/seal/record.h"
#include "tests/model/shard_books.h"
#include "tests/simulation/fibre_scheduler.h"
#include "tests/simulation/orders.h"

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch::test {

/// Something that must never be.
struct Violation {
    std::string_view invariant;
    std::string what;
    std::uint64_t step = 0;  ///< switches of fibres until it was seen
    SimulatedTime time{};    ///< when it was seen
};

/// Holds what a deployment does against what must always be so, while it runs: it reads each
/// durable record once, from whichever process is at work, and hears what clients are told.
class Auditor {
public:
    /// All outlive it; `report` is called with whatever it finds.
    Auditor(const Deployment& deployment, const EpochKeys& keys, Orders& orders,
            const FibreScheduler& world, std::function<void(std::string_view, std::string)> report);

    /// As far as was looked: no step is still to be taken.
    bool is_at_rest() const { return !books_.is_under_way(); }
    /// Of a process that begins, and when all is over: what was durable is still there. Brokers may
    /// show the newest of it later while they are disturbed.
    void begin(LogReader& log, bool may_be_shown_later = false);
    /// Takes in what has become durable.
    void look(LogReader& log);
    /// A process seals a record, which may be ahead of the true time by so much.
    void see_sealed(const StoredRecord& stored, std::int64_t ahead_max_us);
    /// A client was told; after a look.
    void tell(std::size_t order, const Told& told);
    /// A view had applied all records below before the last look.
    void see_view(ShardId shard, RecordNumber next);
    /// When all is over and nothing is under way.
    void end();

    void violate(std::string_view invariant, std::string what);
    /// Of every shard a record is durable.
    bool has_all_shards() const;
    /// Of all shards' newest records.
    Timestamp newest_time() const;

private:
    struct Chain {
        RecordNumber next;
        Digest newest{};
        Timestamp time;                    ///< of the newest
        Timestamp sealed;                  ///< the newest time of any, durable or not
        std::deque<StoredRecord> waiting;  ///< for a record whose steps it takes
        RecordNumber taken;                ///< the first that the books have not
    };

    /// False when the log does not give what it has.
    bool read(LogReader& log, ShardId shard);
    void verify(ShardId shard, const StoredRecord& stored);
    Mac& mac_of(ShardId shard, Epoch epoch);
    bool is_ready(const StoredRecord& record) const;
    void take_ready();
    /// Which outcomes the record gives, and to whom.
    void note_outcomes(const Event& event, ShardId shard, RecordNumber record);
    void compare(std::size_t order);

    const Deployment& deployment_;
    const EpochKeys& keys_;
    Orders& orders_;
    const FibreScheduler& world_;
    const std::function<void(std::string_view, std::string)> report_;
    ShardBooks books_;
    using Key = std::pair<LedgerId, CommandId>;
    std::map<Key, Told> recorded_;
    /// Of members of groups that failed: they have no event of their own, and may be sent again.
    std::multimap<Key, Told> of_failed_groups_;
    std::vector<Chain> chains_;
    std::map<std::pair<ShardId, Epoch>, Mac> macs_;
    bool is_blind_ = false;  ///< the last look did not see all
    std::vector<std::size_t> uncompared_;
    std::size_t book_faults_ = 0;
    bool is_violated_ = false;
};

}  // namespace vouch::test
