#include "events/seal/key_store.h"
#include "reconciler/reading/closed_cut.h"
#include "tools/server/places/backup.h"
#include "tools/server/places/backup_files.h"
#include "tools/server/places/data_directory.h"
#include "tools/terminal/say.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <filesystem>
#include <memory>
#include <string>

namespace vouch::cli {

namespace {

namespace fs = std::filesystem;

struct BackupArguments {
    places::DataOptions data;
    fs::path folder;
    fs::path backup_passphrase_file;
    bool accepts_unsealed_end = false;
};

std::string describe(const places::BackupExtent& extent) {
    std::string text = std::to_string(extent.records) + " records, each read back and verified, " +
                       std::to_string(extent.log_bytes) + " bytes of log";
    for (std::size_t shard = 0; shard < extent.ends.size(); ++shard) {
        if (extent.ends[shard] == RecordNumber(0)) continue;
        text += "; shard " + std::to_string(shard) + " up to record " +
                std::to_string(extent.ends[shard].value() - 1);
    }
    return text;
}

bool opens(const fs::path& passphrase_file, const fs::path& key_file,
           const places::DataDirectory& data) {
    return FileKeyStore(key_file, passphrase_file).root(data.deployment().id).has_value();
}

void tell_doubt(const places::BackupExtent& extent, const std::string& so) {
    if (extent.end_doubt.empty()) return;
    terminal::say("whether records are missing at the very end is NOT known: " + extent.end_doubt +
                  ". " + so);
}

ExitCode back_up(const BackupArguments& arguments) {
    if (arguments.data.directory.empty()) {
        terminal::say("backup: expected the directory of the books, or --data");
        return ExitCode::usage;
    }
    const Result<places::DataDirectory> data = places::DataDirectory::open(arguments.data);
    if (!data) return fail(data.error());
    const Result<places::BackupExtent> extent =
        places::back_up(*data, arguments.folder, arguments.backup_passphrase_file,
                        reconciler::whole_cut);
    if (!extent) return fail(extent.error());
    terminal::say("backed up to " + arguments.folder.string() + ": " + describe(*extent));
    tell_doubt(*extent,
               "Its end is not sealed: replay says so, and restore asks for --accept-unsealed-end. "
               "A backup that is made while the books are served has a sealed end");
    terminal::say("its keys open with the passphrase in " +
                  arguments.backup_passphrase_file.string() +
                  "; keep that apart from the backup: without it the backup is lost");
    if (opens(data->passphrase_file(), arguments.folder / places::kKeysFile, *data)) {
        terminal::say(
            "the books' own passphrase opens it, too; another file gives it one of its own");
    }
    return ExitCode::done;
}

ExitCode restore(const BackupArguments& arguments) {
    const Result<places::BackupExtent> extent =
        places::restore(arguments.folder, arguments.backup_passphrase_file, arguments.data,
                        arguments.accepts_unsealed_end ? places::SealedEnd::accepted_without
                                                       : places::SealedEnd::demanded);
    if (!extent) return fail(extent.error());
    const Result<places::DataDirectory> restored = places::DataDirectory::open(arguments.data);
    if (!restored) return fail(restored.error());
    terminal::say("books in " + arguments.data.directory.string() + ": " + describe(*extent));
    tell_doubt(*extent, "Replay says so until somebody writes them");
    terminal::say("their keys open with the passphrase in " +
                  restored->passphrase_file().string() +
                  "; keep a copy: without it the keys are lost");
    if (opens(arguments.backup_passphrase_file, restored->key_file(), *restored)) {
        terminal::say(
            "the backup's passphrase opens them, too; another file gives them one of their own");
    }
    terminal::say(
        "they are a copy: they are read at once, and written when the original is gone and "
        "somebody "
        "says so: vouch recover --data " +
        arguments.data.directory.string() + " --accept-copy --by NAME");
    return ExitCode::done;
}

void add_backup_passphrase(CLI::App& command, BackupArguments& arguments, const char* help) {
    command.add_option("--backup-passphrase-file", arguments.backup_passphrase_file, help)
        ->required()
        ->type_name("FILE");
}

void add_restore(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<BackupArguments>();
    CLI::App* const command = app.add_subcommand("restore", "Make books from a backup");
    command->description(
        "Makes books in a directory that is empty or not there yet. The backup's sums and each of "
        "its records\n"
        "are checked first; the backup stays as it is.");
    command->add_option("folder", arguments->folder, "The backup")->required()->type_name("FOLDER");
    add_data_options(*command, arguments->data);
    add_backup_passphrase(*command, *arguments, "File with the passphrase of the backup's keys");
    command->add_flag("--accept-unsealed-end", arguments->accepts_unsealed_end,
                      "Also where nobody has sealed that the shards end there; replay of the books "
                      "then says that nobody knows whether records are missing at the end");
    command->footer(
        "Example:\n  vouch restore backup --data books --backup-passphrase-file "
        "backup.passphrase");
    command->callback([arguments, &exit] { exit = restore(*arguments); });
}

}  // namespace

void add_backup(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<BackupArguments>();
    CLI::App* const command =
        app.add_subcommand("backup", "Copy books and their keys, also while they are written");
    command->description(
        "Copies the log up to now, with the keys under a passphrase of the backup's own, into a "
        "folder that\n"
        "is empty or not there yet. Works beside a running server. Each record is read back and "
        "verified.\n"
        "Of books on Kafka it holds the records as a log in files.\n"
        "vouch replay --data FOLDER proves a backup where it lies; sha256sum -c SHA256SUMS finds "
        "accidents.");
    command
        ->add_option("dir,--data", arguments->data.directory,
                     "Directory of the books; given in one of the two ways")
        ->type_name("DIR");
    add_passphrase_option(*command, arguments->data);
    command->add_option("--to", arguments->folder, "The backup to make")
        ->required()
        ->type_name("FOLDER");
    add_backup_passphrase(*command, *arguments,
                          "File with the passphrase of the backup's keys; made, with a random one, "
                          "if there is none");
    command->footer(
        "Example:\n  vouch backup books --to backup --backup-passphrase-file backup.passphrase");
    command->callback([arguments, &exit] { exit = back_up(*arguments); });
    add_restore(app, exit);
}

}  // namespace vouch::cli
