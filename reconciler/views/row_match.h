#pragma once

#include "reconciler/ids/id_check.h"
#include "reconciler/ids/id_rows.h"
#include "reconciler/views/view_check.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace vouch::reconciler {

/// A view's row as 64 bytes: what it is about, and a digest of what it says. Rows that the log
/// leads to (row_expected, with the event) and rows that the view has (row_found) meet in IdRows.
IdRow row_digest(IdRowKind kind, const ViewRow& row, EventNumber event);

/// The event that a row names itself; zero for those that name none.
EventNumber event_of(const ViewRow& row);

/// The same for the context of a plain transfer, of which only its digest is kept (text_digest).
IdRow context_row(LedgerId ledger, std::uint64_t digest, EventNumber event);

/// Holds a partition's rows against each other: of those expected under one key the last one
/// counts. `viewed`: the first event that the view has not applied. After a broken record only what
/// is sure is reported. Threads: const, any.
class RowMatch {
public:
    using Report = std::function<void(std::optional<EventNumber>, const std::string&)>;

    RowMatch(const Breaks& breaks, EventNumber viewed) : breaks_(breaks), viewed_(viewed) {}
    void check(std::span<IdRow> rows, const Report& report) const;

private:
    void check_key(std::span<const IdRow> rows, const Report& report) const;

    const Breaks& breaks_;
    EventNumber viewed_;
};

}  // namespace vouch::reconciler
