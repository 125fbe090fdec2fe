// A report in words and as JSON lines.
#include "reconciler/verdict/report.h"

#include "events/bytes/hex.h"
#include "events/json_writer.h"
#include "reconciler/verdict/verdict.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace vouch::reconciler {

namespace {

std::string_view to_text(MacStatus status) {
    switch (status) {
        case MacStatus::checked:
            return "checked";
        case MacStatus::no_keys:
            return "no_keys";
    }
    return "";
}

std::string_view to_text(TailStatus status) {
    switch (status) {
        case TailStatus::trailer:
            return "trailer";
        case TailStatus::witnesses:
            return "witnesses";
        case TailStatus::incomplete:
            return "incomplete";
        case TailStatus::unknown:
            return "unknown";
    }
    return "";
}

std::string_view to_text(ViewsCompared views) {
    switch (views) {
        case ViewsCompared::not_asked:
            return "not_asked";
        case ViewsCompared::partial:
            return "partial";
        case ViewsCompared::whole:
            return "whole";
    }
    return "";
}

/// Events a second, rounded down.
std::uint64_t rate_of(const ReplayReport& report) {
    constexpr std::uint64_t kMicrosecondsASecond = 1'000'000;
    if (report.microseconds == 0) return 0;
    return static_cast<std::uint64_t>(static_cast<u128>(report.events) * kMicrosecondsASecond /
                                      report.microseconds);
}

/// The first member of a line, which says what the line is about.
JsonWriter line_of(std::string_view kind) {
    JsonWriter line;
    line.open_object().member("kind", kind);
    return line;
}

std::string finish(JsonWriter& line) { return line.close_object().take() + '\n'; }

std::string findings_json(std::string_view kind, const Findings& findings) {
    std::string lines;
    for (const Finding& finding : findings.kept()) {
        JsonWriter line = line_of(kind);
        line.member("check", to_text(finding.check));
        if (finding.shard) line.member("shard", finding.shard->value());
        if (finding.record) line.member("record", finding.record->value());
        if (finding.event) line.member("event", finding.event->value());
        lines += finish(line.member("message", finding.message));
    }
    return lines;
}

std::string findings_text(const Findings& findings) {
    std::string text;
    for (const Finding& finding : findings.kept()) text += "  " + to_text(finding) + '\n';
    if (findings.kept().size() < findings.count()) text += "  … and more, not listed\n";
    return text;
}

/// Empty when all are listed.
std::string acts_left_out(const ShardReport& shard) {
    if (shard.acts_count == shard.acts.size()) return "";
    return "and " + std::to_string(shard.acts_count - shard.acts.size()) + " more, not listed";
}

std::string acts_text(const ReplayReport& report) {
    std::string text;
    for (const ShardReport& shard : report.shards) {
        for (const Act& act : shard.acts) {
            if (text.empty()) text = "what operators accepted:\n";
            text += "  shard " + std::to_string(shard.shard.value()) + " record " +
                    std::to_string(act.record.value()) + ": " + act.what + '\n';
        }
        if (const std::string more = acts_left_out(shard); !more.empty())
            text += "  shard " + std::to_string(shard.shard.value()) + ": " + more + '\n';
    }
    return text;
}

std::string isolated_text(const ReplayReport& report) {
    std::string text;
    for (const ShardReport& shard : report.shards) {
        if (!shard.isolated_last) continue;
        text += "shard " + std::to_string(shard.shard.value()) +
                ": commands without an outcome, because the process died on them: " +
                std::to_string(shard.isolated) + ", the last at offset " +
                std::to_string(shard.isolated_last->value()) + '\n';
    }
    return text;
}

std::string padded(std::string text, std::size_t width) {
    return text.size() < width ? std::string(width - text.size(), ' ') + text : ' ' + text;
}

std::string trial_text(const ReplayReport& report) {
    constexpr std::size_t kWidth = 24;
    std::string text = report.unread().empty() ? "trial balance:\n"
                                               : "trial balance, of what could be read:\n";
    for (const TrialLine& line : report.trial_balance.lines()) {
        const Scale scale = line.asset.scale();
        text += "  ledger " + std::to_string(line.ledger.value()) + "  " + line.asset.text() + '\n';
        text += "    posted  debits" + padded(to_text(line.debits_moved(), scale), kWidth) +
                "  credits" + padded(to_text(line.credits_moved(), scale), kWidth) + '\n';
        text += "    held    debits" + padded(to_text(line.debits_held, scale), kWidth) +
                "  credits" + padded(to_text(line.credits_held, scale), kWidth) + '\n';
        if (line.held_without_payee != WideSum()) {
            text += "    of the debits held, " + to_text(line.held_without_payee, scale) +
                    " have no payee yet\n";
        }
        if (line.has_transit()) {
            text += "    between shards, posted " + line.in_transit_text() +
                    "; came back " + to_text(line.returned, scale) +
                    "; held toward other shards " + to_text(line.transit_credits_held, scale) +
                    ", there " + to_text(line.transit_debits_held, scale) + '\n';
        }
        if (report.is_even(line) == false) text += "    UNEVEN\n";
    }
    return text;
}

std::string headline(const ReplayReport& report, const Verdict& verdict) {
    const auto count = report.findings.count();
    if (!report.is_clean())
        return "NOT CLEAN: " + std::to_string(count) + (count == 1 ? " finding" : " findings");
    if (report.macs == MacStatus::no_keys)
        return "no findings, but without keys anybody may have written this";
    return verdict.unchecked.empty() ? "clean: no findings"
                                     : "no findings, but not everything could be checked";
}

std::string parts_text(std::string_view head, const std::vector<Verdict::Part>& parts) {
    std::string text;
    for (const Verdict::Part& part : parts) text += "  " + part.sentence + '\n';
    return text.empty() ? text : std::string(head) + '\n' + text;
}

std::string cut_text(const ReplayReport& report) {
    std::string text;
    for (const ShardReport& shard : report.shards) {
        if (!report.is_cut()) continue;
        text += "shard " + std::to_string(shard.shard.value()) + " was read up to " +
                (shard.next_record < shard.log_end
                     ? "record " + std::to_string(shard.next_record.value() - 1) + " of " +
                           std::to_string(shard.log_end.value() - 1)
                     : "its end") +
                '\n';
    }
    return text;
}

std::string digest_text(std::string_view name, const std::optional<Digest>& digest,
                        const ReplayReport& report) {
    if (digest) return std::string(name) + " " + hex(*digest) + '\n';
    return "NO " + std::string(name) + ": " + report.unread() + '\n';
}

JsonWriter& add_digest(JsonWriter& line, JsonName key, const std::optional<Digest>& digest) {
    return digest ? line.member(key, hex(*digest)) : line.key(key).raw("null");
}

void add_words(JsonWriter& line, JsonName key, const std::vector<Verdict::Part>& parts) {
    line.key(key).open_array();
    for (const Verdict::Part& part : parts) line.string(part.word);
    line.close_array();
}

/// Null when it is not known.
JsonWriter& add_even(JsonWriter& line, JsonName key, std::optional<bool> is_even) {
    return is_even ? line.flag(key, *is_even) : line.key(key).raw("null");
}

std::string trial_json(const ReplayReport& report, const TrialLine& sums) {
    const Scale scale = sums.asset.scale();
    JsonWriter line = line_of("trial_balance");
    line.member("ledger", sums.ledger.value()).member("asset", sums.asset.text());
    line.member("debits_posted", to_text(sums.debits_moved(), scale))
        .member("credits_posted", to_text(sums.credits_moved(), scale));
    line.member("debits_held", to_text(sums.debits_held, scale))
        .member("credits_held", to_text(sums.credits_held, scale));
    line.member("held_without_payee", to_text(sums.held_without_payee, scale));
    if (report.shards.size() > 1) {
        line.member("in_transit", sums.in_transit_text())
            .member("returned", to_text(sums.returned, scale))
            .member("held_toward_shards", to_text(sums.transit_credits_held, scale))
            .member("held_from_shards", to_text(sums.transit_debits_held, scale));
    }
    return finish(add_even(line, "even", report.is_even(sums)));
}

std::string acts_json(const ShardReport& shard) {
    std::string lines;
    for (const Act& act : shard.acts) {
        JsonWriter line = line_of("act");
        line.member("shard", shard.shard.value()).member("record", act.record.value());
        lines += finish(line.member("message", act.what));
    }
    if (const std::string more = acts_left_out(shard); !more.empty()) {
        JsonWriter line = line_of("act");
        line.member("shard", shard.shard.value());
        lines += finish(line.member("message", more));
    }
    return lines;
}

std::string writers_json(const ShardReport& shard) {
    std::string lines;
    for (const Writer& writer : shard.writers) {
        JsonWriter line = line_of("writer");
        line.member("shard", shard.shard.value()).member("record", writer.record.value());
        line.member("term", writer.term.value());
        lines += finish(line.member("program", writer.program));
    }
    return lines;
}

std::string shard_json(const ShardReport& shard) {
    JsonWriter line = line_of("shard");
    line.member("shard", shard.shard.value()).member("records", shard.next_record.value());
    line.member("events", shard.next_event.value())
        .member("accounts", shard.accounts)
        .member("open_holds", shard.open_holds)
        .member("in_transit", shard.in_transit);
    line.member("accepted", shard.accepted)
        .member("refused", shard.refused)
        .member("term", shard.term.value());
    line.member("isolated", shard.isolated);
    if (shard.isolated_last) line.member("isolated_last_offset", shard.isolated_last->value());
    line.member("log_records", shard.log_end.value());
    if (shard.view_end) line.member("view_records", shard.view_end->value());
    line.member_if_any("unread", shard.unread);
    line.member("last_digest", hex(shard.last_digest));
    return finish(add_digest(line, "state_digest", shard.state_digest));
}

std::string verdict_json(const ReplayReport& report) {
    const Verdict verdict = verdict_of(report);
    JsonWriter line = line_of("replay");
    line.flag("clean", is_proven(report));
    line.member("findings", report.findings.count());
    line.member("observations", report.observations.count());
    line.member("deployment", id_text(report.deployment))
        .member("records", report.records)
        .member("events", report.events);
    line.member("events_per_second", rate_of(report))
        .member("macs", to_text(report.macs))
        .member("tail", to_text(report.tail));
    if (report.is_cut_between()) {
        line.key("steps_in_flight").raw("null");
    } else {
        line.member("steps_in_flight", report.steps_in_flight);
    }
    line.flag("views_compared", report.views() == ViewsCompared::whole)
        .member("views", to_text(report.views()));
    add_even(line, "trial_balance_even", report.is_even());
    add_words(line, "checked", verdict.checked);
    add_words(line, "not_checked", verdict.unchecked);
    add_words(line, "not_asked", verdict.unasked);
    line.member_if_any("unread", report.unread());
    add_digest(line, "state_digest", report.state_digest);
    return finish(add_digest(line, "log_digest", report.log_digest));
}

}  // namespace

