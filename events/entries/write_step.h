#pragma once

#include "events/bytes/wire.h"
#include "events/entries/step.h"

namespace vouch::wire {

/// Writes facts that say something as the field `field`.
void write_facts(Writer& out, std::uint32_t field, const Facts& facts);

/// Writes the content of a Step message.
void write_step(Writer& out, const Step& step);

/// Upper bounds of what they write, with tag and length; cheap.
inline constexpr std::size_t kFactsBound = 3 + 18 + 4 * (2 + 24) + 11;
std::size_t step_size_bound(const Step& step);

}  // namespace vouch::wire
