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

ExitCode entry(const QueryOptions& options, const std::string& text) {
    const std::optional<CommandId> id = command_of(text);
    if (!id) return ExitCode::usage;
    return ask(
        options,
        {.target = ledger_target(options, "/v1/entries/" + http::encoded(text)),
         .unknown = "no such entry in ledger " + std::to_string(options.ledger) + ": " + text,
         .answer = [&](projector::Books& books) {
             return ask_entry(books, LedgerId(options.ledger), *id, text, form_of(options));
         }});
}

}  // namespace

void add_entry(CLI::App& app, ExitCode& exit) {
    auto options = std::make_shared<QueryOptions>();
    auto id = std::make_shared<std::string>();
    CLI::App* const command =
        app.add_subcommand("entry", "A journal entry: its voucher and postings");
    command->add_option("entry", *id, "Id of the command that made it")
        ->required()
        ->type_name("ID");
    add_query_options(*command, *options);
    command->footer("Example:\n  vouch entry t1 --data books\nExit code 5: no such entry.");
    command->callback([options, id, &exit] { exit = entry(*options, *id); });
}

}  // namespace vouch::cli
