#pragma once

#include "reconciler/replay/replay.h"
#include "tests/model/generator.h"
#include "tests/support/log_writer.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace vouch::test {

/// What random commands become in the real command handler, on a simulated log under a clock that
/// the test moves. Batches are answered one after the other, so that one seed gives one log.
RecordList play_scenario(const SealedDeployment& sealed, const Scenario& scenario);

/// What was sent to each shard, in order.
using SentLists = std::vector<std::vector<InputBatch>>;

/// A log of about `commands` commands of all kinds and all outcomes that collide with each other,
/// with restarts, ends of epochs and what cannot be read. With `sent`, which is filled, some go to
/// another shard than decides them, too.
RecordList make_busy_log(const SealedDeployment& sealed, std::uint64_t seed, std::size_t commands,
                         SentLists* sent = nullptr);

/// Replays with two threads and little memory, as tests want it. `set` may change the options.
reconciler::ReplayReport replay_list(
    RecordList& records, const SealedDeployment& sealed,
    const std::function<void(reconciler::ReplayOptions&)>& set = {});

/// The findings, a line each; empty when there are none.
std::string text_of_findings(const reconciler::ReplayReport& report);

}  // namespace vouch::test
