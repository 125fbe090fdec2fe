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

std::string text_of(const projector::EntryAnswer& entry, const std::string& id) {
    Fields fields = {
        {"entry", id}, {"kind", entry.kind}, {"outcome", std::string(to_text(entry.outcome))}};
    if (entry.original) fields.emplace_back("of", id_text(*entry.original));
    if (entry.reversed) fields.emplace_back("reversed", "yes");
    const std::pair<std::string, std::string> voucher[] = {
        {"context", entry.context},     {"actor", entry.actor_id}, {"address", entry.actor_address},
        {"device", entry.actor_device}, {"module", entry.module},  {"ticket", entry.ticket},
        {"type", entry.voucher_type},   {"channel", entry.channel}};
    for (const auto& [name, value] : voucher) {
        if (!value.empty()) fields.emplace_back(name, value);
    }
    for (const auto& [key, value] : entry.metadata) fields.emplace_back("metadata " + key, value);
    fields.emplace_back("recorded", as_text(entry.recorded));
    Table table({"account", "debit", "credit", "refunded", "asset"}, {1, 2, 3});
    for (const projector::EntryPosting& posting : entry.postings) {
        const Scale scale = posting.asset.scale();
        const std::string amount = to_text(posting.amount, scale);
        table.add({posting.account, posting.side == Side::debit ? amount : "",
                   posting.side == Side::credit ? amount : "",
                   posting.refunded.is_zero() ? "" : to_text(posting.refunded, scale),
                   posting.asset.text()});
    }
    return as_text(fields) + "\n" + table.text();
}

ExitCode entry(const QueryOptions& options, const std::string& text) {
    const std::optional<CommandId> id = command_of(text);
    if (!id) return ExitCode::usage;
    return ask(options, [&](projector::Books& books) {
        const auto found = books.entry(LedgerId(options.ledger), *id);
        if (!found) return fail(found.error());
        if (!*found) {
            say("no such entry in ledger " + std::to_string(options.ledger) + ": " + text);
            return ExitCode::refused;
        }
        const Status printed =
            print(options.json ? projector::to_json(**found, text) + "\n" : text_of(**found, text));
        return printed ? ExitCode::done : fail(printed.error());
    });
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
