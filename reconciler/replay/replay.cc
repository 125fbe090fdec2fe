#include "reconciler/replay/replay.h"

#include "events/world/clock.h"
#include "events/world/mutex.h"
#include "events/world/thread.h"
#include "reconciler/ids/id_check.h"
#include "reconciler/reading/closed_cut.h"
#include "reconciler/replay/shard_replay.h"
#include "reconciler/state/state_digest.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

namespace vouch::reconciler {

namespace {

/// The positions at which somebody has seen each shard, collected before anything is read.
struct Seen {
    std::vector<std::vector<ViewPosition>> of_shard;
    std::vector<std::optional<ViewPosition>> views;

    /// What one says, another need not say again; a witness is named.
    void add(ViewPosition position) {
        std::vector<ViewPosition>& all = of_shard[position.shard.value()];
        const auto same = std::ranges::find_if(all, [&](const ViewPosition& each) {
            return each.next_record == position.next_record && each.digest == position.digest;
        });
        if (same == all.end())
            all.push_back(std::move(position));
        else if (same->who.empty())
            same->who = std::move(position.who);
    }

    /// Behind the newest record of each shard that somebody has seen.
    std::vector<RecordNumber> ends() const {
        std::vector<RecordNumber> ends(of_shard.size(), RecordNumber(0));
        for (std::size_t i = 0; i < ends.size(); ++i) {
            for (const ViewPosition& position : of_shard[i])
                ends[i] = std::max(ends[i], position.next_record);
        }
        return ends;
    }
};

/// A view that is not what was written is a finding, and is not compared.
Result<Seen> collect_seen(const Deployment& deployment, const ReplayOptions& options,
                          Findings& findings) {
    Seen seen;
    seen.of_shard.resize(deployment.shards);
    seen.views.resize(deployment.shards);
    for (std::uint32_t i = 0; i < deployment.shards; ++i) {
        if (options.views != nullptr) {
            const Result<ViewPosition> position = options.views->position(ShardId(i));
            if (position) {
                seen.add(*position);
                seen.views[i] = *position;
            } else if (position.error().code == FaultCode::corrupt) {
                findings.add(
                    {Check::view_unreadable, ShardId(i), {}, {}, position.error().message});
            } else {
                return position.error();
            }
        }
        if (options.archive != nullptr && options.archive->trailer() &&
            i < options.archive->trailer()->ends.size()) {
            const ArchivedEnd& end = options.archive->trailer()->ends[i];
            seen.add({end.shard, end.next_record, end.last_digest});
            if (end.seen) seen.add(*end.seen);
        }
    }
    for (const ViewPosition& position : options.positions) {
        if (position.shard.value() < deployment.shards) seen.add(position);
    }
    return seen;
}

/// Behind what is kept elsewhere too, in a head or an archive.
std::vector<RecordNumber> known_ends(const Seen& seen, const ReplayOptions& options) {
    std::vector<RecordNumber> ends = seen.ends();
    const auto know = [&](ShardId shard, RecordNumber next) {
        if (shard.value() < ends.size())
            ends[shard.value()] = std::max(ends[shard.value()], next);
    };
    if (options.kept) {
        for (const KeptRecord& kept : *options.kept) know(kept.shard, kept.record.next());
    }
    if (options.since != nullptr && options.since->trailer()) {
        for (const ArchivedEnd& end : options.since->trailer()->ends)
            know(end.shard, end.next_record);
    }
    return ends;
}

/// Whether its trailer is there, and has its tag as far as there are keys.
bool check_archive(const ArchiveReader& archive, const std::string& name, const EpochKeys* keys,
                   Findings& findings) {
    for (const std::string& fault : archive.form_faults())
        findings.add({Check::archive_form, {}, {}, {}, name + fault});
    const std::optional<ArchiveTrailer>& trailer = archive.trailer();
    if (!trailer || keys == nullptr) return trailer.has_value();
    if (equal_tags(trailer_tag(*keys, trailer->bytes), trailer->tag)) return true;
    findings.add({Check::tag_mismatch, {}, {}, {}, name + "the trailer does not have its tag"});
    return false;
}

/// Moves the ends of shards that are not read to theirs.
Status cut_short(const std::vector<LastRecord>& until, std::vector<RecordNumber>& ends) {
    for (const LastRecord& last : until) {
        const std::string shard = "shard " + std::to_string(last.shard.value());
        if (last.shard.value() >= ends.size()) {
            return Fault{FaultCode::configuration,
                         shard + ": the log has " + std::to_string(ends.size()) +
                             (ends.size() == 1 ? " shard" : " shards")};
        }
        RecordNumber& end = ends[last.shard.value()];
        if (last.record >= end) {
            return Fault{FaultCode::configuration,
                         shard + ": expected a record below " + std::to_string(end.value()) +
                             ", found " + std::to_string(last.record.value())};
        }
        end = last.record.next();
    }
    return {};
}

/// The digests, where all shards have one.
void take_digests(ReplayReport& report) {
    std::vector<Digest> states;
    std::vector<LogEnd> ends;
    for (const ShardReport& shard : report.shards) {
        if (!shard.state_digest) return;
        states.push_back(*shard.state_digest);
        ends.push_back({shard.next_record, shard.last_digest});
    }
    report.state_digest = state_digest(states);
    report.log_digest = log_digest(report.deployment, ends);
}

TailStatus tail_status(const ReplayOptions& options, bool has_trailer) {
    if (options.archive != nullptr)
        return has_trailer ? TailStatus::trailer : TailStatus::unknown;
    return options.is_end_known ? TailStatus::witnesses : TailStatus::unknown;
}

/// What was not read is a finding already, and may be one side of anything.
void check_trial_balance(ReplayReport& report) {
    for (const TrialLine& line : report.trial_balance.lines()) {
        if (report.is_even(line) != false) continue;
        report.findings.add({Check::trial_balance,
                             {},
                             {},
                             {},
                             "ledger " + std::to_string(line.ledger.value()) + " " +
                                 line.asset.text() + ": debits are not credits"});
    }
}

Status check_ids_of_shards(IdRows& ids, unsigned threads, ReplayReport& report) {
    Mutex mutex;
    return ids.finish(threads, [&](std::span<IdRow> rows) {
        check_shards_of_ids(rows, [&](Finding finding) {
            const std::lock_guard lock(mutex);
            Findings& kind =
                is_about_producers(finding.check) ? report.observations : report.findings;
            kind.add(std::move(finding));
        });
    });
}

/// The ids of one shard, the pairs and the ids of all shards share the memory.
constexpr std::size_t kMemoryShares = 4;

}  // namespace

Result<ReplayReport> replay(LogReader& log, const Deployment& deployment,
                            const ReplayOptions& options) {
    const SteadyTime start = steady_now();
    ReplayReport report;
    report.deployment = deployment.id;
    report.macs = options.keys != nullptr ? MacStatus::checked : MacStatus::no_keys;
    report.are_views_asked = options.views != nullptr;
    report.are_inputs_asked = options.inputs;
    report.are_inputs_kept = log.sent_commands(ShardId(0)) != nullptr;
    report.is_head_held = options.kept.has_value();
    report.is_archive_held = options.since != nullptr;

    // Views first: a view is never ahead of the log, so that ends taken afterwards include it.
    const Result<Seen> seen = collect_seen(deployment, options, report.findings);
    if (!seen) return seen.error();
    const std::vector<RecordNumber> known = known_ends(*seen, options);
    const Result<Cut> cut = closed_cut(log, known);
    if (!cut) return cut.error();
    const std::vector<RecordNumber>& ends = cut->ends;
    std::vector<RecordNumber> read_ends = ends;
    if (Status status = cut_short(options.until, read_ends); !status) return status.error();
    ReplayProgress progress;
    for (const RecordNumber end : read_ends) progress.records_expected += end.value();
    const bool has_trailer =
        options.archive != nullptr &&
        check_archive(*options.archive, "", options.keys, report.findings);
    if (options.since != nullptr)
        check_archive(*options.since, "of the archive that was kept: ", options.keys,
                      report.findings);
    const Result<std::optional<std::string>> left = log.unreadable_end();
    if (!left) return left.error();
    if (*left) report.findings.add({Check::unreadable_end, {}, {}, {}, **left});
    report.tail = *left || !reaches(ends, known) ? TailStatus::incomplete
                                                 : tail_status(options, has_trailer);
    report.end_doubt = options.end_doubt;

    const unsigned threads = options.threads != 0 ? options.threads : count_cores();

    const bool is_one = deployment.shards == 1;
    const std::size_t memory = options.id_memory_bytes / kMemoryShares;
    PairRows pairs(options.temporary, is_one ? 0 : memory);
    IdRows ids(options.temporary, is_one ? 0 : memory);
    TransitBalance transit_balance;
    for (std::uint32_t i = 0; i < deployment.shards; ++i) {
        const ShardReplay::Input input{.log = log,
                                       .deployment = deployment,
                                       .shard = ShardId(i),
                                       .end = read_ends[i],
                                       .log_end = ends[i],
                                       .options = options,
                                       .threads = threads,
                                       .seen = seen->of_shard[i],
                                       .view = seen->views[i]};
        const ShardReplay::Whole whole{report.findings, pairs, is_one ? nullptr : &ids,
                                       report.trial_balance, transit_balance};
        ShardReplay shard(input, whole, [&](std::uint64_t events) {
            ++progress.records;
            progress.events += events;
            constexpr std::uint64_t kRecordsAStep = 64;
            if (options.progress && progress.records % kRecordsAStep == 0)
                options.progress(progress);
        });
        const Result<ShardReport> replayed = shard.run();
        if (!replayed) return replayed.error();
        report.shards.push_back(*replayed);
        if (!replayed->witness_of_another.empty() && report.tail == TailStatus::witnesses) {
            report.tail = TailStatus::unknown;
            report.end_doubt = replayed->witness_of_another + " is of another log";
        }
        report.kept_behind_cut += replayed->kept_behind_cut;
        report.kept_unknown += replayed->kept_unknown;
    }
    if (options.progress) options.progress(progress);
    const Result<std::uint64_t> in_flight = pairs.check(threads, report.findings);
    if (!in_flight) return in_flight.error();
    report.steps_in_flight = *in_flight;
    if (Status status = check_ids_of_shards(ids, threads, report); !status) return status.error();
    transit_balance.check(report.findings);
    check_trial_balance(report);
    take_digests(report);
    report.records = progress.records;
    report.events = progress.events;
    for (const PassedOver& each : log.passed_over()) {
        report.findings.add({Check::foreign_message, ShardId(each.partition), {}, {},
                             each.topic + " offset " + std::to_string(each.offset.value()) + ": " +
                                 each.what});
    }
    report.findings.sort();
    report.observations.sort();
    const auto taken = steady_now() - start;
    report.microseconds = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(taken).count());
    return report;
}

}  // namespace vouch::reconciler
