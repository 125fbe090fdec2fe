#pragma once

#include "projector/queries/pending_reason.h"
#include "tools/server/http/api/ledger_parts.h"

#include <optional>
#include <string>
#include <vector>

namespace vouch::http {

/// How a shard is: what has stopped of it, if something has.
struct ShardHealth {
    ShardId shard;
    std::optional<Fault> handler;  ///< why it decides nothing
    std::optional<Fault> view;     ///< why questions about it are answered as of where its view is

    /// What was found in the view's files that is not what was written. It follows on, and answers
    /// what can be read of it.
    std::optional<Fault> view_damage;

    /// Old records that were found changed on the disk. Commands go on to be taken: whoever needs
    /// such a record is refused by the read that meets it.
    std::vector<std::string> rotten;

    /// Commands that have no outcome, because the program dies on them.
    command_handler::IsolatedInputs isolated{};

    /// Its records have the times that the machine counts: what the clock says is not believed.
    bool has_clock_leapt = false;

    /// Other shards whose steps it does not take, and why.
    std::vector<std::string> held_back;

    bool is_whole() const { return !handler && !view; }
    /// A line for each finding, with line ends; empty when there is none.
    std::string text() const;
};

/// The alarm of a view's damage, without line end.
std::string damage_text(ShardId shard, const Fault& damage);

/// Without what the scrub found. Any thread.
ShardHealth health_of(const LedgerParts& parts, ShardId shard);
/// All of it, in the order of the shards. Any thread.
std::vector<ShardHealth> health_of(const LedgerParts& parts);

/// For answers about what is pending. Any thread.
projector::ShardsAtWork shards_at_work(const LedgerParts& parts);

/// What else people should be told: a line for each finding of a shard, and for each alarm of the
/// log.
std::string findings_text(const LedgerParts& parts, const std::vector<ShardHealth>& shards);

/// {"ready":true,"detail":"…","shards":[{"shard":0,"handler":"running","view":"running"},…]}, of
/// what this server has.
std::string status_json(const LedgerParts& parts, bool is_ready, std::string_view detail,
                        const std::vector<ShardHealth>& shards);

}  // namespace vouch::http
