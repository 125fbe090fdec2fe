#pragma once

#include "events/money/amount.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace vouch::reconciler {

/// What one event says about one id. Rows of an id come together in the id check, in the order of
/// (event, kind, position); the replay's fold needs no memory of ids that way.
enum class IdRowKind : std::uint8_t {
    decided,  ///< the id's command got its outcome: `content`, `outcome`, flags; of an entry of one
              ///< debit and one credit also `first`, `second`, `amount`; of a hold payer and payee
              ///< + 1
    posting,  ///< of an entry of another shape: `position`, account `first`, asset `second`,
              ///< `amount`, kCredit
    member_failed,  ///< of a group that failed: `position` in it, `content` in `amount`, `outcome`
    member_repeated,  ///< had been accepted before: as member_failed
    conflict,         ///< other content: `content`; `amount` holds the first event that is claimed
    hold_ended,       ///< of the hold's id: `outcome` is a HoldStatus
    hold_refused,     ///< of the hold's id: `outcome`; account + 1 as `first`, 0 for one of another
                      ///< shard; credit + 1 as `second`, 0 for none, kElsewhere for one of another
                      ///< shard
    entry_reversed,   ///< of the entry's id: mirrored postings follow, `first` of them
    entry_refunded,   ///< of the entry's id: debited account `first`, credited `second`, `amount`,
                      ///< kFrom; `position` is RefundedPair::pack
    entry_refused,  ///< of the entry's id: `outcome`, kIsRefund; account + 1 as `first`; `amount`,
                    ///< kHasAmount; `position` is RefundedPair::pack
    mark_returned,  ///< of the entry's id: as `entry_reversed` or `entry_refunded` (kIsRefund),
                    ///< taken back by another shard's refusal; that shard, which led the entry, as
                    ///< `first`
    mirrored,       ///< a posting of the reversal: as `posting`
    refunded_sum,   ///< claimed by a refund: `position`, `amount`
    remaining,      ///< claimed by refund_exceeds_payment: `amount`
    payer_named,    ///< claimed by a refund's asset_mismatch: the payer on another shard, its id as
                    ///< `amount`
    short_of,  ///< claimed by insufficient_funds: of account `first` no more than `amount` may be
               ///< lowered; kCredit when that is the side which raises it
    room_of,   ///< claimed by amount_overflow: account `first` has room for `amount` on its side
               ///< `position`
    view,           ///< the projection has the id at `event`
    in_transit,     ///< the id's command crosses: as `decided`, without outcome
    followed,       ///< what a step of another shard with this id posted here: as `decided`, and
                    ///< that shard as `position`
    followed_payer,  ///< directly behind `followed`: who paid on the other shard, its id as
                     ///< `amount`
    given_back,  ///< of the entry's id: the command that gives it back to the other shard, its id
                 ///< as `amount`; that shard as `first`
    payee_expected,    ///< of that command's id, over all shards: who must get it, as `amount`;
                       ///< `first` the shard, `position` nothing
    payee_credited,    ///< who gets it there, as `amount`; `first` the shard, `position` the record
    forward_repeated,  ///< the same content again: as `conflict`
    batch_sent,        ///< these three: pair_check.cc
    batch_taken,
    batch_place,
    row_expected,  ///< the last two: row_match.h
    row_found,
};

/// Fixed width, as it lies in temporary files of this process. 64 bytes: one cache line.
struct IdRow {
    static constexpr std::uint32_t kElsewhere = ~std::uint32_t{0};
    static constexpr std::uint8_t kIsEntry = 1;  ///< can be reversed and refunded
    static constexpr std::uint8_t kIsPair = 2;   ///< an entry of one debit and one credit
    static constexpr std::uint8_t kIsHold = 4;
    static constexpr std::uint8_t kCredit = 8;  ///< side of a posting
    static constexpr std::uint8_t kFrom = 16;   ///< the refund names who pays
    static constexpr std::uint8_t kHasAmount = 32;
    static constexpr std::uint8_t kIsRefund = 64;
    static constexpr std::uint8_t kIsAnswered = 64;  ///< of `decided`: it was in transit
    /// A member's outcome is not what the books say of it, were it never seen before.
    static constexpr std::uint8_t kNotDerived = 128;

    std::uint64_t id_high = 0;
    std::uint64_t id_low = 0;
    std::uint64_t event = 0;
    std::uint64_t position = 0;  ///< or `content`
    std::uint64_t amount_high = 0;
    std::uint64_t amount_low = 0;
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    std::uint32_t ledger = 0;
    IdRowKind kind = IdRowKind::decided;
    std::uint8_t outcome = 0;
    std::uint8_t flags = 0;
    std::uint8_t is_shared = 0;  ///< used by the id check alone

    CommandId id() const { return {id_high, id_low}; }
    Amount amount() const { return Amount::from_halves(amount_high, amount_low); }
    void set_amount(Amount amount) {
        amount_high = amount.high();
        amount_low = amount.low();
    }
};
static_assert(sizeof(IdRow) == 64);

/// Positions of the debit and credit that a refund names; none for an entry of one of each.
struct RefundedPair {
    std::uint32_t debit = 0;
    std::uint32_t credit = 0;
    bool are_named = false;

    std::uint64_t pack() const { return are_named ? (std::uint64_t{debit} << 32 | credit) + 1 : 0; }
    static RefundedPair unpack(std::uint64_t packed) {
        if (packed == 0) return {};
        return {static_cast<std::uint32_t>((packed - 1) >> 32),
                static_cast<std::uint32_t>(packed - 1), true};
    }
};

/// Rows partitioned by id, in memory up to a bound and beyond it in temporary files without a name,
/// which vanish with the process.
///
/// `add` and `finish`: one thread. Memory: at most `memory` bytes of rows and, in `finish`, as much
/// again; a partition that is larger is split further, unless one id alone fills it.
class IdRows {
public:
    static constexpr std::size_t kPartitions = 64;
    static constexpr std::size_t kBlockRows = 2048;  ///< 128 KiB

    IdRows(std::filesystem::path directory, std::size_t memory);
    ~IdRows();

    void add(const IdRow& row);

    /// Gives each partition's rows, in no order, to `visit`, from `threads` threads at once.
    /// Empties this. `storage` when a temporary file failed.
    Status finish(unsigned threads, const std::function<void(std::span<IdRow>)>& visit);

private:
    class NamelessFile;
    struct Partition;

    IdRows(std::filesystem::path directory, std::size_t memory, unsigned depth);
    void open_block(Partition& partition);
    void spill();
    Status visit_partition(Partition& partition, std::size_t memory,
                           const std::function<void(std::span<IdRow>)>& visit);

    std::filesystem::path directory_;
    std::size_t blocks_max_;
    std::size_t memory_;
    unsigned depth_;
    std::size_t blocks_ = 0;
    std::vector<std::unique_ptr<IdRow[]>> free_;
    std::vector<Partition> partitions_;
    Status status_;
};

}  // namespace vouch::reconciler
