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

ExitCode hold(const QueryOptions& options, const std::string& text) {
    const std::optional<CommandId> id = command_of(text);
    if (!id) return ExitCode::usage;
    return ask(options,
               {.target = ledger_target(options, "/v1/holds/" + http::encoded(text)),
                .unknown = "no such hold in ledger " + std::to_string(options.ledger) + ": " + text,
                .answer = [&](projector::Books& books) {
                    return ask_hold(books, LedgerId(options.ledger), *id, text, form_of(options));
                }});
}

}  // namespace

void add_hold(CLI::App& app, ExitCode& exit) {
    auto options = std::make_shared<QueryOptions>();
    auto id = std::make_shared<std::string>();
    CLI::App* const command =
        app.add_subcommand("hold", "Funds set aside: what is left, captured, until when");
    command->add_option("hold", *id, "Id of the place_hold command")->required()->type_name("ID");
    add_query_options(*command, *options);
    command->footer("Example:\n  vouch hold h1 --data books\nExit code 5: no such hold.");
    command->callback([options, id, &exit] { exit = hold(*options, *id); });
}

}  // namespace vouch::cli
