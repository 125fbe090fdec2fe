#pragma once

#include "events/entries/arena.h"
#include "events/entries/codec.h"
#include "events/entries/command.h"
#include "events/entries/fields.h"

namespace vouch::wire {

/// Two fields that are one 128-bit number.
struct Halves {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    template <class IdType>
    IdType id() const {
        return IdType(high, low);
    }
    Amount amount() const { return Amount::from_halves(high, low); }
};

/// Reads a Limit message. False: `fault` says why.
template <Form form>
bool read_limit(Reader<form == Form::canonical> in, Limit& out, CommandFault& fault);

/// Reads and validates a Command message; see decode_command. False: `fault` says why.
template <Form form>
bool read_command(Reader<form == Form::canonical> in, Arena& arena, Command& out,
                  CommandFault& fault);

extern template bool read_limit<Form::any>(Reader<false>, Limit&, CommandFault&);
extern template bool read_limit<Form::canonical>(Reader<true>, Limit&, CommandFault&);
extern template bool read_command<Form::any>(Reader<false>, Arena&, Command&, CommandFault&);
extern template bool read_command<Form::canonical>(Reader<true>, Arena&, Command&, CommandFault&);

}  // namespace vouch::wire
