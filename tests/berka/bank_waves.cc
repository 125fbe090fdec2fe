#include "tests/berka/bank_waves.h"

#include "events/world/clock.h"
#include "tests/command-handler/handler_rig.h"

#include <map>
#include <stdexcept>
#include <string>

namespace vouch::test {
namespace {

/// Small, so that snapshots and generations of facts change over on every shard.
constexpr std::size_t kGenerationFacts = 700;
constexpr std::uint64_t kSnapshotEvents = 1'500;

void check_told(const std::vector<Answered>& told, std::size_t commands, std::size_t times,
                bool may_repeat) {
    if (told.size() != commands) throw std::runtime_error("a shard has stopped");
    for (std::size_t i = 0; i < told.size(); ++i) {
        const bool is_right =
            is_accepted(told[i].outcome) && (told[i].repeated == (i % times != 0) || may_repeat);
        if (is_right) continue;
        throw std::runtime_error("command " + id_text(told[i].id) + ": " +
                                 std::string(to_text(told[i].outcome)));
    }
}

}  // namespace

BankWaves::BankWaves(const BankLoad& load) : waves_(1) {
    for (std::size_t i = 0; i < load.size(0); ++i) waves_[0].push_back(load.opening(i));
    std::map<std::uint64_t, std::size_t> rows_of;
    for (std::size_t i = 0; i < load.rows().size(); ++i) {
        const std::size_t wave = ++rows_of[load.rows()[i].account];
        if (wave == waves_.size()) waves_.emplace_back();
        waves_[wave].push_back(load.row(i));
    }
}

void play_waves(Log& log, const Deployment& deployment, const EpochKeys& keys,
                const std::filesystem::path& directory, const BankWaves& waves,
                const WavePlay& play) {
    AnswerBook answers;
    SystemClock clock;
    command_handler::HandlerOptions options;
    options.directory = directory;
    options.bounds.generation_facts = kGenerationFacts;
    options.bounds.snapshot_events = kSnapshotEvents;
    const auto handler =
        command_handler::Handler::start(log, deployment, keys, clock, answers, options);
    if (!handler) throw std::runtime_error(handler.error().message);
    for (std::size_t n = play.from; n < waves.size() && n < play.until; ++n) {
        std::vector<Command> commands;
        for (const Command& command : waves.wave(n))
            commands.insert(commands.end(), play.times, command);
        check_told(play_routed(log, answers, commands), commands.size(), play.times,
                   n <= play.from + 1);
        if (play.is_final) play.is_final(n);
    }
    const Status stopped = (*handler)->stop();
    if (!stopped) throw std::runtime_error(stopped.error().message);
    if (!answers.disorder().empty()) throw std::runtime_error(answers.disorder());
}

}  // namespace vouch::test
