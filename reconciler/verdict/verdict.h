#pragma once

#include "reconciler/verdict/report.h"

#include <string>
#include <string_view>
#include <vector>

namespace vouch::reconciler {

/// How far a replay's word goes: what it has looked at, wanted to look at and could not, and was
/// not asked for. A log without findings is clean only where nothing of the second is left.
struct Verdict {
    struct Part {
        std::string_view word;  ///< "macs": what programs match on
        std::string sentence;
    };
    std::vector<Part> checked;
    std::vector<Part> unchecked;
    std::vector<Part> unasked;
};

Verdict verdict_of(const ReplayReport& report);

/// No findings, and nothing was left open.
inline bool is_proven(const ReplayReport& report) {
    return report.is_clean() && verdict_of(report).unchecked.empty();
}

}  // namespace vouch::reconciler
