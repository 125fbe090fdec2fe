#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/deployment.h"
#include "events/seal/epoch_keys.h"
#include "reconciler/archive/archive_reader.h"
#include "tools/server/places/data_directory.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace vouch::cli {

/// Of a subcommand that looks at the log of a data directory or at an archive: which, and with what
/// keys.
struct AuditOptions {
    places::DataOptions data;
    std::filesystem::path archive;
    std::filesystem::path keys;
    bool without_keys = false;
};
/// --data, --passphrase-file, --archive, --keys and --without-keys.
void add_audit_options(CLI::App& subcommand, AuditOptions& options);
/// Why these options do not go together; empty when they do.
std::string wrong_audit_options(const AuditOptions& options);

/// A log that is looked at and not changed.
struct AuditedLog {
    std::optional<places::DataDirectory> data;          ///< empty for an archive
    std::unique_ptr<reconciler::ArchiveReader> archive;  ///< null for a data directory
    std::unique_ptr<LogReader> books;                    ///< null for an archive
    std::optional<EpochKeys> own_keys;                   ///< empty: nothing is verified with keys

    LogReader& log() const { return archive ? *archive : *books; }
    const Deployment& deployment() const {
        return archive ? archive->deployment() : data->deployment();
    }
    const EpochKeys* keys() const { return own_keys ? &*own_keys : nullptr; }
};
Result<AuditedLog> open_audited_log(const AuditOptions& options);

}  // namespace vouch::cli