bool ReplayReport::is_cut() const {
    return std::ranges::any_of(
        shards, [](const ShardReport& shard) { return shard.next_record < shard.log_end; });
}

std::optional<bool> ReplayReport::is_even(const TrialLine& line) const {
    if (!unread().empty()) return std::nullopt;
    if (!line.is_even()) return false;
    // Each shard is even by itself, which says nothing of what is between them.
    if (is_cut_between() && line.has_transit()) return std::nullopt;
    return true;
}

std::optional<bool> ReplayReport::is_even() const {
    std::optional<bool> all = true;
    for (const TrialLine& line : trial_balance.lines()) {
        const std::optional<bool> each = is_even(line);
        if (each == false) return false;
        if (!each) all = std::nullopt;
    }
    return all;
}

ViewsCompared ReplayReport::views() const {
    if (!are_views_asked) return ViewsCompared::not_asked;
    const bool is_whole = std::ranges::all_of(shards, &ShardReport::is_viewed);
    return is_whole ? ViewsCompared::whole : ViewsCompared::partial;
}

std::string ReplayReport::unread() const {
    for (const ShardReport& shard : shards) {
        if (!shard.unread.empty())
            return "shard " + std::to_string(shard.shard.value()) + " " + shard.unread;
    }
    return "";
}

