#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "reconciler/archive.h"
#include "reconciler/chain_check.h"
#include "reconciler/finding.h"
#include "reconciler/trial_balance.h"
#include "reconciler/view_check.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace vouch::reconciler {

struct ReplayProgress {
    std::uint64_t records = 0;
    std::uint64_t records_expected = 0;
    std::uint64_t events = 0;
};

/// Memory of the id check, over all its buffers; ids beyond it go to temporary files. Of several
/// shards half as much again for what they sent each other and for ids that two of them have seen;
/// with views a quarter for their rows.
inline constexpr std::size_t kIdMemoryDefault = 256u << 20;
/// Bytes of records that one reading call asks for, and a unit of parallel work.
inline constexpr std::size_t kChunkBytes = 1u << 20;
/// Chunks that are read and not yet folded, for each thread.
inline constexpr std::size_t kChunksPerThread = 3;

struct ReplayOptions {
    /// Borrowed. Null: everything but the MACs is checked, and the report says so.
    const EpochKeys* keys = nullptr;
    /// Borrowed. Null: no projection is compared.
    ViewReader* views = nullptr;
    /// Where views (or witnesses) were seen to stand, when rows are not compared.
    std::vector<ViewPosition> positions;
    /// Whether all who keep what they have seen of the log were asked; `positions` has those that
    /// have seen more than there is.
    bool witnesses_asked = false;
    /// An archive's trailer and form. Borrowed; null when the log is no archive.
    const ArchiveReader* archive = nullptr;

    unsigned threads = 0;  ///< 0: one for each core
    std::size_t id_memory = kIdMemoryDefault;
    std::function<void(const ReplayProgress&)>
        progress;  ///< may be empty; called about once a chunk
};

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

/// Replays a whole log: checks every record and every event against docs/rules.md, in parallel and
/// in bounded memory (accounts, open holds and what is in transit, id_memory, and chunks). Beside
/// running writers a closed cut is read (closed_cut.h): what was sent and is not yet taken there is
/// in flight, which is no finding.
///
/// Never writes to the log. A finding does not stop it; a fault is one of this program's own
/// surroundings (temporary files, the views' store).
Result<ReplayReport> replay(LogReader& log, const Deployment& deployment,
                            const ReplayOptions& options);

/// For people: the verdict first, then figures and the trial balance.
std::string to_text(const ReplayReport& report);

/// For programs: one JSON object a line. `finding` and `observation` lines, `trial_balance` lines, `act` (what an
/// operator accepted) and `shard` lines, and last one `replay` line, told apart by their key "kind".
std::string to_json_lines(const ReplayReport& report);

}  // namespace vouch::reconciler
