#include "events/json_writer.h"
#include "events/seal/key_store.h"
#include "projector/answers/text_table.h"
#include "tools/server/places/backup_files.h"
#include "tools/server/places/books_log.h"
#include "tools/server/places/data_directory.h"
#include "tools/terminal/say.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

namespace vouch::cli {

namespace {

struct KeysArguments {
    places::DataOptions data;
    bool json = false;
    std::filesystem::path new_passphrase_file;
};

/// Names the root key without telling anything of it: what the first seal would have published, had
/// epoch 0 been announced by one.
std::string fingerprint(const EpochKeys& keys) {
    return digest_text(keys.commitment(ShardId(0), Epoch(0)));
}

/// `configuration` when a record was sealed: other keys than those prove nothing of it.
Status check_unsealed(const places::DataDirectory& data) {
    const Result<std::unique_ptr<LogReader>> log = places::read_log(data, nullptr);
    if (!log) return log.error();
    for (std::uint32_t shard = 0; shard < (*log)->shard_count(); ++shard) {
        const Result<RecordNumber> end = (*log)->end(ShardId(shard));
        if (!end) return end.error();
        if (*end == RecordNumber(0)) continue;
        return Fault{FaultCode::configuration,
                     "these books hold records that are sealed with their keys, and no others fit: "
                     "put the key file back; nothing was changed"};
    }
    return {};
}

ExitCode create(const KeysArguments& arguments) {
    const Result<places::DataDirectory> data = places::DataDirectory::open(arguments.data);
    if (!data) return fail(data.error());
    if (const Status unsealed = check_unsealed(*data); !unsealed) return fail(unsealed.error());
    const Status created =
        FileKeyStore(data->key_file(), data->passphrase_file()).create(data->deployment().id);
    if (!created) return fail(created.error());
    terminal::say("new keys in " + data->key_file().string() + "; their passphrase is in " +
                  data->passphrase_file().string());
    return ExitCode::done;
}

ExitCode show(const KeysArguments& arguments) {
    const Result<places::DataDirectory> data = places::DataDirectory::open(arguments.data);
    if (!data) return fail(data.error());
    const Result<EpochKeys> keys = data->keys();
    if (!keys) return fail(keys.error());
    const projector::Fields fields = {
        {"deployment", id_text(data->deployment().id)},
        {"chain", id_text(data->deployment().chain)},
        {"key_file", data->key_file().string()},
        {"passphrase_file", data->passphrase_file().string()},
        {"fingerprint", fingerprint(*keys)},
    };
    std::string text;
    if (arguments.json) {
        JsonWriter json;
        json.open_object();
        for (const auto& [name, value] : fields) json.key_of(name).string(value);
        text = json.close_object().take() + '\n';
    } else {
        text = projector::as_text(fields);
    }
    const Status printed = terminal::print(text);
    return printed ? ExitCode::done : fail(printed.error());
}

ExitCode change_passphrase(const KeysArguments& arguments) {
    const Result<places::DataDirectory> data = places::DataDirectory::open(arguments.data);
    if (!data) return fail(data.error());
    if (const Status books = places::check_no_backup(data->directory()); !books)
        return fail(books.error());
    // The old one must fit, and say so by itself, before anything is replaced.
    if (const Result<EpochKeys> keys = data->keys(); !keys) return fail(keys.error());
    FileKeyStore store(data->key_file(), data->passphrase_file());
    std::error_code unknown;
    const bool was_there = std::filesystem::exists(arguments.new_passphrase_file, unknown);
    if (Status changed = store.change_passphrase(arguments.new_passphrase_file); !changed) {
        return fail(changed.error());
    }
    terminal::say(
        "the keys now open with the passphrase in " + arguments.new_passphrase_file.string() +
        (was_there ? "" : ", which was not there and was made, with a random one") +
        "; name that file with --passphrase-file or VOUCH_PASSPHRASE_FILE, or put it in the old "
        "one's place");
    return ExitCode::done;
}

}  // namespace

void add_keys(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<KeysArguments>();
    CLI::App* const command = app.add_subcommand("keys", "The keys that seal records");
    command->require_subcommand(1);
    command->footer("Example:\n  vouch keys show --data books");

    CLI::App* const make =
        command->add_subcommand("create",
                                "Make keys for books that have neither keys nor records yet");
    add_data_options(*make, arguments->data);
    make->footer("Example:\n  vouch keys create --data books");
    make->callback([arguments, &exit] { exit = create(*arguments); });

    CLI::App* const look =
        command->add_subcommand("show", "What the keys are for, never the secret");
    add_data_options(*look, arguments->data);
    look->add_flag("--json", arguments->json, "Print JSON");
    look->footer("Example:\n  vouch keys show --data books --json");
    look->callback([arguments, &exit] { exit = show(*arguments); });

    CLI::App* const change =
        command->add_subcommand("change-passphrase", "Encrypt the keys under another passphrase");
    add_data_options(*change, arguments->data);
    change
        ->add_option("--new-passphrase-file", arguments->new_passphrase_file,
                     "File with the new passphrase; made, with a random one, if there is none")
        ->required()
        ->type_name("FILE");
    change->footer(
        "Example:\n  vouch keys change-passphrase --data books --new-passphrase-file "
        "new.passphrase");
    change->callback([arguments, &exit] { exit = change_passphrase(*arguments); });
}

}  // namespace vouch::cli
