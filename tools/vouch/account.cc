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

Fields fields_of(const projector::AccountBalance& found) {
    const projector::AccountInfo& account = found.account;
    Fields fields = {
        {"account", account.shown()},
        {"id", id_text(account.id)},
        {"asset", account.asset.text()},
        {"class", std::string(to_text(account.account_class))},
        {"state", std::string(to_text(found.state))},
        {"limit", limit_text(found.limit, account.asset.scale())},
    };
    if (found.state.block != Block::none)
        fields.emplace_back("blocked", to_text(found.state.block));
    if (!account.chart_code.empty()) fields.emplace_back("chart code", account.chart_code);
    if (!account.owner.empty()) fields.emplace_back("owner", account.owner);
    if (account.risk_class != 0)
        fields.emplace_back("risk class", std::to_string(account.risk_class));
    for (const auto& [key, value] : account.metadata) fields.emplace_back("metadata " + key, value);
    fields.emplace_back("version", std::to_string(found.version.value()));
    fields.emplace_back("opened", as_text(account.opened));
    fields.emplace_back("as of", as_text(found.as_of));
    return fields;
}

ExitCode account(const QueryOptions& options, const std::string& name) {
    const std::optional<AccountId> id = account_of(options, name);
    if (!id) return ExitCode::usage;
    return ask(options, [&](projector::Books& books) {
        const auto found = books.balance(LedgerId(options.ledger), *id);
        if (!found) return fail(found.error());
        if (!*found) {
            say("no such account in ledger " + std::to_string(options.ledger) + ": " + name);
            return ExitCode::refused;
        }
        const Status printed = print(options.json ? projector::account_json(**found) + "\n"
                                                  : as_text(fields_of(**found)));
        return printed ? ExitCode::done : fail(printed.error());
    });
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
