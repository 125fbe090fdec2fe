#pragma once

#include "tests/reconciler/small_books.h"

#include <functional>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace vouch::test {

/// "wrong_change at 7": a check, and the record that a finding names.
using ToldFindings = std::set<std::string>;

/// What findings say, without what the whole adds up to.
ToldFindings told(const reconciler::ReplayReport& report);
ToldFindings expected(std::initializer_list<reconciler::Check> checks, std::size_t record);

/// One rule broken in books that are right. The edit looks up the event that it breaks last; `also`
/// follows within the same record.
struct RuleRow {
    const char* what;
    std::function<void(SmallBooks&)> edit;
    reconciler::Check check;
    std::optional<reconciler::Check> also = {};
};

/// Each row, sealed with the right keys, gives its finding at its record and no other.
void check_rows(const std::vector<RuleRow>& rows);

}  // namespace vouch::test