std::string to_text(const ReplayReport& report) {
    const Verdict verdict = verdict_of(report);
    std::string text = headline(report, verdict) + '\n';
    text += findings_text(report.findings);
    if (report.observations.count() > 0) {
        text += "observations about producers, not about the books: " +
                std::to_string(report.observations.count()) + '\n' +
                findings_text(report.observations);
    }
    text += acts_text(report) + isolated_text(report);
    text += "records " + std::to_string(report.records) + ", events " +
            std::to_string(report.events) + ", " + std::to_string(rate_of(report)) +
            " events a second\n";
    text += parts_text("checked:", verdict.checked) +
            parts_text("could NOT be checked:", verdict.unchecked) +
            parts_text("not asked:", verdict.unasked) + cut_text(report);
    if (report.shards.size() > 1) {
        std::uint64_t waiting = 0;
        for (const ShardReport& shard : report.shards) waiting += shard.in_transit;
        text += "between shards: ";
        if (!report.is_cut_between())
            text += std::to_string(report.steps_in_flight) + " steps in flight, ";
        text += std::to_string(waiting) + " commands without an answer yet\n";
    }
    return text + trial_text(report) + digest_text("state digest", report.state_digest, report) +
           digest_text("log digest", report.log_digest, report);
}

std::string to_json_lines(const ReplayReport& report) {
    std::string lines = findings_json("finding", report.findings) +
                        findings_json("observation", report.observations);
    for (const TrialLine& sums : report.trial_balance.lines())
        lines += trial_json(report, sums);
    for (const ShardReport& shard : report.shards)
        lines += acts_json(shard) + writers_json(shard) + shard_json(shard);
    return lines + verdict_json(report);
}

}  // namespace vouch::reconciler
