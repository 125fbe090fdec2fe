#include "tests/reconciler/rule_rows.h"

#include <doctest/doctest.h>

namespace vouch::test {

using reconciler::Check;

ToldFindings told(const reconciler::ReplayReport& report) {
    ToldFindings told;
    for (const reconciler::Finding& finding : report.findings.kept()) {
        if (finding.check == Check::trial_balance) continue;
        told.insert(std::string(to_text(finding.check)) + " at " +
                    (finding.record ? std::to_string(finding.record->value()) : "none"));
    }
    return told;
}

ToldFindings expected(std::initializer_list<Check> checks, std::size_t record) {
    ToldFindings told;
    for (const Check check : checks) {
        told.insert(std::string(to_text(check)) + " at " + std::to_string(record));
    }
    return told;
}

void check_rows(const std::vector<RuleRow>& rows) {
    for (const RuleRow& row : rows) {
        CAPTURE(row.what);
        SmallBooks books;
        row.edit(books);
        const std::size_t record = books.found_record();
        const reconciler::ReplayReport report = books.replay();
        CAPTURE(text_of_findings(report));
        CHECK(told(report) == expected({row.check, row.also.value_or(row.check)}, record));
    }
}

}  // namespace vouch::test
