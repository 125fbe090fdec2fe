#pragma once

#include "events/check.h"
#include "events/money/account.h"
#include "events/money/amount.h"
#include "events/money/hold.h"
#include "events/money/ids.h"
#include "events/money/number.h"
#include "events/money/outcome.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace vouch::reconciler {

/// What one event says about one id. Rows of an id come together in the id check, in the order of
/// (event, kind); the replay's fold needs no memory of ids that way. Behind each kind stands what
/// it says, one of the structs below.
enum class IdRowKind : std::uint8_t {
    decided,          ///< the id's command got its outcome: Decided
    answered,         ///< it got it from another shard: nothing more
    posting,          ///< of an entry that is no pair: Booked
    member_failed,    ///< of a group that failed: MemberSaid
    member_repeated,  ///< had been accepted before: MemberSaid
    conflict,         ///< other content: NamedFirst
    hold_ended,       ///< of the hold's id: HoldEnd
    hold_refused,     ///< of the hold's id: HoldRefusal
    entry_reversed,   ///< of the entry's id: mirrored postings follow
    entry_refunded,   ///< of the entry's id: Refunding; its refunded_sum follow
    entry_refused,    ///< of the entry's id: EntryRefusal; what it claims follows
    mark_returned,    ///< of the entry's id: MarkReturned; its refunded_sum follow
    mirrored,         ///< a posting of the reversal: Booked
    refunded_sum,     ///< RefundedSum
    remaining,        ///< claimed by refund_exceeds_payment: Remaining
    payer_named,      ///< claimed by a refund's asset_mismatch, on another shard: PayerSaid
    short_of,         ///< claimed by insufficient_funds: ShortOf
    room_of,          ///< claimed by amount_overflow, one a side: RoomOf
    view,             ///< the projection has the id at this event: nothing more
    in_transit,       ///< the id's command crosses: Decided
    followed,         ///< what a step of another shard with this id posted here: Followed
    followed_payer,   ///< directly behind it: PayerSaid
    given_back,       ///< of the entry's id: GivenBack
    seen,             ///< over all shards: SeenBy
    payee_expected,   ///< over all shards, of the command that gives back: who must get it, Payee
    payee_credited,   ///< who gets it there: Payee
    forward_repeated,  ///< the same content again: NamedFirst
    forwarded,         ///< the id's command went to the shard that decides it: Forwarded
    sent,              ///< a command with this id was sent, and read by now: Sent
    batch_sent,        ///< of a pair of shards and a number: Batch
    batch_taken,       ///< Batch
    batch_place,       ///< BatchPlace
    row_expected,      ///< of a row of a view: RowDigest
    row_found,         ///< RowDigest
};

/// What a command makes, under its own id.
enum class IdMade : std::uint8_t {
    nothing,
    entry,
    pair,  ///< an entry of one debit and one credit
    hold,
};

/// Stand for accounts that have no number here.
inline constexpr std::uint32_t kNobody = ~std::uint32_t{0};
inline constexpr std::uint32_t kElsewhere = kNobody - 1;

struct Decided {
    Amount amount{};  ///< of a pair
    std::uint64_t content = 0;
    std::uint32_t payer = kNobody;  ///< of a pair or hold
    std::uint32_t payee = kNobody;
    static constexpr bool is_of(IdRowKind kind) {
        return kind == IdRowKind::decided || kind == IdRowKind::in_transit;
    }
};

struct Booked {
    Amount amount{};
    std::uint32_t account = 0;
    std::uint32_t asset = 0;  ///< told apart by number within an entry
    Side side = Side::debit;
    friend bool operator==(const Booked&, const Booked&) = default;
    static constexpr bool is_of(IdRowKind kind) {
        return kind == IdRowKind::posting || kind == IdRowKind::mirrored;
    }
};

struct MemberSaid {
    std::uint64_t content = 0;
    bool is_derived = true;  ///< were it never seen before, its outcome is what the books say
    static constexpr bool is_of(IdRowKind kind) {
        return kind == IdRowKind::member_failed || kind == IdRowKind::member_repeated;
    }
};

struct NamedFirst {
    std::uint64_t content = 0;
    std::uint64_t first = 0;  ///< the first event that is claimed
    static constexpr bool is_of(IdRowKind kind) {
        return kind == IdRowKind::conflict || kind == IdRowKind::forward_repeated;
    }
};

struct Forwarded {
    std::uint64_t content = 0;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::forwarded; }
};

struct Sent {
    std::uint64_t content = 0;
    std::uint64_t offset = 0;  ///< of its batch
    std::uint32_t member = 0;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::sent; }
};

struct HoldEnd {
    HoldStatus status = HoldStatus::open;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::hold_ended; }
};

struct HoldRefusal {
    std::uint32_t account = kElsewhere;
    std::uint32_t credit = kNobody;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::hold_refused; }
};

