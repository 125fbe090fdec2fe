#pragma once

#include "reconciler/ids/id_findings.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace vouch::reconciler {

/// The entries that have one id in its ledger: one that its command made here, and those that other
/// shards led; what was reversed and refunded of them. One use, one thread.
class IdEntries {
public:
    /// The rows of the same event and id that stand behind a row.
    using Details = std::span<const IdRow* const>;

    IdEntries(const IdFindings& findings, const IdCheck::Expect& expect)
        : findings_(findings), expect_(expect) {}

    void made(const IdRow& row);
    void posting(const IdRow& row);
    /// The command that was to make it was refused by another shard.
    void unmade() { own_.reset(); }
    void followed(const IdRow& row);
    void followed_payer(const IdRow& row);
    void given_back(const IdRow& row) const;
    void mark_returned(const IdRow& row, Details details);
    void reversed(const IdRow& row, Details details);
    void refunded(const IdRow& row, Details details);
    void refused(const IdRow& row, Details details) const;

private:
    using Sums = std::map<std::uint32_t, Amount>;
    struct Pair {
        std::uint32_t debit;
        std::uint32_t credit;
    };
    struct Entry {
        std::uint64_t event = 0;  ///< the last that changed anything here
        std::vector<Booked> postings;
        bool is_elsewhere = false;  ///< its payee is on another shard, which alone undoes it
        bool is_reversed = false;
        Sums refunded;                           ///< none of them zero
        std::optional<std::uint32_t> leader{};   ///< another shard that led it
        std::optional<AccountId> payer{};        ///< who paid for it there

        Amount refunded_of(std::uint32_t posting) const;
        void take_sums(const Sums& claimed);
        /// The postings that a refund is of; empty when it names none.
        std::optional<Pair> pair(const RefundedPair& named) const;
        Amount left_of(const Pair& pair) const;
    };
    static Sums sums_of(Details details);
    static bool is_wrong_account(const Entry& entry, const EntryRefusal& refusal);
    static std::vector<Booked> undoing(const Entry& entry, const EntryRefusal& refusal,
                                        const std::optional<Pair>& pair);
    static bool is_too_much(const Entry& entry, const EntryRefusal& refusal,
                            const std::optional<Pair>& pair, Details details);
    bool is_justified(Outcome outcome, const EntryRefusal& refusal, Details details) const;

    /// The entry that reversals and refunds are of: an own one goes before, then the newest.
    const Entry* entry() const {
        if (own_) return &*own_;
        return followed_.empty() ? nullptr : &followed_.back();
    }
    Entry* entry() { return const_cast<Entry*>(std::as_const(*this).entry()); }

    const IdFindings& findings_;
    const IdCheck::Expect& expect_;
    std::optional<Entry> own_;
    std::vector<Entry> followed_;  ///< led by other shards' steps of this id, the newest last
};

}  // namespace vouch::reconciler
