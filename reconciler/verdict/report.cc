// A report in words and as JSON lines.
#include "reconciler/verdict/report.h"

#include "events/hex.h"
#include "events/json_writer.h"

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
        case TailStatus::views:
            return "views";
        case TailStatus::witnesses:
            return "witnesses";
        case TailStatus::incomplete:
            return "incomplete";
        case TailStatus::unknown:
            return "unknown";
    }
    return "";
}

std::string_view sentence(MacStatus status) {
    switch (status) {
        case MacStatus::checked:
            return "every record's MAC was checked";
        case MacStatus::no_keys:
            return "no keys were given: MACs were NOT checked";
    }
    return "";
}

std::string_view sentence(TailStatus status) {
    switch (status) {
        case TailStatus::trailer:
            return "the end is that of the archive's trailer";
        case TailStatus::views:
            return "nothing that the views have seen is missing at the end";
        case TailStatus::witnesses:
            return "no store, snapshot or view that can be read has seen more than this end";
        case TailStatus::incomplete:
            return "the end is NOT all that was recorded";
        case TailStatus::unknown:
            return "whether records are missing at the very end is NOT known: no store, view or "
                   "trailer was asked";
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

std::string to_text(const TrialBalance& balance) {
    constexpr std::size_t kWidth = 24;
    std::string text;
    for (const TrialLine& line : balance.lines()) {
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
            text += "    between shards, posted " + to_text(line.in_transit(), scale) +
                    "; came back " + to_text(line.returned, scale) +
                    "; held toward other shards " + to_text(line.transit_credits_held, scale) +
                    ", there " + to_text(line.transit_debits_held, scale) + '\n';
        }
        if (!line.is_even()) text += "    UNEVEN\n";
    }
    return text;
}

}  // namespace

std::string to_text(const ReplayReport& report) {
    std::string text = "NOT CLEAN: " + std::to_string(report.findings.count()) + " findings\n";
    if (report.is_clean()) {
        text = report.macs == MacStatus::checked
                   ? "clean: no findings\n"
                   : "no findings, but without keys anybody may have written this\n";
    }
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
    text += std::string(sentence(report.macs)) + '\n' + std::string(sentence(report.tail)) + '\n';
    if (report.views_compared)
        text += "the views were compared row by row, each at its own position\n";
    if (report.shards.size() > 1) {
        std::uint64_t waiting = 0;
        for (const ShardReport& shard : report.shards) waiting += shard.in_transit;
        text += "between shards: " + std::to_string(report.steps_in_flight) + " steps in flight, " +
                std::to_string(waiting) + " commands without an answer yet\n";
    }
    text += "trial balance:\n" + to_text(report.trial_balance);
    text += "state digest " + hex(report.state_digest) + '\n';
    return text;
}

std::string to_json_lines(const ReplayReport& report) {
    std::string lines = findings_json("finding", report.findings) +
                        findings_json("observation", report.observations);
    for (const TrialLine& sums : report.trial_balance.lines()) {
        const Scale scale = sums.asset.scale();
        JsonWriter line = line_of("trial_balance");
        line.member("ledger", sums.ledger.value()).member("asset", sums.asset.text());
        line.member("debits_posted", to_text(sums.debits_moved(), scale))
            .member("credits_posted", to_text(sums.credits_moved(), scale));
        line.member("debits_held", to_text(sums.debits_held, scale))
            .member("credits_held", to_text(sums.credits_held, scale));
        line.member("held_without_payee", to_text(sums.held_without_payee, scale));
        if (report.shards.size() > 1) {
            line.member("in_transit", to_text(sums.in_transit(), scale))
                .member("returned", to_text(sums.returned, scale))
                .member("held_toward_shards", to_text(sums.transit_credits_held, scale))
                .member("held_from_shards", to_text(sums.transit_debits_held, scale));
        }
        line.flag("even", sums.is_even());
        lines += finish(line);
    }
    for (const ShardReport& shard : report.shards) {
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
        line.member("last_digest", hex(shard.last_digest))
            .member("state_digest", hex(shard.state_digest));
        lines += finish(line);
    }
    JsonWriter line = line_of("replay");
    line.flag("clean", report.is_clean() && report.macs == MacStatus::checked);
    line.member("findings", report.findings.count());
    line.member("observations", report.observations.count());
    line.member("deployment", id_text(report.deployment))
        .member("records", report.records)
        .member("events", report.events);
    line.member("events_per_second", rate_of(report))
        .member("macs", to_text(report.macs))
        .member("tail", to_text(report.tail));
    line.member("steps_in_flight", report.steps_in_flight);
    line.flag("views_compared", report.views_compared)
        .flag("trial_balance_even", report.trial_balance.is_even());
    return lines + finish(line.member("state_digest", hex(report.state_digest)));
}

}  // namespace vouch::reconciler
