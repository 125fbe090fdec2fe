#pragma once

#include "events/money/number.h"
#include "reconciler/ids/id_rows.h"
#include "reconciler/verdict/finding.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace vouch::reconciler {

/// Where a shard's log could not be believed: the numbers of the first events of broken records.
class Breaks {
public:
    /// Kept one by one; more count as one from there on.
    static constexpr std::size_t kBreaksMax = 100'000;

    void add(EventNumber event);
    /// A broken record in (after, until].
    bool any(std::uint64_t after, std::uint64_t until) const;
    bool any_until(std::uint64_t until) const {
        return !events_.empty() && events_.front() <= until;
    }

private:
    std::vector<std::uint64_t> events_;  // ascending
};

/// What the fold leaves open because it keeps no past: that each id has one outcome, that conflicts
/// and repeats refer to it, that refusals of closed holds are right, that reversals and refunds fit
/// their entries, and that a projection knows each id.
///
/// Works on one partition's rows. Threads: const, any.
class IdCheck {
public:
    using Report = std::function<void(Check, EventNumber, std::string)>;
    /// A row (payee_expected) for the check over all shards. Any thread, one call at a time.
    using Expect = std::function<void(const IdRow&)>;

    /// `viewed`: the first event that the projection has not applied; empty when none is compared.
    /// `expect` may be empty.
    IdCheck(const Breaks& breaks, std::optional<EventNumber> viewed, Expect expect)
        : breaks_(breaks), viewed_(viewed), expect_(std::move(expect)) {}

    void check(std::span<const IdRow> rows, const Report& report) const;

private:
    const Breaks& breaks_;
    std::optional<EventNumber> viewed_;
    Expect expect_;
};

/// Rows of all shards: ids that two of them have seen as a command, told of the shard that has the
/// second, and payees.
void check_shards_of_ids(std::span<const IdRow> rows,
                         const std::function<void(Finding)>& report);

}  // namespace vouch::reconciler
