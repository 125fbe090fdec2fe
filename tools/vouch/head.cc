#include "command-handler/intake/time_text.h"
#include "events/bytes/hex.h"
#include "tools/server/places/books_log.h"
#include "tools/terminal/say.h"
#include "tools/vouch/audited_log.h"
#include "tools/vouch/kept_head.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::cli {

namespace {

struct HeadArguments {
    AuditOptions audit;
    bool json = false;
};

std::string text_of(const Deployment& deployment, const std::vector<ShardHead>& heads,
                    bool is_verified) {
    std::string text = "deployment  " + id_text(deployment.id) + "\nchain       " +
                       id_text(deployment.chain) + '\n';
    for (const ShardHead& head : heads) {
        text += "shard " + std::to_string(head.shard.value()) + ": ";
        if (head.newest) {
            text += "record " + std::to_string(head.newest->record.value()) + ", digest " +
                    hex(head.newest->digest) + ", " +
                    command_handler::time_text(head.newest->time) + '\n';
        } else {
            text += "no records\n";
        }
    }
    return text + (is_verified ? "the MACs of these records were checked\n"
                               : "no keys were given: MACs were NOT checked\n");
}

/// Why there is more than what the log gives; empty when nothing tells so.
Result<std::optional<std::string>> missing_end(const AuditedLog& audited) {
    if (audited.data && audited.keys() != nullptr)
        return places::unreadable_end(*audited.data, audited.log(), *audited.keys());
    return audited.log().unreadable_end();
}

ExitCode head(const HeadArguments& arguments) {
    if (const std::string wrong = wrong_audit_options(arguments.audit); !wrong.empty()) {
        terminal::say("head: " + wrong);
        return ExitCode::usage;
    }
    const Result<AuditedLog> audited = open_audited_log(arguments.audit);
    if (!audited) return fail(audited.error());
    const Deployment& deployment = audited->deployment();
    const bool is_verified = audited->keys() != nullptr;
    const Result<std::vector<ShardHead>> heads =
        read_heads(audited->log(), deployment, audited->keys());
    if (!heads) return fail(heads.error());
    const Result<std::optional<std::string>> missing = missing_end(*audited);
    if (!missing) return fail(missing.error());
    const Status printed =
        terminal::print(arguments.json ? to_json_lines(deployment, *heads, is_verified)
                                       : text_of(deployment, *heads, is_verified));
    if (!printed) return fail(printed.error());
    if (!*missing) return ExitCode::done;
    terminal::say(**missing);
    return ExitCode::findings;
}

}  // namespace

void add_head(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<HeadArguments>();
    CLI::App* const command =
        app.add_subcommand("head", "Where the log ends: to be kept elsewhere");
    command->description(
        "Of each shard the newest durable record's number, digest and time. Kept where nobody of "
        "this machine\ncan write, it shows later that the books still have that record and all "
        "before it: vouch replay\n--expect. Works beside a running writer.");
    add_audit_options(*command, arguments->audit);
    command->add_flag("--json", arguments->json, "Print JSON, one object a line");
    command->footer(
        "Example:\n  vouch head --json --data books > books.head\n"
        "  vouch replay --data books --expect books.head\n"
        "Exit code 1: more was recorded than can be read, or a newest record is not what was "
        "written.");
    command->callback([arguments, &exit] { exit = head(*arguments); });
}

}  // namespace vouch::cli
