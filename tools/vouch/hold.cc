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

std::string text_of(const projector::HoldAnswer& hold, const std::string& id) {
    const Scale scale = hold.asset.scale();
    return as_text(Fields{
        {"hold", id},
        {"status", std::string(to_text(hold.status))},
        {"payer", hold.payer},
        {"payee", hold.payee.empty() ? "-" : hold.payee},
        {"amount", to_text(hold.amount, scale) + " " + hold.asset.text()},
        {"captured", to_text(hold.captured, scale)},
        {"remaining", to_text(hold.remaining, scale)},
        {"expires",
         hold.expires_at.value() == 0 ? "never" : projector::to_rfc3339(hold.expires_at)},
        {"placed", as_text(hold.placed)},
        {"as of", as_text(hold.as_of)},
    });
}

ExitCode hold(const QueryOptions& options, const std::string& text) {
    const std::optional<CommandId> id = command_of(text);
    if (!id) return ExitCode::usage;
    return ask(options, [&](projector::Books& books) {
        const auto found = books.hold(LedgerId(options.ledger), *id);
        if (!found) return fail(found.error());
        if (!*found) {
            say("no such hold in ledger " + std::to_string(options.ledger) + ": " + text);
            return ExitCode::refused;
        }
        const Status printed =
            print(options.json ? projector::to_json(**found, text) + "\n" : text_of(**found, text));
        return printed ? ExitCode::done : fail(printed.error());
    });
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
