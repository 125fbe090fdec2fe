#include "events/entries/command.h"
#include "events/log/descriptors.h"
#include "events/seal/secret_bytes.h"
#include "events/world/notice.h"
#include "tools/terminal/say.h"
#include "tools/terminal/standard_descriptors.h"
#include "tools/vouch/commit.h"
#include "tools/vouch/exit_code.h"
#include "tools/vouch/nearest_name.h"
#include "tools/vouch/out_of_memory.h"
#include "tools/vouch/subcommands.h"
#include "tools/vouch/usage_mistake.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <csignal>
#include <exception>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::cli {
namespace {

/// CLI11 takes an empty value for a number as zero, and many a text has a meaning when it is not
/// given: an empty variable of a script would be obeyed as something that nobody wrote.
void refuse_empty_values(CLI::App& app) {
    for (CLI::Option* const option : app.get_options()) {
        option->check([](const std::string& given) {
            return given.empty() ? std::string("expected a value, found nothing") : std::string();
        });
    }
    for (CLI::App* const each : app.get_subcommands({})) refuse_empty_values(*each);
}

/// `vouch help X` asks what `vouch X --help` asks.
std::vector<const char*> with_help_behind(int argc, const char* const* argv) {
    std::vector<const char*> words(argv, argv + argc);
    if (words.size() < 2 || std::string_view(words[1]) != "help") return words;
    words.erase(words.begin() + 1);
    words.push_back("--help");
    return words;
}

/// The subcommand that the words name, " keys show", or what is wrong with its name.
struct NamedSubcommand {
    const CLI::App* app;
    std::string path{};
    std::string mistake{};
};

NamedSubcommand named_subcommand(const CLI::App& app, std::span<const char* const> words) {
    NamedSubcommand named{&app};
    for (const std::string_view word : words.subspan(1)) {
        std::vector<std::string> names;
        const CLI::App* found = nullptr;
        for (const CLI::App* const each :
             named.app->get_subcommands([](const CLI::App*) { return true; })) {
            if (each->get_name() == word) found = each;
            if (!each->get_name().empty()) names.push_back(each->get_name());
        }
        if (word.starts_with('-') || names.empty()) break;
        if (found == nullptr) {
            const std::string near = nearest_name(word, names);
            named.mistake = "there is no subcommand '" + std::string(word) + "'" +
                            (near.empty() ? "" : ", the nearest is '" + near + "'") +
                            "; 'vouch help" + named.path + "' lists them";
            break;
        }
        named.path += " " + std::string(word);
        named.app = found;
    }
    return named;
}

}  // namespace

void add_data_options(CLI::App& subcommand, places::DataOptions& data) {
    subcommand.add_option("--data", data.directory, "Directory of the books")
        ->required()
        ->type_name("DIR");
    add_passphrase_option(subcommand, data);
}

void add_clock_option(CLI::App& subcommand, places::DataOptions& data) {
    subcommand
        .add_option("--accept-clock", data.accept_clock,
                    "NAME accepts a clock that a start does not believe; recorded")
        ->check([](const std::string& name) {
            const bool fits = !name.empty() && name.size() <= kShortTextMax;
            return fits ? std::string()
                        : "expected 1 to " + std::to_string(kShortTextMax) + " bytes";
        })
        ->type_name("NAME");
}

