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

struct StatementArguments {
    QueryOptions query;
    std::string name;
    bool all = false;
};

ExitCode statement(const StatementArguments& arguments) {
    const QueryOptions& options = arguments.query;
    if (arguments.all == !arguments.name.empty()) {
        terminal::say("statement: expected an account, or --all");
        return ExitCode::usage;
    }
    const Result<std::optional<Timestamp>> at = time_of(options);
    if (!at) return fail_usage(at.error());
    projector::StatementQuery query;
    query.ledger = LedgerId(options.ledger);
    query.at = *at;
    if (!arguments.all) {
        query.account = account_of(options, arguments.name);
        if (!query.account) return ExitCode::usage;
    }
    const std::string path = query.account
                                 ? "/v1/accounts/" + http::encoded(arguments.name) + "/statement"
                                 : "/v1/statement";
    const std::string unknown =
        "no such account in ledger " + std::to_string(options.ledger) + ": " + arguments.name;
    const PageQuestion pages =
        [&](projector::Books& books,
            const std::optional<std::string>& cursor) -> Result<projector::AnsweredPage> {
        if (cursor) query.after = projector::StatementPosition::parse(*cursor);
        return ask_statement(books, query, form_of(options));
    };
    if (arguments.all)
        return ask_pages(options, at_target(options, path), pages, unknown_ledger(options));
    return ask_pages(
        options, at_target(options, path), pages,
        {.sentence = unknown,
         .is_unknown = [&](projector::Books& books) -> Result<bool> {
             const auto known = books.balance(query.ledger, *query.account);
             if (!known) return known.error();
             return !known->has_value();
         },
         .account = query.account});
}

}  // namespace

void add_statement(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<StatementArguments>();
    CLI::App* const command =
        app.add_subcommand("statement", "An account's postings, oldest first");
    command->add_option("account", arguments->name, "Name or id")->type_name("ACCOUNT");
    command->add_flag("--all", arguments->all, "The postings of all accounts of the ledger");
    add_query_options(*command, arguments->query);
    add_at_option(*command, arguments->query);
    command->footer(
        "Example:\n  vouch statement alice --data books\n"
        "Exit code 5: no such account, or no such ledger.");
    command->callback([arguments, &exit] { exit = statement(*arguments); });
}

}  // namespace vouch::cli
