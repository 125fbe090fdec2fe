#pragma once

#include "events/money/number.h"
#include "events/seal/deployment.h"
#include "events/seal/mac.h"
#include "reconciler/verdict/finding.h"
#include "reconciler/verdict/trial_balance.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vouch::reconciler {

/// What an operator asked for, as a record says it.
struct Act {
    RecordNumber record;
    std::string what;  ///< ids and numbers, no names
};
/// How many of a shard's are told.
inline constexpr std::size_t kActsKeptMax = 100;

/// True for what only racing producers bring about: the books are right all the same, so it is told
/// apart from findings and does not make a replay unclean.
inline bool is_about_producers(Check check) { return check == Check::id_on_shards; }

enum class MacStatus : std::uint8_t { checked, no_keys };

/// How the end of the log is known to be its end.
enum class TailStatus : std::uint8_t {
    trailer,     ///< an archive's trailer names it
    views,       ///< a view has seen it or less: nothing that a view had seen is missing
    witnesses,   ///< nobody who keeps what he has seen of the log, and can be read, has seen more
    incomplete,  ///< it is none: records are missing, or cannot be read
    unknown,     ///< records cut from the end would not be noticed
};

struct ShardReport {
    ShardId shard;
    RecordNumber next_record;
    EventNumber next_event;
    Tag last_digest{};  ///< the genesis tag for a shard without records
    Timestamp last_time;
    Term term;
    std::uint64_t accounts = 0;
    std::uint64_t open_holds = 0;
    std::uint64_t in_transit = 0;  ///< commands that wait for another shard
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    /// Commands without an outcome, because the process died on them; of commands.
    std::uint64_t isolated = 0;
    std::optional<Offset> isolated_last;
    Digest state_digest{};
    std::vector<Act> acts;         ///< the first kActsKeptMax of them
    std::uint64_t acts_count = 0;  ///< of all
};

struct ReplayReport {
    DeploymentId deployment;
    std::vector<ShardReport> shards;
    TrialBalance trial_balance;
    /// SHA-256 over the shards' digests (state_digest.h).
    Digest state_digest{};
    MacStatus macs = MacStatus::checked;
    TailStatus tail = TailStatus::unknown;
    bool views_compared = false;
    std::uint64_t steps_in_flight = 0;  ///< sent by one shard and not yet taken by the other
    std::uint64_t records = 0;
    std::uint64_t events = 0;
    std::uint64_t microseconds = 0;  ///< wall time, for the rate
    Findings findings;
    Findings observations;  ///< about producers, not about the books (is_about_producers)

    bool is_clean() const { return findings.count() == 0; }
};

/// For people: the verdict first, then figures and the trial balance.
std::string to_text(const ReplayReport& report);

/// For programs: one JSON object a line. `finding` and `observation` lines, `trial_balance` lines, `act` (what an
/// operator accepted) and `shard` lines, and last one `replay` line, told apart by their key "kind".
std::string to_json_lines(const ReplayReport& report);

}  // namespace vouch::reconciler
