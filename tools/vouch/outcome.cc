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

void add_fact(Fields& fields, std::string name, const std::optional<AmountFact>& fact,
              const std::optional<Asset>& asset) {
    if (!fact || !asset) return;
    fields.emplace_back(std::move(name), fact->unlimited ? "unlimited"
                                                         : to_text(fact->amount, asset->scale()) +
                                                               " " + asset->text());
}

std::string text_of(const projector::CommandOutcome& found, const std::string& id) {
    Fields fields = {{"command", id},
                     {"accepted", is_accepted(found.outcome) ? "yes" : "no"},
                     {"outcome", std::string(to_text(found.outcome))},
                     {"", std::string(sentence(found.outcome))}};
    if (!found.account.empty()) fields.emplace_back("account", found.account);
    add_fact(fields, "available", found.facts.available, found.asset);
    add_fact(fields, "limit", found.facts.limit, found.asset);
    add_fact(fields, "held", found.facts.held, found.asset);
    add_fact(fields, "remaining", found.facts.remaining, found.asset);
    if (found.facts.version)
        fields.emplace_back("version", std::to_string(found.facts.version->value()));
    if (found.moved && found.asset) {
        fields.emplace_back(
            "amount", to_text(*found.moved, found.asset->scale()) + " " + found.asset->text());
    }
    if (found.group) fields.emplace_back("member of", id_text(*found.group));
    for (std::size_t i = 0; i < found.members.size() && i < found.member_ids.size(); ++i) {
        fields.emplace_back(
            "member " + std::to_string(i),
            id_text(found.member_ids[i]) + " " + std::string(to_text(found.members[i].outcome)));
    }
    fields.emplace_back("recorded", as_text(found.recorded));
    return as_text(fields);
}

ExitCode outcome(const QueryOptions& options, const std::string& text) {
    const std::optional<CommandId> id = command_of(text);
    if (!id) return ExitCode::usage;
    return ask(options, [&](projector::Books& books) {
        const auto found = books.outcome(LedgerId(options.ledger), *id);
        if (!found) return fail(found.error());
        if (!*found) {
            say("no command of that id in ledger " + std::to_string(options.ledger) + ": " + text);
            return ExitCode::refused;
        }
        const Status printed =
            print(options.json ? projector::to_json(**found, text) + "\n" : text_of(**found, text));
        return printed ? ExitCode::done : fail(printed.error());
    });
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