void add_kafka_options(CLI::App& subcommand, places::DataOptions& data) {
    const auto place = [&data]() -> places::KafkaPlace& {
        if (!data.kafka) data.kafka.emplace();
        return *data.kafka;
    };
    CLI::Option* const brokers =
        subcommand
            .add_option_function<std::string>(
                "--kafka", [place](const std::string& given) { place().bootstrap = given; },
                "The log is on Apache Kafka; DIR then holds what is this machine's")
            ->type_name("HOST:PORT[,...]");
    CLI::Option* const name =
        subcommand
            .add_option_function<std::string>(
                "--name", [place](const std::string& given) { place().name = given; },
                "Name of the deployment: its topics are NAME.commands, NAME.steps, NAME.events")
            ->type_name("NAME");
    brokers->needs(name);
    name->needs(brokers);
    subcommand
        .add_option_function<std::uint32_t>(
            "--replicas", [place](std::uint32_t given) { place().replication.replicas = given; },
            "Brokers that hold each message of new topics (3)")
        ->needs(brokers)
        ->type_name("N");
    subcommand
        .add_option_function<std::uint32_t>(
            "--in-sync", [place](std::uint32_t given) { place().replication.in_sync_min = given; },
            "Of them, how many must have a message before it counts (2)")
        ->needs(brokers)
        ->type_name("N");
    subcommand
        .add_option_function<std::uint32_t>(
            "--longest-transaction",
            [place](std::uint32_t given) { place().longest_transaction_s = given; },
            "How long brokers may let anybody's transaction stay open, and so hold up every reader "
            "(60)")
        ->needs(brokers)
        ->type_name("SECONDS");
}

CLI::App* add_place_options(CLI::App& subcommand, places::DataOptions& data, std::string& http) {
    CLI::Option_group* const place = subcommand.add_option_group("Where the books are");
    place->add_option("--data", data.directory, "Directory of the books")->type_name("DIR");
    place->add_option("--http", http, "Address of the server that has them")->type_name("URL");
    place->require_option(1);
    add_passphrase_option(subcommand, data);
    return place;
}

void add_passphrase_option(CLI::App& subcommand, places::DataOptions& data) {
    subcommand
        .add_option(
            "--passphrase-file", data.passphrase_file,
            "File with the passphrase of the keys; otherwise $VOUCH_PASSPHRASE_FILE, otherwise "
            "vouch/ID.passphrase in the user's configuration directory")
        ->type_name("FILE");
}

int run_program(int argc, const char* const* argv) {
    terminal::hold_standard_descriptors();
    send_notices_to([](const Notice& notice) { terminal::say(line_of(notice)); });
    forbid_core_files();
    end_clearly_without_memory();
    // A file that may not grow is a fault of the disk, which the write itself tells (EFBIG).
    std::signal(SIGXFSZ, SIG_IGN);
    CLI::App app{"vouch: an event-sourced double-entry ledger", "vouch"};
    app.set_version_flag(
        "--version", std::string("vouch ") + VOUCH_VERSION + ", commit " + std::string(kCommit));
    app.require_subcommand(1);
    app.footer(
        "Exit codes: 0 done, 1 findings, 2 usage or a malformed line, 3 configuration, 4 "
        "unreachable,\n"
        "5 refused or unknown, 6 clean as far as could be checked, 70 internal.\n"
        "'vouch help SUBCOMMAND' shows options and an example.");

    ExitCode exit = ExitCode::internal;
    for (AddSubcommand* const add : kSubcommands) add(app, exit);
    refuse_empty_values(app);
    const std::vector<const char*> words = with_help_behind(argc, argv);
    const NamedSubcommand named = named_subcommand(app, words);
    if (!named.mistake.empty()) {
        terminal::say(named.mistake);
        return static_cast<int>(ExitCode::usage);
    }
    try {
        app.parse(static_cast<int>(words.size()), words.data());
    } catch (const CLI::ParseError& error) {
        // CLI11's own numbers and form of messages are not ours; zero is --help and --version.
        if (error.get_exit_code() == 0) {
            std::ostringstream text;
            app.exit(error, text, text);
            const Status printed = terminal::print(text.str());
            return static_cast<int>(printed ? ExitCode::done : fail(printed.error()));
        }
        terminal::say(usage_mistake(*named.app, words, error) + "; 'vouch help" + named.path +
                      "' shows what there is");
        return static_cast<int>(ExitCode::usage);
    } catch (const std::exception& error) {
        if (is_out_of_memory()) end_out_of_memory();
        if (is_out_of_descriptors(error.what())) {
            terminal::say(error.what());
            return static_cast<int>(ExitCode::unreachable);
        }
        terminal::say(std::string("internal error: ") + error.what());
        return static_cast<int>(ExitCode::internal);
    }
    return static_cast<int>(exit);
}

}  // namespace vouch::cli
