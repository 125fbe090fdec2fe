#include "events/money/hold.h"

namespace vouch {

std::string_view to_text(HoldStatus status) {
    switch (status) {
        case HoldStatus::open:
            return "open";
        case HoldStatus::captured:
            return "captured";
        case HoldStatus::released:
            return "released";
        case HoldStatus::expired:
            return "expired";
        case HoldStatus::refused:
            return "refused";
    }
    return "unknown";
}

}  // namespace vouch
