#include "events/log/verified_reader.h"
#include "reconciler/archive/export.h"
#include "tools/server/places/books_log.h"
#include "tools/server/places/data_directory.h"
#include "tools/server/places/known_ends.h"
#include "tools/terminal/progress.h"
#include "tools/terminal/say.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace vouch::cli {

namespace {

namespace fs = std::filesystem;

struct ExportArguments {
    places::DataOptions data;
    fs::path file;
    bool accepts_unsealed_end = false;
};

ExitCode export_log(const ExportArguments& arguments) {
    if (arguments.file == "-") {
        terminal::say("export: an archive is a file; expected its name, found -");
        return ExitCode::usage;
    }
    if (places::is_below(arguments.file, arguments.data.directory)) {
        terminal::say("export: " + arguments.file.string() +
                      " would lie in the data directory; expected a file elsewhere");
        return ExitCode::usage;
    }
    const Result<places::DataDirectory> data = places::DataDirectory::open(arguments.data);
    if (!data) return fail(data.error());
    const Result<EpochKeys> keys = data->keys();
    if (!keys) return fail(keys.error());
    const Result<std::unique_ptr<LogReader>> log =
        places::read_damaged_log(*data, &*keys);
    if (!log) return fail(log.error());
    const Result<std::optional<std::string>> unreadable = places::unreadable_end(*data, **log,
                                                                                 *keys);
    if (!unreadable) return fail(unreadable.error());
    const auto seen = places::seen_beyond(*data, **log, &*keys);
    if (!seen) return fail(seen.error());
    // Of a log that these keys are not of, no witness says anything; reading it says why.
    if (!*unreadable && check_genesis(**log, data->deployment(), *keys)) {
        const Result<std::string> doubt = places::doubt_about_ends(*data, **log, *keys);
        if (!doubt) return fail(places::with_next_step(*data, doubt.error()));
        if (!doubt->empty()) {
            terminal::say("whether records are missing at the very end is NOT known: " + *doubt);
            if (!arguments.accepts_unsealed_end) {
                terminal::say(
                    "an archive says that the log ends there, so nothing was made. Export while "
                    "the books are served, or with --accept-unsealed-end");
                return ExitCode::unchecked;
            }
        }
    }
    terminal::Progress progress("export", "records");
    reconciler::ExportOptions options;
    for (std::uint32_t shard = 0; shard < seen->size(); ++shard) {
        if (const auto& witness = (*seen)[shard])
            options.seen.push_back({ShardId(shard), witness->next_record, witness->digest});
    }
    options.progress = [&](const reconciler::ExportProgress& done) {
        progress.show(done.records, done.records_expected);
    };
    options.damage = [](const Fault& fault) { terminal::say(fault.message); };
    const Result<reconciler::ExportProgress> exported =
        reconciler::export_archive(**log, data->deployment_bytes(), *keys, arguments.file, options);
    if (!exported) return fail(places::with_next_step(*data, exported.error()));
    terminal::say("exported " + std::to_string(exported->records) + " records, " +
                  std::to_string(exported->bytes) + " bytes, to " + arguments.file.string());
    if (*unreadable) terminal::say(**unreadable);
    if (exported->damaged > 0) {
        const std::string count = std::to_string(exported->damaged);
        const Fault damage{FaultCode::corrupt,
                           count + " records are not what was written, or cannot be read"};
        terminal::say(places::with_next_step(*data, damage).message);
    }
    if (!*unreadable && exported->damaged == 0) return ExitCode::done;
    terminal::say("the archive holds what can be read, and a replay of it says what is not right");
    return ExitCode::findings;
}

}  // namespace

void add_export(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<ExportArguments>();
    CLI::App* const command =
        app.add_subcommand("export", "Write the log as an archive that replay can read");
    command->description(
        "Writes every record up to now, and a sealed trailer that names each shard's last one. "
        "Works beside a\n"
        "running writer. Never replaces a file. Exit code 1, with what can be read in the archive, "
        "when the\nlog's end cannot be read; 6, and no archive, when nobody who wrote the log says "
        "that it ends there.");
    command->add_option("file", arguments->file, "The archive to make")
        ->required()
        ->type_name("FILE");
    add_data_options(*command, arguments->data);
    command->add_flag("--accept-unsealed-end", arguments->accepts_unsealed_end,
                      "Also where nobody knows whether records are missing at the end; the archive "
                      "does not tell");
    command->footer("Example:\n  vouch export books.archive --data books");
    command->callback([arguments, &exit] { exit = export_log(*arguments); });
}

}  // namespace vouch::cli