/// Positions of the debit and credit that a refund names; none for an entry of one of each.
struct RefundedPair {
    std::uint16_t debit = 0;
    std::uint16_t credit = 0;
    bool are_named = false;
};

struct Refunding {
    Amount amount{};
    std::uint32_t debited = 0;
    std::uint32_t credited = 0;
    RefundedPair pair{};
    bool names_payer = false;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::entry_refunded; }
};

struct EntryRefusal {
    Amount amount{};
    std::uint32_t account = 0;
    RefundedPair pair{};
    bool is_refund = false;
    bool names_payer = false;
    bool has_amount = false;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::entry_refused; }
};

/// A reversal or refund of an entry that another shard led was refused there.
struct MarkReturned {
    Amount amount{};
    std::uint32_t leader = 0;
    RefundedPair pair{};
    bool is_refund = false;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::mark_returned; }
};

struct RefundedSum {
    Amount amount{};
    std::uint32_t posting = 0;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::refunded_sum; }
};

struct Remaining {
    Amount amount{};
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::remaining; }
};

struct PayerSaid {
    AccountId payer;
    static constexpr bool is_of(IdRowKind kind) {
        return kind == IdRowKind::payer_named || kind == IdRowKind::followed_payer;
    }
};

struct ShortOf {
    Amount left{};  ///< no more may be taken from the account
    std::uint32_t account = 0;
    Side raises = Side::debit;  ///< the side which raises it
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::short_of; }
};

struct RoomOf {
    Amount left{};  ///< no more fits on that side of the account
    std::uint32_t account = 0;
    Side side = Side::debit;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::room_of; }
};

/// A pair, as `decided` makes one.
struct Followed {
    Amount amount{};
    std::uint32_t leader = 0;
    std::uint32_t debited = 0;
    std::uint32_t credited = 0;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::followed; }
};

struct GivenBack {
    CommandId by;  ///< the command that gives the entry back
    std::uint32_t to = 0;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::given_back; }
};

struct SeenBy {
    std::uint64_t record = 0;
    std::uint32_t shard = 0;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::seen; }
};

struct Payee {
    AccountId account{};
    std::uint64_t record = 0;  ///< of the credit
    std::uint32_t shard = 0;
    static constexpr bool is_of(IdRowKind kind) {
        return kind == IdRowKind::payee_expected || kind == IdRowKind::payee_credited;
    }
};

/// Of `seal/step_batch.h`: digests of 64 bits of its digest, and of that of the sender's record.
struct Batch {
    /// How much of a batch was taken: all, as its digest shows; a part, at the end of the log; or
    /// that cannot be known.
    enum class Extent : std::uint8_t { whole, part, unknown };

    std::uint64_t digest = 0;
    std::uint64_t record_digest = 0;
    std::uint64_t record = 0;
    std::uint32_t count = 0;
    Extent extent = Extent::whole;
    static constexpr bool is_of(IdRowKind kind) {
        return kind == IdRowKind::batch_sent || kind == IdRowKind::batch_taken;
    }
};

/// The own record that a batch was sent or taken with.
struct BatchPlace {
    Timestamp time;
    std::uint64_t record = 0;
    std::uint32_t shard = 0;
    static constexpr bool is_of(IdRowKind kind) { return kind == IdRowKind::batch_place; }
};

/// views/row_match.h.
struct RowDigest {
    std::uint64_t key = 0;
    std::uint64_t value = 0;
    std::uint8_t about = 0;
    static constexpr bool is_of(IdRowKind kind) {
        return kind == IdRowKind::row_expected || kind == IdRowKind::row_found;
    }
};

/// Fixed width, as it lies in temporary files of this process. 64 bytes: one cache line.
struct IdRow {
    std::uint64_t id_high = 0;
    std::uint64_t id_low = 0;
    std::uint64_t event = 0;
    std::uint32_t ledger = 0;
    IdRowKind kind = IdRowKind::decided;
    Outcome outcome = Outcome::malformed;  ///< of what was decided, answered, refused, or a member
    IdMade made = IdMade::nothing;         ///< of `decided` and `in_transit`
    alignas(Amount) std::array<std::byte, 32> said{};

    CommandId id() const { return {id_high, id_low}; }

    template <class Said>
    void say(IdRowKind of, const Said& what) {
        static_assert(sizeof(Said) <= sizeof(said) && std::is_trivially_copyable_v<Said>);
        VOUCH_ASSERT(Said::is_of(of));
        kind = of;
        std::memcpy(said.data(), &what, sizeof(Said));
    }
    template <class Said>
    Said as() const {
        VOUCH_ASSERT(Said::is_of(kind));
        Said what;
        std::memcpy(&what, said.data(), sizeof(Said));
        return what;
    }
};
static_assert(sizeof(IdRow) == 64 && std::is_trivially_copyable_v<IdRow>);

}  // namespace vouch::reconciler
