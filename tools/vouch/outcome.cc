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

ExitCode outcome(const QueryOptions& options, const std::string& text) {
    const std::optional<CommandId> id = command_of(text);
    if (!id) return ExitCode::usage;
    return ask(options, {.target = ledger_target(options, "/v1/outcomes/" + http::encoded(text)),
                         .unknown = "no command of that id in ledger " +
                                    std::to_string(options.ledger) + ": " + text,
                         .answer = [&](projector::Books& books) {
                             return ask_outcome(books, LedgerId(options.ledger), *id, text,
                                                form_of(options));
                         }});
}

}  // namespace

void add_outcome(CLI::App& app, ExitCode& exit) {
    auto options = std::make_shared<QueryOptions>();
    auto id = std::make_shared<std::string>();
    CLI::App* const command = app.add_subcommand("outcome", "What became of a command");
    command->add_option("id", *id, "The command's id")->required()->type_name("ID");
    add_query_options(*command, *options);
    command->footer(
        "Example:\n  vouch outcome t1 --data books --json\nExit code 5: no command of that id.");
    command->callback([options, id, &exit] { exit = outcome(*options, *id); });
}

}  // namespace vouch::cli
