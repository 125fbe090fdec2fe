#pragma once

#include "events/money/number.h"

#include <string>

namespace vouch {

/// Something around a log that people should end, while the log goes on.
struct LogAlarm {
    std::string what;
    Timestamp since;  ///< by the machine's clock
};

}  // namespace vouch
