#include "tools/server/deployment/run.h"
#include "tools/vouch/commit.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::cli {

namespace {

struct ServeArguments {
    server::RunSettings settings;
    std::vector<std::string> roles = {"handler", "projector", "api"};

    bool has(std::string_view role) const { return std::ranges::count(roles, role) > 0; }
};

ExitCode serve(const ServeArguments& arguments) {
    server::RunSettings settings = arguments.settings;
    settings.commit = kCommit;
    settings.roles = {.handler = arguments.has("handler"),
                      .projector = arguments.has("projector"),
                      .api = arguments.has("api")};
    const Status ran = server::run(settings);
    return ran ? ExitCode::done : fail(ran.error());
}

}  // namespace

void add_serve(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<ServeArguments>();
    CLI::App* const command =
        app.add_subcommand("serve", "Run a deployment until it is told to stop");
    command->description(
        "Takes commands and answers questions over HTTP, and keeps the views up to date. Prints "
        "its\n"
        "address when it is ready and, with all roles, listens on DIR/socket too, where the other "
        "subcommands\n"
        "find it. Roles may be in processes of their own over the same DIR; only one may take\n"
        "commands.");
    add_data_options(*command, arguments->settings.data);
    add_kafka_options(*command, arguments->settings.data);
    command->add_flag("--create", arguments->settings.data.create,
                      "Make new books if there are none");
    command
        ->add_option("--shards", arguments->settings.data.shards,
                     "Shards of new books (1; 4 on Kafka), for ever")
        ->type_name("N");
    command->add_flag("--test-clock", arguments->settings.data.test_clock,
                      "New books have a clock that only {\"clock\":TIME} lines move");
    add_clock_option(*command, arguments->settings.data);
    command
        ->add_option("--listen", arguments->settings.listen,
                     "Loopback address and port (127.0.0.1:0: any free port)")
        ->type_name("ADDRESS:PORT");
    command->add_option("--roles", arguments->roles, "Which parts to run (all)")
        ->delimiter(',')
        ->check(CLI::IsMember({"handler", "projector", "api"}))
        ->type_name("handler,projector,api");
    command->footer(
        "Example:\n"
        "  vouch serve --data books --create --listen 127.0.0.1:8080\n"
        "  curl http://127.0.0.1:8080/v1/accounts/cash/balance\n"
        "  vouch serve --data books --create --kafka localhost:9092 --name books --replicas 1 "
        "--in-sync 1\n"
        "SIGTERM, SIGINT, SIGHUP: takes no more, answers what is under way, and ends with 0.");
    command->callback([arguments, &exit] { exit = serve(*arguments); });
}

}  // namespace vouch::cli
