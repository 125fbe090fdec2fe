#pragma once

#include "events/entries/command.h"
#include "events/entries/step.h"

#include <cstddef>

namespace vouch::command_handler {

/// An upper bound of the bytes of the events that a command of these many bytes leads to.
std::size_t command_events_bytes_max(const CommandBody& body, std::size_t command_bytes);

/// An upper bound of the bytes of the events that a step leads to.
std::size_t step_events_bytes_max(const Step& step);

}  // namespace vouch::command_handler
