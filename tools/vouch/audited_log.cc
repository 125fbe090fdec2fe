#include "tools/vouch/audited_log.h"

#include "events/seal/key_store.h"
#include "tools/server/places/books_log.h"
#include "tools/server/places/passphrase_file.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <utility>

namespace vouch::cli {

namespace {

Result<AuditedLog> open_archive(const AuditOptions& options) {
    AuditedLog audited;
    Result<std::unique_ptr<reconciler::ArchiveReader>> archive =
        reconciler::ArchiveReader::open(options.archive);
    if (!archive) return archive.error();
    audited.archive = std::move(*archive);
    if (options.keys.empty()) return audited;
    const Deployment& deployment = audited.archive->deployment();
    const bool is_directory = std::filesystem::is_directory(options.keys);
    const Result<std::filesystem::path> passphrase =
        places::passphrase_file(options.data.passphrase_file, deployment.id);
    if (!passphrase) return passphrase.error();
    FileKeyStore store(is_directory ? options.keys / "keys" : options.keys, *passphrase);
    Result<SecretKey> root = store.root(deployment.id);
    if (!root) return root.error();
    audited.own_keys.emplace(std::move(*root), deployment);
    return audited;
}

Result<AuditedLog> open_books(const AuditOptions& options) {
    AuditedLog audited;
    Result<places::DataDirectory> data = places::DataDirectory::open(options.data);
    if (!data) return data.error();
    audited.data = std::move(*data);
    if (!options.without_keys) {
        Result<EpochKeys> keys = audited.data->keys();
        if (!keys) return keys.error();
        audited.own_keys.emplace(std::move(*keys));
    }
    Result<std::unique_ptr<LogReader>> log =
        places::read_damaged_log(*audited.data, audited.keys());
    if (!log) return log.error();
    audited.books = std::move(*log);
    return audited;
}

}  // namespace

void add_audit_options(CLI::App& subcommand, AuditOptions& options) {
    add_data_options(subcommand, options.data);
    subcommand.get_option("--data")->required(false);
    subcommand.add_option("--archive", options.archive, "An exported archive instead")
        ->type_name("FILE");
    subcommand
        .add_option("--keys", options.keys, "Keys for an archive: a data directory or key file")
        ->type_name("DIR|FILE");
    subcommand.add_flag("--without-keys", options.without_keys, "Check everything but the MACs");
}

std::string wrong_audit_options(const AuditOptions& options) {
    const bool has_archive = !options.archive.empty();
    if (has_archive == !options.data.directory.empty())
        return "give --data or --archive, one of them";
    if (has_archive && options.without_keys) {
        return "--without-keys goes with --data; an archive is read without keys unless --keys is "
               "given";
    }
    if (!has_archive && !options.keys.empty())
        return "--keys goes with --archive; with --data the directory's own keys are used";
    return "";
}

Result<AuditedLog> open_audited_log(const AuditOptions& options) {
    return options.archive.empty() ? open_books(options) : open_archive(options);
}

}  // namespace vouch::cli
