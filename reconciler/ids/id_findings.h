#pragma once

#include "reconciler/ids/id_check.h"

#include <cstdint>
#include <optional>
#include <string>

namespace vouch::reconciler {

/// Where a command was sent, as a finding names it.
inline std::string sent_place(std::uint64_t offset, std::optional<std::uint32_t> member) {
    return "of the commands that this record has read, that at offset " + std::to_string(offset) +
           (member ? " member " + std::to_string(*member) : std::string());
}

/// Where findings about one id go. Borrows what it is given.
class IdFindings {
public:
    IdFindings(const Breaks& breaks, const IdCheck::Report& report)
        : breaks_(breaks), report_(report) {}

    /// A finding at `event`, of the id that `row` is about.
    void report(Check check, EventNumber event, const IdRow& row,
                const std::string& message) const {
        report_(check, event, "id " + id_text(row.id_high, row.id_low) + ": " + message);
    }
    /// A finding at `row`, unless a broken record before it may hold what is missing.
    void doubt(Check check, const IdRow& row, const std::string& message) const {
        if (!breaks_.any_until(row.event)) report(check, EventNumber(row.event), row, message);
    }
    const Breaks& breaks() const { return breaks_; }

private:
    const Breaks& breaks_;
    const IdCheck::Report& report_;
};

}  // namespace vouch::reconciler
