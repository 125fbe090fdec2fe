// A value of one unit is no value of another.

#include "events/money/amount.h"
#include "events/money/ids.h"
#include "events/money/number.h"

namespace vouch {

void pay(Amount) {}
void open(AccountId) {}

void mix(Timestamp time, Offset offset, Amount amount, CommandId command) {
    pay(amount);
    pay(time);     // error: could not convert|no matching function
    pay(5);        // error: could not convert|no matching function
    open(command); // error: could not convert|no matching function
    (void)(amount + amount);                 // error: no match for|invalid operands
    (void)(offset + offset);                 // error: no match for|invalid operands
    (void)(amount < time);                   // error: no match for|invalid operands
    (void)(offset == RecordNumber(0));       // error: no match for|invalid operands
    const std::uint64_t number = offset;     // error: cannot convert|no viable conversion
    (void)number;
    amount.plus(amount);                     // error: nodiscard
}

}  // namespace vouch
