#pragma once

#include "events/money/account.h"
#include "events/money/hold.h"
#include "events/money/outcome.h"
#include "reconciler/id_check.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vouch::reconciler {

/// The life of one id in its ledger, from the rows that events left about it. One use, one thread.
class IdHistory {
public:
    IdHistory(const Breaks& breaks, std::optional<EventNumber> viewed,
              const IdCheck::Report& report, const IdCheck::Expect& expect)
        : breaks_(breaks), viewed_(viewed), report_(report), expect_(expect) {}

    /// `rows` are all of one id, ordered by (event, kind, position).
    void check(std::span<const IdRow* const> rows);

private:
    struct Seen {
        std::uint64_t event = 0;
        std::uint64_t content = 0;
        Outcome outcome = Outcome::malformed;
        bool is_in_transit = false;
        std::uint64_t departed = 0;  ///< of a command that crossed: the event that said so
        bool is_of_group = false;    ///< the outcome is that of a group which failed
    };
    struct Posting {
        std::uint32_t account = 0;
        Side side = Side::debit;
        Amount amount;
        std::uint32_t asset = 0;  ///< told apart by number within an entry
        friend bool operator==(const Posting&, const Posting&) = default;
    };
    struct Entry {
        std::uint64_t event = 0;  ///< the last that changed anything here
        std::vector<Posting> postings;
        bool is_elsewhere = false;  ///< its payee is on another shard, which alone undoes it
        bool is_reversed = false;
        std::map<std::uint32_t, Amount> refunded;  ///< none of them zero

        Amount refunded_of(std::uint32_t posting) const;
        void take_sums(const std::map<std::uint32_t, Amount>& claimed);
    };
    /// An entry that another shard led.
    struct Followed {
        std::uint64_t leader = 0;
        Entry entry;
        std::optional<Amount> payer;  ///< who paid for it there, as an account's id
    };
    struct Hold {
        std::uint32_t payer_plus_one = 0;
        std::uint32_t payee_plus_one = 0;
        HoldStatus status = HoldStatus::open;
    };

    void decided(const IdRow& row);
    void answered(const IdRow& row);
    void in_transit(const IdRow& row);
    void followed(const IdRow& row);
    void take_parts(const IdRow& row);
    void forward_repeated(const IdRow& row);
    void given_back(const IdRow& row);
    void mark_returned(const IdRow& row, std::span<const IdRow* const> details);
    void member_failed(const IdRow& row);
    void member_repeated(const IdRow& row);
    void conflict(const IdRow& row);
    void hold_refused(const IdRow& row);
    void entry_reversed(const IdRow& row, std::span<const IdRow* const> details);
    void entry_refunded(const IdRow& row, std::span<const IdRow* const> details);
    void entry_refused(const IdRow& row, std::span<const IdRow* const> details);
    void compare_view(std::span<const IdRow* const> rows);

    struct Pair {
        std::uint32_t debit;
        std::uint32_t credit;
    };
    static std::optional<Pair> refunded_pair(const Entry& entry, const IdRow& row);
    Amount left_of(const Pair& pair) const;
    bool is_wrong_account(const IdRow& row) const;
    std::vector<Posting> undoing(const IdRow& row, const std::optional<Pair>& pair) const;
    bool is_too_much(const IdRow& row, const std::optional<Pair>& pair,
                     std::span<const IdRow* const> details) const;
    bool is_justified(const IdRow& row, std::span<const IdRow* const> details) const;

    /// The entry that reversals and refunds are of: an own one goes before, then the newest.
    const Entry* entry() const {
        if (own_) return &*own_;
        return followed_.empty() ? nullptr : &followed_.back().entry;
    }
    Entry* entry() { return const_cast<Entry*>(std::as_const(*this).entry()); }
    /// The same when it came from another shard; null otherwise.
    const Followed* entry_of_other() const {
        return own_ || followed_.empty() ? nullptr : &followed_.back();
    }

    /// A finding at `row`, unless a broken record before it may hold what is missing.
    void doubt(Check check, const IdRow& row, const std::string& message);

    const Breaks& breaks_;
    std::optional<EventNumber> viewed_;
    const IdCheck::Report& report_;
    const IdCheck::Expect& expect_;
    std::optional<Seen> first_;
    std::optional<Entry> own_;
    std::vector<Followed> followed_;  ///< by other shards' steps of this id, the newest last
    std::optional<Hold> hold_;
};

}  // namespace vouch::reconciler
