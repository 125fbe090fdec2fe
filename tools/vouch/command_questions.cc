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

using projector::CommandQuestion;

ExitCode ask_about(const CommandQuestion& question, const QueryOptions& options,
                   const std::string& text) {
    const std::optional<CommandId> id = command_of(text);
    if (!id) return ExitCode::usage;
    const std::string_view path = question.path.substr(0, question.path.find('*'));
    return ask(options,
               {.target = ledger_target(options, "/" + std::string(path) + http::encoded(text)),
                .unknown = std::string(question.unknown) + " in ledger " +
                           std::to_string(options.ledger) + ": " + text,
                .answer = [&](projector::Books& books) {
                    return question.ask(books, LedgerId(options.ledger), *id, text,
                                        form_of(options));
                }});
}

void add_question(CLI::App& app, ExitCode& exit, const CommandQuestion& question) {
    auto options = std::make_shared<QueryOptions>();
    auto id = std::make_shared<std::string>();
    CLI::App* const command =
        app.add_subcommand(std::string(question.word), std::string(question.asks));
    command->add_option(std::string(question.id_name), *id, std::string(question.id_is))
        ->required()
        ->type_name("ID");
    add_query_options(*command, *options);
    command->footer("Example:\n  " + std::string(question.example) +
                    "\nExit code 5: " + std::string(question.unknown) + ".");
    command->callback(
        [options, id, &question, &exit] { exit = ask_about(question, *options, *id); });
}

}  // namespace

void add_command_questions(CLI::App& app, ExitCode& exit) {
    for (const CommandQuestion& each : projector::kCommandQuestions) add_question(app, exit, each);
}

}  // namespace vouch::cli
