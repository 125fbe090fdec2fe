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

struct StatementArguments {
    QueryOptions query;
    std::string name;
    bool all = false;
};

void add_row(Table& table, const projector::StatementRow& row) {
    const Scale scale = row.asset.scale();
    const std::string amount = to_text(row.amount, scale);
    table.add(
        {projector::to_rfc3339(row.recorded.time), row.account, id_text(row.entry),
         row.side == Side::debit ? amount : "", row.side == Side::credit ? amount : "",
         projector::to_text(vouch::balance(row.totals, normal_side(row.account_class)), scale),
         row.asset.text()});
}

/// Page by page, so that a statement of any length takes the memory of one page.
ExitCode print_pages(const QueryOptions& options, projector::StatementQuery query,
                     projector::Books& books) {
    for (;;) {
        const Result<projector::StatementPage> page = books.statement(query);
        if (!page) return fail(page.error());
        std::string text;
        Table table({"time", "account", "entry", "debit", "credit", "balance", "asset"}, {3, 4, 5});
        for (const projector::StatementRow& row : page->rows) {
            if (options.json) {
                text += projector::to_json(row) + "\n";
            } else {
                add_row(table, row);
            }
        }
        if (!options.json) text = table.text();
        if (Status printed = print(text); !printed) return fail(printed.error());
        if (!page->next) return ExitCode::done;
        query.after = page->next;
    }
}

ExitCode statement(const StatementArguments& arguments) {
    const QueryOptions& options = arguments.query;
    if (arguments.all == !arguments.name.empty()) {
        say("statement: give an account, or --all");
        return ExitCode::usage;
    }
    const Result<std::optional<Timestamp>> at = time_of(options);
    if (!at) {
        say(at.error().message);
        return ExitCode::usage;
    }
    projector::StatementQuery query;
    query.ledger = LedgerId(options.ledger);
    query.at = *at;
    if (!arguments.all) {
        query.account = account_of(options, arguments.name);
        if (!query.account) return ExitCode::usage;
    }
    return ask(options, [&](projector::Books& books) {
        if (query.account) {
            const auto known = books.balance(query.ledger, *query.account);
            if (!known) return fail(known.error());
            if (!*known) {
                say("no such account in ledger " + std::to_string(options.ledger) + ": " +
                    arguments.name);
                return ExitCode::refused;
            }
        }
        return print_pages(options, query, books);
    });
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
        "Example:\n  vouch statement alice --data books\nExit code 5: no such account.");
    command->callback([arguments, &exit] { exit = statement(*arguments); });
}

}  // namespace vouch::cli
