#include "tools/server/places/backup_files.h"
#include "tools/server/places/directory_origin.h"
#include "tools/terminal/say.h"
#include "tools/vouch/recover_inputs.h"
#include "tools/vouch/recover_log.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vouch::cli {

namespace {

struct RecoverArguments {
    places::DataOptions data;
    std::vector<std::string> accept_loss;
    std::vector<std::string> accept_move;
    bool accept_copy = false;
    std::string asked_by;
};

/// Books that were copied or moved here: from now on they are the ones that are written.
ExitCode take_copy(const places::DataDirectory& data, const std::string& asked_by) {
    if (data.kafka()) {
        terminal::say(
            "--accept-copy: the log of these books is on Kafka, and copies of their directory "
            "share it");
        return ExitCode::configuration;
    }
    const Result<bool> taken = places::accept_copy(data, asked_by);
    if (!taken) return fail(taken.error());
    terminal::say(*taken ? "noted: these books are no copy any more, and open again"
                         : "nothing was accepted: these books are no copy that is known");
    return *taken ? ExitCode::done : ExitCode::refused;
}

/// What is given up or read on elsewhere, as it was asked for.
struct AskedOf {
    std::vector<AskedLoss> losses;
    std::vector<command_handler::MovedInput> moves;
};

/// What is wrong with what was asked, as a sentence; empty when nothing is.
std::string read_asked(const RecoverArguments& arguments, AskedOf& asked) {
    for (const std::string& text : arguments.accept_loss) {
        const std::optional<AskedLoss> loss = parse_asked_loss(text);
        if (!loss) {
            return "--accept-loss: expected SHARD:RECORD or SHARD:FIRST-LAST, numbers, found " +
                   text;
        }
        asked.losses.push_back(*loss);
    }
    for (const std::string& text : arguments.accept_move) {
        std::optional<command_handler::MovedInput> move = command_handler::parse_move(text);
        if (!move) {
            return "--accept-move: expected SHARD:commands:FROM:TO or SHARD:steps:FROM:TO, found " +
                   text;
        }
        asked.moves.push_back(std::move(*move));
    }
    const bool accepts = !asked.losses.empty() || !asked.moves.empty() || arguments.accept_copy;
    if (accepts && arguments.asked_by.empty()) {
        return "--accept-loss, --accept-move and --accept-copy go with --by NAME: who accepts it "
               "is recorded";
    }
    return "";
}

ExitCode recover(const RecoverArguments& arguments) {
    AskedOf asked;
    if (const std::string wrong = read_asked(arguments, asked); !wrong.empty()) {
        terminal::say(wrong);
        return ExitCode::usage;
    }
    const Result<places::DataDirectory> data = places::DataDirectory::open(arguments.data);
    if (!data) return fail(data.error());
    if (const Status books = places::check_no_backup(data->directory()); !books)
        return fail(books.error());
    if (arguments.accept_copy) return take_copy(*data, arguments.asked_by);
    const Result<EpochKeys> keys = data->keys();
    if (!keys) return fail(keys.error());
    if (data->kafka() && !asked.losses.empty()) {
        terminal::say(
            "--accept-loss: the log of these books is on Kafka, which keeps its own copies; "
            "nothing is "
            "cut there");
        return ExitCode::configuration;
    }
    if (!data->kafka() && !asked.moves.empty()) {
        terminal::say("--accept-move: the log of these books is in files, and keeps no inputs");
        return ExitCode::configuration;
    }
    const std::string& clock = arguments.data.accept_clock;
    return data->kafka()
               ? recover_inputs(*data, *keys, std::move(asked.moves), arguments.asked_by, clock)
               : recover_log(*data, *keys, asked.losses, arguments.asked_by, clock);
}

}  // namespace

void add_recover(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<RecoverArguments>();
    CLI::App* const command =
        app.add_subcommand("recover", "What to do about books that stop because records are lost");
    command->description(
        "Says what keeps the books of DIR from opening: records that are lost, or inputs on Kafka\n"
        "that do not go on where their shards stopped reading. Reads all of a log in files whose "
        "end\n"
        "is whole and says which records are not what was written, and in which file. Changes\n"
        "nothing.\n"
        "With --accept-loss, for each shard that lost records, it gives them up for good: copies\n"
        "what is left of them to files cut-* beside the log, sets aside stores and views that "
        "have\n"
        "seen them, and records the loss and who accepted it in each shard. Whoever was told of a\n"
        "lost record is not told otherwise: that is for people to mend. Better ways, where there "
        "are\n"
        "any: put the bytes back, from a copy of the disk or from a cut file at its byte.\n"
        "With --accept-move, for each such input, its shard goes on from the first message that "
        "is\n"
        "there, and records that and who accepted it. Commands in between are lost, unless their\n"
        "producers send them again; what is read twice is a repeat; steps are built again.\n"
        "With --accept-copy, books that were copied or moved to DIR are written there from now\n"
        "on: nobody may write to the original any more.");
    add_data_options(*command, arguments->data);
    add_clock_option(*command, arguments->data);
    command
        ->add_option("--accept-loss", arguments->accept_loss,
                     "First lost record of a shard; with the last one that is known where intact\n"
                     "records would be given up too; once for each shard that lost some")
        ->type_name("SHARD:RECORD[-LAST]");
    command
        ->add_option("--accept-move", arguments->accept_move,
                     "On Kafka: an input (commands or steps), the offset that is wanted there, and "
                     "the first that there is")
        ->type_name("SHARD:INPUT:FROM:TO");
    command
        ->add_flag("--accept-copy", arguments->accept_copy,
                   "These books are a copy whose original is gone")
        ->excludes("--accept-loss")
        ->excludes("--accept-move");
    constexpr std::size_t kNameBytesMax = 64;
    command->add_option("--by", arguments->asked_by, "Who accepts it, 1 to 64 bytes")
        ->check([](const std::string& name) {
            const bool is_plain = std::none_of(name.begin(), name.end(), [](unsigned char c) {
                return std::iscntrl(c) != 0;
            });
            return is_plain && name.size() <= kNameBytesMax && !name.empty()
                       ? std::string()
                       : std::string("expected 1 to 64 bytes without control characters");
        })
        ->type_name("NAME");
    command->footer(
        "Example:\n"
        "  vouch recover --data books\n"
        "  vouch recover --data books --accept-loss 0:18 --by alice\n"
        "  vouch recover --data books --accept-move 0:commands:812:900 --by alice\n"
        "  vouch recover --data books --accept-copy --by alice\n"
        "Exit codes: 0 all is whole or what was accepted is recorded, 1 something is lost or "
        "changed, "
        "5 nothing was\naccepted: it cannot be, more would be lost than was named, or nothing is "
        "lost.");
    command->callback([arguments, &exit] { exit = recover(*arguments); });
}

}  // namespace vouch::cli
