#include "events/printable_text.h"
#include "tools/server/http/api/told_by_fields.h"
#include "tools/server/places/server_mark.h"
#include "tools/terminal/say.h"
#include "tools/vouch/query.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace vouch::cli {

namespace {

struct StatusArguments {
    places::DataOptions data;
    std::string http;
    bool json = false;
};

Result<std::optional<http::Client>> server_of(const StatusArguments& arguments) {
    if (!arguments.http.empty()) {
        Result<http::Client> client = places::named_server(arguments.http);
        if (!client) return client.error();
        return std::optional(std::move(*client));
    }
    const Result<places::DataDirectory> data = places::DataDirectory::open(arguments.data);
    if (!data) return data.error();
    return places::find_server(arguments.data.directory, data->deployment());
}

ExitCode status(const StatusArguments& arguments) {
    Result<std::optional<http::Client>> server = server_of(arguments);
    if (!server) return fail(server.error());
    if (!*server) {
        terminal::say(
            "no server has these books with all roles; one that has some of them is asked by its "
            "address, with --http");
        return ExitCode::unreachable;
    }
    const Result<http::Reply> reply =
        (*server)->get("/status", arguments.json ? "application/json" : "text/plain",
                       http::kSignOfLifeWaitMax);
    if (!reply) return fail(reply.error());
    if (reply->status != 200) {
        terminal::say("the server answered " + std::to_string(reply->status));
        return ExitCode::unreachable;
    }
    const Status printed =
        terminal::print(arguments.json ? reply->body : printable_lines(reply->body));
    if (!printed) return fail(printed.error());
    if (http::has_finding(*reply)) return ExitCode::findings;
    const bool is_ready = reply->body.starts_with("ready") ||
                          reply->body.starts_with("{\"ready\":true");
    return is_ready ? ExitCode::done : ExitCode::unreachable;
}

}  // namespace

void add_status(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<StatusArguments>();
    CLI::App* const command = app.add_subcommand("status", "How a running server is");
    command->description(
        "Whether a server takes commands and answers questions, and which of its shards have "
        "stopped\n"
        "and why: everything else of it goes on.");
    add_place_options(*command, arguments->data, arguments->http);
    command->add_flag("--json", arguments->json, "One JSON object");
    command->footer(
        "Example:\n  vouch status --data books\n"
        "Exit codes: 0 ready, 1 a shard or its view has stopped, a view or an old record was found "
        "changed,\na command was set aside, or the log's brokers have an alarm, 4 no server, or "
        "one "
        "that is not\nready.");
    command->callback([arguments, &exit] { exit = status(*arguments); });
}

}  // namespace vouch::cli
