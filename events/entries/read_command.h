#pragma once

#include "events/entries/arena.h"
#include "events/entries/codec.h"
#include "events/entries/command.h"
#include "events/entries/fields.h"

namespace vouch::wire {

/// Reads and validates a Command message into `out`, which must be as new; see decode_command.
/// False: `fault` says why.
template <WireForm form>
bool read_command(Reader<form == WireForm::canonical> in, Arena& arena, Command& out,
                  CommandFault& fault);

extern template bool read_command<WireForm::any>(Reader<false>, Arena&, Command&, CommandFault&);
extern template bool read_command<WireForm::canonical>(Reader<true>, Arena&, Command&,
                                                       CommandFault&);

template <WireForm form>
bool read_limit(Reader<form == WireForm::canonical> in, Limit& out, CommandFault& fault) {
    bool unlimited = false;
    Amount below_zero;
    if (!read_message<form>(in, fault, "limit", number<1>("limit.unlimited", unlimited),
                            amount<2>("limit.amount", below_zero))) {
        return false;
    }
    if (unlimited && !below_zero.is_zero()) {
        report(fault, "limit.amount");
        return false;
    }
    out = unlimited ? Limit::unlimited() : Limit(below_zero);
    return true;
}

/// As read_limit, where a limit of zero is left out.
template <WireForm form>
bool read_nonzero_limit(Reader<form == WireForm::canonical> in, Limit& out, CommandFault& fault) {
    if (!read_limit<form>(in, out, fault)) return false;
    if (form == WireForm::any || out != Limit{}) return true;
    report(fault, "limit");
    return false;
}

}  // namespace vouch::wire
