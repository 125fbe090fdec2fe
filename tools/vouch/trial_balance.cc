#include "projector/answers/questions.h"
#include "tools/terminal/say.h"
#include "tools/vouch/query.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <memory>
#include <string>

namespace vouch::cli {

namespace {

ExitCode trial_balance(const QueryOptions& options, bool one_ledger) {
    const Result<std::optional<Timestamp>> at = time_of(options);
    if (!at) return fail_usage(at.error());
    const std::string path = "/v1/trial-balance";
    bool is_even = true;
    const ExitCode exit =
        ask(options,
            {.target = one_ledger ? at_target(options, path) : at_target_of_all(options, path),
             .unknown = unknown_ledger(options).sentence,
             .answer = [&](projector::Books& books) -> projector::Answered {
                 const std::optional<LedgerId> ledger =
                     one_ledger ? std::optional<LedgerId>(LedgerId(options.ledger)) : std::nullopt;
                 if (ledger) {
                     const Result<bool> has = books.has_ledger(*ledger);
                     if (!has) return has.error();
                     if (!*has) return std::optional<std::string>();
                 }
                 Result<projector::AnsweredTrialBalance> found =
                     ask_trial_balance(books, ledger, *at, form_of(options));
                 if (!found) return found.error();
                 is_even = found->is_even;
                 return std::optional(std::move(found->text));
             },
             .take_finding = [&] { is_even = false; }});
    const bool is_answered = exit == ExitCode::done || exit == ExitCode::findings;
    if (!is_answered || is_even) return exit;
    terminal::say("debits and credits differ: run vouch replay");
    return ExitCode::findings;
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
        "Exit codes: 1 debits and credits differ; 5 no such ledger.");
    const CLI::Option* const ledger = command->get_option("--ledger");
    command->callback(
        [options, ledger, &exit] { exit = trial_balance(*options, ledger->count() > 0); });
}

}  // namespace vouch::cli
