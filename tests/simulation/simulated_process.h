#pragma once

#include "events/log/log.h"
#include "command-handler/shard/moved_input.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "tests/simulation/auditor.h"
#include "tests/simulation/fibre_scheduler.h"
#include "tests/simulation/log_place.h"
#include "tests/simulation/machine.h"
#include "tests/simulation/orders.h"
#include "tests/simulation/settled_questions.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace vouch::test {

/// What a process of a simulated deployment works with; all of it outlives the process.
struct ProcessSurroundings {
    FibreScheduler& world;
    Machine& machine;
    LogPlace& place;
    const Plan& plan;
    const Deployment& deployment;
    const EpochKeys& keys;
    Orders& orders;
    Auditor& auditor;
    SettledQuestions& questions;
    /// A fault delays answers, or did a moment ago.
    std::function<bool()> is_disturbed{};
    /// Called when a shard has stopped beside which others go on.
    std::function<void()> stood_alone{};
    std::optional<std::string> accept_clock{};       ///< the operator's name, when he believes it
    /// What he has given up of inputs that are not there any more.
    std::vector<command_handler::MovedInput> moved_inputs{};
    std::function<void(const std::string&)> tell{};  ///< of the story; empty when nobody reads it
};

/// A life of a process on its machine: log, handler, gateway, views, and a client that sends what
/// is due until everybody was told. Throws what stops it.
void run_simulated_process(const ProcessSurroundings& with);

}  // namespace vouch::test
