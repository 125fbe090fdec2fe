#include "projector/answers/questions.h"
#include "tools/server/http/wire/target.h"
#include "tools/vouch/query.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <memory>
#include <string>

namespace vouch::cli {

namespace {

ExitCode account(const QueryOptions& options, const std::string& name) {
    const std::optional<AccountId> id = account_of(options, name);
    if (!id) return ExitCode::usage;
    return ask(
        options,
        {.target = ledger_target(options, "/v1/accounts/" + http::encoded(name)),
         .unknown = "no such account in ledger " + std::to_string(options.ledger) + ": " + name,
         .answer = [&](projector::Books& books) {
             return ask_account(books, LedgerId(options.ledger), *id, form_of(options));
         }});
}

}  // namespace

void add_account(CLI::App& app, ExitCode& exit) {
    auto options = std::make_shared<QueryOptions>();
    auto name = std::make_shared<std::string>();
    CLI::App* const command =
        app.add_subcommand("account", "What an account is: class, limit, owner, state");
    command->add_option("account", *name, "Name or id")->required()->type_name("ACCOUNT");
    add_query_options(*command, *options);
    command->footer("Example:\n  vouch account alice --data books\nExit code 5: no such account.");
    command->callback([options, name, &exit] { exit = account(*options, *name); });
}

}  // namespace vouch::cli
