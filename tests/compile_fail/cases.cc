// A switch without default knows each case, and a fault is not lost.

#include "events/money/account.h"
#include "events/money/outcome.h"
#include "events/result.h"

namespace vouch {

Status write();

int forget(Side side, ToldFact fact) {
    switch (side) {  // error: .credit. not handled in switch
        case Side::debit:
            return 1;
    }
    switch (fact) {  // error: .version. not explicitly handled|.version. not handled
        case ToldFact::nothing:
        case ToldFact::available:
        case ToldFact::remaining:
        case ToldFact::held:
            return 2;
        default:
            return 3;
    }
    write();  // error: nodiscard
}

}  // namespace vouch
