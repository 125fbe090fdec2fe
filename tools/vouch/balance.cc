#include "projector/queries/query_json.h"
#include "tools/vouch/query.h"
#include "tools/vouch/subcommands.h"
#include "tools/vouch/talk.h"

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

std::string balance_text(const projector::AccountBalance& found) {
    const Side normal = normal_side(found.account.account_class);
    return projector::to_text(vouch::balance(found.totals, normal), found.account.asset.scale());
}

Fields fields_of(const projector::AccountBalance& found) {
    const Scale scale = found.account.asset.scale();
    return {
        {"account", found.account.shown()},
        {"asset", found.account.asset.text()},
        {"balance", balance_text(found)},
        {"available", available_text(found)},
        {"debits posted", to_text(found.totals.debits_posted, scale)},
        {"credits posted", to_text(found.totals.credits_posted, scale)},
        {"debits held", to_text(found.totals.debits_held, scale)},
        {"credits held", to_text(found.totals.credits_held, scale)},
        {"state", std::string(to_text(found.state))},
        {"version", std::to_string(found.version.value())},
        {"as of", as_text(found.as_of)},
    };
}

/// Text is collected up to here before it is printed.
constexpr std::size_t kPrintBytes = 64 * 1024;

ExitCode all_balances(const QueryOptions& options, std::optional<Timestamp> at,
                      projector::Books& books) {
    std::string text;
    Status printed;
    Table table({"account", "asset", "balance", "available", "state"}, {2, 3});
    const Status visited =
        books.balances(LedgerId(options.ledger), at, [&](const projector::AccountBalance& found) {
            if (!options.json) {
                table.add({found.account.shown(), found.account.asset.text(), balance_text(found),
                           available_text(found), std::string(to_text(found.state))});
                return true;
            }
            text += projector::to_json(found) + "\n";
            if (text.size() < kPrintBytes) return true;
            printed = print(text);
            text.clear();
            return printed.has_value();
        });
    if (!visited) return fail(visited.error());
    if (printed) printed = print(options.json ? text : table.text());
    return printed ? ExitCode::done : fail(printed.error());
}

ExitCode balance(const BalanceArguments& arguments) {
    const QueryOptions& options = arguments.query;
    if (arguments.all == !arguments.name.empty()) {
        say("balance: give an account, or --all");
        return ExitCode::usage;
    }
    const Result<std::optional<Timestamp>> at = time_of(options);
    if (!at) {
        say(at.error().message);
        return ExitCode::usage;
    }
    if (arguments.all) {
        return ask(options,
                   [&](projector::Books& books) { return all_balances(options, *at, books); });
    }
    const std::optional<AccountId> id = account_of(options, arguments.name);
    if (!id) return ExitCode::usage;
    return ask(options, [&](projector::Books& books) {
        const auto found = books.balance(LedgerId(options.ledger), *id, *at);
        if (!found) return fail(found.error());
        if (!*found) {
            say("no such account in ledger " + std::to_string(options.ledger) +
                (*at ? " at that time: " : ": ") + arguments.name);
            return ExitCode::refused;
        }
        const Status printed =
            print(options.json ? projector::to_json(**found) + "\n" : as_text(fields_of(**found)));
        return printed ? ExitCode::done : fail(printed.error());
    });
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
        "books\nExit code 5: no such account.");
    command->callback([arguments, &exit] { exit = balance(*arguments); });
}

}  // namespace vouch::cli
