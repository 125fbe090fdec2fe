#include "reconciler/verdict/verdict.h"

namespace vouch::reconciler {

namespace {

using Parts = std::vector<Verdict::Part>;

void judge_events(const ReplayReport& report, Verdict& verdict) {
    if (const std::string unread = report.unread(); unread.empty()) {
        verdict.checked.push_back({"events", "every event was decided again by the rules"});
    } else {
        verdict.unchecked.push_back({"events", "NOT all events: " + unread});
    }
}

void judge_macs(const ReplayReport& report, Verdict& verdict) {
    switch (report.macs) {
        case MacStatus::checked:
            if (const std::string unread = report.unread(); unread.empty()) {
                verdict.checked.push_back({"macs", "every record's MAC was checked"});
            } else {
                verdict.unchecked.push_back({"macs", "NOT every record's MAC: " + unread});
            }
            break;
        case MacStatus::no_keys:
            verdict.unchecked.push_back(
                {"macs", "no keys were given: MACs were NOT checked"});
            break;
    }
}

void judge_end(const ReplayReport& report, Verdict& verdict) {
    if (report.is_cut()) {
        verdict.unasked.push_back({"end", "the end: shards were read up to the records named"});
        return;
    }
    switch (report.tail) {
        case TailStatus::trailer:
            verdict.checked.push_back({"end", "the end is that of the archive's trailer"});
            break;
        case TailStatus::witnesses:
            verdict.checked.push_back(
                {"end", "what wrote the log has seen this end, and nobody has seen more"});
            break;
        case TailStatus::incomplete:
            verdict.unchecked.push_back({"end", "the end is NOT all that was recorded"});
            break;
        case TailStatus::unknown:
            verdict.unchecked.push_back(
                {"end", "whether records are missing at the very end is NOT known: " +
                            (report.end_doubt.empty() ? "no store, view or trailer was asked"
                                                      : report.end_doubt)});
            break;
    }
}

/// What of a shard's view was not compared; empty when all was.
std::string uncompared_text(const ShardReport& shard) {
    if (shard.is_viewed()) return {};
    const std::string name = " shard " + std::to_string(shard.shard.value());
    if (!shard.view_end) return name + "'s could not be read;";
    return name + "'s files hold rows of " + std::to_string(shard.view_end->value()) + " of " +
           std::to_string(shard.next_record.value()) + " records;";
}

void judge_views(const ReplayReport& report, Verdict& verdict) {
    switch (report.views()) {
        case ViewsCompared::not_asked:
            verdict.unasked.push_back({"views", "the views (--views)"});
            break;
        case ViewsCompared::whole:
            verdict.checked.push_back(
                {"views", "the views were compared row by row, each at its own position"});
            break;
        case ViewsCompared::partial: {
            std::string text;
            for (const ShardReport& shard : report.shards) text += uncompared_text(shard);
            text.back() = '.';
            verdict.unchecked.push_back(
                {"views", "NOT all of the views:" + text + " What could be read was compared"});
            break;
        }
    }
}

/// What of a shard's inputs was not looked at; empty when all was.
std::string unchecked_text(const ShardReport& shard) {
    const std::string name = " shard " + std::to_string(shard.shard.value()) + ": ";
    const SentChecked& sent = *shard.sent;
    if (!sent.fault.empty()) return name + sent.fault + ';';
    if (sent.unchecked > 0) {
        return name + std::to_string(sent.unchecked) + " of " +
               std::to_string(sent.unchecked + sent.checked) +
               " offsets are gone, were moved, or were read from a record on that is not right;";
    }
    return sent.is_sight_lost ? name + "none behind a record that is not right;" : "";
}

void judge_inputs(const ReplayReport& report, Verdict& verdict) {
    if (!report.are_inputs_kept) {
        if (report.are_inputs_asked) {
            verdict.unchecked.push_back(
                {"inputs", "NOT the commands that were sent: nobody keeps them"});
        }
        return;
    }
    if (!report.are_inputs_asked) {
        verdict.unasked.push_back({"inputs", "the commands that were sent (--inputs)"});
        return;
    }
    std::string text;
    for (const ShardReport& shard : report.shards) text += unchecked_text(shard);
    if (text.empty()) {
        verdict.checked.push_back(
            {"inputs", "every command that was sent and read was held against the events"});
        return;
    }
    text.back() = '.';
    verdict.unchecked.push_back({"inputs", "NOT all commands that were sent:" + text});
}

void judge_kept(const ReplayReport& report, Verdict& verdict) {
    if (!report.is_head_held) {
        verdict.unasked.push_back({"head", "a head that was kept elsewhere (--expect)"});
    } else if (report.kept_behind_cut > 0) {
        verdict.unchecked.push_back(
            {"head", "NOT all of the head that was kept: it names records behind those read"});
    } else {
        verdict.checked.push_back({"head", "the head that was kept was held against the log"});
    }
    if (!report.is_archive_held) {
        verdict.unasked.push_back({"archive", "an archive that was kept elsewhere (--since)"});
    } else if (report.kept_unknown > 0) {
        verdict.unchecked.push_back(
            {"archive", "NOT all of the archive that was kept: it lacks " +
                            std::to_string(report.kept_unknown) +
                            " records, which could not be read when it was made"});
    } else {
        verdict.checked.push_back(
            {"archive", "the archive that was kept was held against the log, record for record"});
    }
}

}  // namespace

Verdict verdict_of(const ReplayReport& report) {
    Verdict verdict;
    judge_events(report, verdict);
    judge_macs(report, verdict);
    judge_end(report, verdict);
    judge_views(report, verdict);
    judge_inputs(report, verdict);
    judge_kept(report, verdict);
    if (report.is_cut() && report.shards.size() > 1) {
        verdict.unasked.push_back(
            {"steps", "what shards sent to and took from one that was read only in part"});
    }
    return verdict;
}

}  // namespace vouch::reconciler
