#pragma once

#include "events/entries/command.h"
#include "events/entries/event.h"

#include <string_view>
#include <vector>

namespace vouch::test {

struct SampleCommand {
    std::string_view name;
    Command command;
};
struct SampleEvent {
    std::string_view name;
    Event event;
};

/// One example and more of each command and event, in static storage. As bytes:
/// tests/golden/command_bytes.json and event_bytes.json.
const std::vector<SampleCommand>& sample_commands();
const std::vector<SampleEvent>& sample_events();

/// The example of that name.
const Command& sample_command(std::string_view name);

}  // namespace vouch::test
