#pragma once

#include "events/log/disk_room.h"
#include "events/log/log.h"
#include "events/log/log_witness.h"
#include "events/world/files.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace vouch {

/// Where an embedded log is and what it is made of.
struct EmbeddedLogOptions {
    std::string directory;          ///< of the log alone, `<data>/log`; its parent exists
    std::uint32_t shard_count = 0;  ///< as the log was made; 0, for reading only: whatever it says
    std::uint64_t segment_bytes = std::uint64_t{64}
                                  << 20;  ///< of segments made from now on; 8 KiB to 1 GiB
    std::uint64_t reserve_bytes = kLogReserveBytes;  ///< that new segments leave free on the disk
    bool create = true;  ///< an empty log when the directory holds none; false: refuse
    LogWitnesses* witnesses = nullptr;  ///< asked while it opens for writing; null: there are none
    /// Of a reader: damage in the midst is no fault of opening but `corrupt` for who reads that
    /// record, and all behind it can be read.
    bool passes_damage = false;
    bool prepare_in_background =
        true;  ///< false: no thread makes segments ahead, for tests of each call
};

/// What opening a log for writing found.
struct EmbeddedLogReport {
    std::uint64_t frames = 0;    ///< commits in the log
    std::uint32_t segments = 0;  ///< files
    std::uint64_t torn_bytes =
        0;                ///< cut from the end: what a crash left of commits never acknowledged
    std::string torn_at;  ///< file and byte of the cut; empty when nothing was cut
    std::vector<std::string> kept_in;  ///< files that hold what was cut
};

/// The log in files of this machine: no services, one writing process, any number of reading ones.
///
/// All shards share one sequence of frames. One thread takes every queued commit, writes them with
/// one call and syncs them with one, so that shards that commit together pay one fdatasync. Nothing
/// is retried: the first failing write or sync fails the log for ever, and opening it again reads
/// what is there. A full disk shows when the next segment can not be made, before anything is
/// written: commits then wait (`waits`), and go on when there is room.
///
/// Destroying it finishes the commits in flight, whose bytes must still be there.
class EmbeddedLog : public Log {
public:
    /// Opens for writing. `fenced` while another process has it open for writing; `configuration`
    /// for another number of shards, a log of an earlier version of vouch, or none that may be
    /// made.
    ///
    /// `corrupt`, with file, byte, shard and record, for damage before the end, when a witness has
    /// seen records that are not there, and for an end that is no torn write (log_end.h): whatever
    /// may have been acknowledged is not cut, and no byte of a segment is changed. A torn end is
    /// copied to a file beside the segments and cut.
    static Result<std::unique_ptr<EmbeddedLog>> open(const EmbeddedLogOptions& options,
                                                     Files& files = system_files());

    virtual const EmbeddedLogReport& report() const = 0;

    /// A fault while the next segment can not be made (disk full): a warning; commits go on until
    /// the present segment is full. Any thread.
    virtual Status next_segment() = 0;

    /// The opposite of `stop_waiting`, and as after opening: a full disk is waited for. Who starts
    /// cannot.
    virtual void wait_again() = 0;
};

/// The same log read by a process that does not write it, beside a writer or without one. Takes no
/// lock and changes nothing. `end` looks at the files again; the other calls see what it found.
///
/// What the writer has written but not yet synced is synced by this reader before it is shown, so
/// here too a read returns only what is durable. Any thread.
class EmbeddedLogReader : public LogReader {
public:
    /// `configuration` when there is no log.
    static Result<std::unique_ptr<EmbeddedLogReader>> open(const EmbeddedLogOptions& options,
                                                           Files& files = system_files());

    /// Bytes behind the end that are no frame: a write in progress, or a torn one that the next
    /// writer cuts. As of opening.
    virtual std::uint64_t torn_bytes() const = 0;

    /// Copies what the log holds now into a directory that holds none (log_copy.h).
    virtual Status copy_to(const std::string& directory) = 0;
};

}  // namespace vouch
