#pragma once

#include "events/log/log.h"
#include "events/result.h"
#include "events/seal/epoch_keys.h"
#include "events/world/files.h"
#include "reconciler/reading/view_position.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

namespace vouch::reconciler {

struct ExportProgress {
    std::uint64_t records = 0;
    std::uint64_t records_expected = 0;
    std::uint64_t bytes = 0;
    std::uint64_t damaged = 0;  ///< records that are not what was written, or cannot be read
};

struct ExportOptions {
    /// Witnesses that have seen more than the log gives.
    std::vector<ViewPosition> seen;
    std::function<void(const ExportProgress&)> progress;  ///< may be empty
    std::function<void(const Fault&)> damage;  ///< told of each damaged record; may be empty
};

/// Writes a deployment's log as an archive (grammar: archive_form.cc). A closed cut is taken first
/// (closed_cut.h); what is committed afterwards is left out. The file gets its name at the end,
/// when it is synced: a file of that name is whole.
///
/// `deployment_bytes` as stored at creation. `configuration` when `file` exists. A record that is
/// not what was written, or does not follow, is copied as it lies there; one that cannot be read at
/// all is a frame without bytes: the archive's replay finds both at their places. Of a log whose
/// end is missing or cannot be read the archive holds what there is, and its trailer says what is
/// not.
Result<ExportProgress> export_archive(LogReader& log, ByteView deployment_bytes,
                                      const EpochKeys& keys, const std::filesystem::path& file,
                                      const ExportOptions& options = {},
                                      Files& files = system_files());

}  // namespace vouch::reconciler
