#include "projector/queries/query_json.h"
#include "tools/vouch/query.h"
#include "tools/vouch/subcommands.h"
#include "tools/vouch/talk.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace vouch::cli {

namespace {

std::string text_of(const std::vector<projector::TrialBalanceLine>& lines, bool json) {
    std::string text;
    Table table({"asset", "debits posted", "credits posted", "debits held", "credits held", ""},
                {1, 2, 3, 4});
    for (const projector::TrialBalanceLine& line : lines) {
        if (json) {
            text += projector::to_json(line) + "\n";
            continue;
        }
        const Scale scale = line.asset.scale();
        table.add({line.asset.text(), projector::to_text(line.debits_posted, scale),
                   projector::to_text(line.credits_posted, scale),
                   projector::to_text(line.debits_held, scale),
                   projector::to_text(line.credits_held, scale),
                   line.is_even() ? "even" : "UNEVEN"});
    }
    return json ? text : table.text();
}

ExitCode trial_balance(const QueryOptions& options, bool one_ledger) {
    const Result<std::optional<Timestamp>> at = time_of(options);
    if (!at) {
        say(at.error().message);
        return ExitCode::usage;
    }
    return ask(options, [&](projector::Books& books) {
        const std::optional<LedgerId> ledger =
            one_ledger ? std::optional<LedgerId>(LedgerId(options.ledger)) : std::nullopt;
        const Result<std::vector<projector::TrialBalanceLine>> lines =
            books.trial_balance(ledger, *at);
        if (!lines) return fail(lines.error());
        if (Status printed = print(text_of(*lines, options.json)); !printed)
            return fail(printed.error());
        const bool even = std::all_of(lines->begin(), lines->end(),
                                      [](const auto& line) { return line.is_even(); });
        if (even) return ExitCode::done;
        say("debits and credits differ: run vouch replay");
        return ExitCode::findings;
    });
}

}  // namespace

void add_trial_balance(CLI::App& app, ExitCode& exit) {
    auto options = std::make_shared<QueryOptions>();
    CLI::App* const command =
        app.add_subcommand("trial-balance", "All debits against all credits, by asset");
    add_query_options(*command, *options);
    add_at_option(*command, *options);
    command->footer(
        "Without --ledger: of all ledgers together.\nExample:\n  vouch trial-balance --data books\n"
        "Exit code 1: debits and credits differ.");
    const CLI::Option* const ledger = command->get_option("--ledger");
    command->callback(
        [options, ledger, &exit] { exit = trial_balance(*options, ledger->count() > 0); });
}

}  // namespace vouch::cli
