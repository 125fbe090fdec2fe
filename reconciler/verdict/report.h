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

/// From which record on a shard was written by a version of the program.
struct Writer {
    RecordNumber record;
    Term term;
    std::string program;
};
/// How many of a shard's are told, the first of them.
inline constexpr std::size_t kWritersKeptMax = 100;

enum class MacStatus : std::uint8_t { checked, no_keys };

/// How the end of the log is known to be its end.
enum class TailStatus : std::uint8_t {
    trailer,     ///< an archive's trailer names it
    witnesses,   ///< what wrote each shard has seen this end, and nobody has seen more
    incomplete,  ///< it is none: records are missing, or cannot be read
    unknown,     ///< records cut from the end would not be noticed
};

/// How much of the views was compared.
enum class ViewsCompared : std::uint8_t {
    not_asked,
    partial,  ///< the files of some lack rows of what was read of the log
    whole
};

/// How much of what was sent was held against the records, in offsets that they have read.
struct SentChecked {
    std::uint64_t checked = 0;
    std::uint64_t unchecked = 0;  ///< gone from where it was kept, moved, or behind a lost record
    bool is_sight_lost = false;   ///< there is one, which may have read and answered anything
    std::string fault;            ///< why no more was read; empty: all was
};

struct ShardReport {
    ShardId shard;
    RecordNumber next_record;  ///< behind the last that was read
    RecordNumber log_end;      ///< behind the last that there is
    /// Up to where its view was compared; empty when it was not, or cannot be read.
    std::optional<RecordNumber> view_end;
    /// Records behind that, but for those of a writer that starts, rests or stops.
    std::uint64_t unviewed = 0;
    bool is_viewed() const { return view_end && unviewed == 0; }
    /// Why not every event of it was read as it was written; empty when all were.
    std::string unread;
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
    std::optional<Digest> state_digest;  ///< empty when there is something unread
    /// A witness of it that has seen another log; empty when none has.
    std::string witness_of_another;
    std::uint64_t kept_behind_cut = 0;  ///< records of a head that were not read
    std::uint64_t kept_unknown = 0;     ///< records of an archive that are none
    std::optional<SentChecked> sent;  ///< empty when it was not asked for, or nobody keeps it
    std::vector<Act> acts;         ///< the first kActsKeptMax of them
    std::uint64_t acts_count = 0;  ///< of all
    std::vector<Writer> writers;   ///< where another version began than wrote before
};

struct ReplayReport {
    DeploymentId deployment;
    std::vector<ShardReport> shards;
    TrialBalance trial_balance;
    /// SHA-256 over the shards' digests (state_digest.h): of accounts, holds, what is in transit.
    /// Empty when a shard has none: a digest of what was not read would be another log's.
    std::optional<Digest> state_digest;
    /// Of every byte of every record: two logs that agree in it say the same.
    std::optional<Digest> log_digest;
    MacStatus macs = MacStatus::checked;
    TailStatus tail = TailStatus::unknown;
    std::string end_doubt;  ///< of one that is unknown: why, when somebody was asked
    bool are_views_asked = false;
    bool are_inputs_asked = false;
    bool are_inputs_kept = false;       ///< on brokers: what was sent
    bool is_head_held = false;          ///< a head that was kept
    std::uint64_t kept_behind_cut = 0;  ///< its records that were not read
    bool is_archive_held = false;       ///< an archive that was kept
    std::uint64_t kept_unknown = 0;     ///< its records that could not be read when it was made
    std::uint64_t steps_in_flight = 0;  ///< sent by one shard and not yet taken by the other
    std::uint64_t records = 0;
    std::uint64_t events = 0;
    std::uint64_t microseconds = 0;  ///< wall time, for the rate
    Findings findings;
    Findings observations;  ///< about producers, not about the books (is_about_producers)

    bool is_clean() const { return findings.count() == 0; }
    /// Whether a shard was read up to a record that was named, and not to its end.
    bool is_cut() const;
    /// Whether a shard was read further than others that it sends to and takes from.
    bool is_cut_between() const { return is_cut() && shards.size() > 1; }
    /// Whether debits are credits, of a line and of all. Empty when that is not known: where
    /// something was not read, and of shards that were read up to different moments.
    std::optional<bool> is_even(const TrialLine& line) const;
    std::optional<bool> is_even() const;
    ViewsCompared views() const;
    /// The first shard's; empty when every event was read.
    std::string unread() const;
};

/// For people: the verdict first, then figures and the trial balance.
std::string to_text(const ReplayReport& report);

/// For programs: one JSON object a line. `finding` and `observation` lines, `trial_balance` lines,
/// `act` (what an operator accepted), `writer` and `shard` lines, and last one `replay` line, told
/// apart by their key "kind".
std::string to_json_lines(const ReplayReport& report);

}  // namespace vouch::reconciler
