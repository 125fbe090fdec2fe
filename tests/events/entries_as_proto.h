#pragma once

#include "command.pb.h"
#include "event.pb.h"
#include "events/entries/command.h"
#include "events/entries/event.h"

#include <string>

namespace vouch::test {

/// The same as generated messages, filled in field by field from schemas/*.proto: the codec's
/// yardstick. Two values are equal when their messages serialise alike.
v1::Command as_proto(const Command& command);
v1::Event as_proto(const Event& event);
v1::Step as_proto(const Step& step);

/// For comparing and printing whole values.
std::string as_text(const Command& command);
std::string as_text(const Event& event);
std::string as_text(const Step& step);

}  // namespace vouch::test
