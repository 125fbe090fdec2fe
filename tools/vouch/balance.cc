#include "projector/answers/questions.h"
#include "tools/server/http/wire/target.h"
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

struct BalanceArguments {
    QueryOptions query;
    std::string name;
    bool all = false;
};

ExitCode balance(const BalanceArguments& arguments) {
    const QueryOptions& options = arguments.query;
    if (arguments.all == !arguments.name.empty()) {
        terminal::say("balance: expected an account, or --all");
        return ExitCode::usage;
    }
    const Result<std::optional<Timestamp>> at = time_of(options);
    if (!at) return fail_usage(at.error());
    if (arguments.all) {
        projector::AccountsQuery query;
        query.ledger = LedgerId(options.ledger);
        query.at = *at;
        return ask_pages(
            options, at_target(options, "/v1/balances"),
            [&](projector::Books& books,
                const std::optional<std::string>& cursor) -> Result<projector::AnsweredPage> {
                if (cursor) query.from = projector::parse_accounts_place(*cursor).value();
                return ask_accounts(books, query, form_of(options));
            },
            unknown_ledger(options));
    }
    const std::optional<AccountId> id = account_of(options, arguments.name);
    if (!id) return ExitCode::usage;
    return ask(
        options,
        {.target = at_target(options, "/v1/accounts/" + http::encoded(arguments.name) + "/balance"),
         .unknown = "no such account in ledger " + std::to_string(options.ledger) +
                    (*at ? " at that time: " : ": ") + arguments.name,
         .answer =
             [&](projector::Books& books) {
                 return ask_balance(books, LedgerId(options.ledger), *id, *at, form_of(options));
             },
         .account = *id});
}

}  // namespace

void add_balance(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<BalanceArguments>();
    CLI::App* const command =
        app.add_subcommand("balance", "Balance of an account, now or at a time");
    command->add_option("account", arguments->name, "Name or id")->type_name("ACCOUNT");
    command->add_flag("--all", arguments->all, "All accounts of the ledger");
    add_query_options(*command, arguments->query);
    add_at_option(*command, arguments->query);
    command->footer(
        "Example:\n  vouch balance alice --data books --json\n  vouch balance --all --at "
        "2026-01-31T23:59:59Z --data "
        "books\nExit code 5: no such account, or no such ledger.");
    command->callback([arguments, &exit] { exit = balance(*arguments); });
}

}  // namespace vouch::cli
