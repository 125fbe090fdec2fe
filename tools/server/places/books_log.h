#pragma once

#include "events/log/log.h"
#include "events/log/log_witness.h"
#include "events/result.h"
#include "events/seal/epoch_keys.h"
#include "tools/server/places/data_directory.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::places {

/// The log of a data directory, in its files or on its topics, and what is missing from it.

/// For its one writer. `fenced` while another process has it; `corrupt`, with nothing changed, when
/// records may be missing that somebody has seen or was told of: stores, snapshots and views are
/// asked, whatever this process uses of them. `torn`, where given, is told of an unfinished write
/// that was cut from the end. A full disk is a failure until `wait_again`: nothing is started then.
Result<std::unique_ptr<Log>> open_log(const DataDirectory& data, const EpochKeys& keys,
                                      std::string* torn = nullptr);
/// For reading, beside a writer or without. Who has no keys gives none, and cannot tell its records
/// from forged ones where others can write too.
Result<std::unique_ptr<LogReader>> read_log(const DataDirectory& data, const EpochKeys* keys);
/// The same for who looks at all that is left: a damaged record is `corrupt` when it is read, and
/// nothing else is.
Result<std::unique_ptr<LogReader>> read_damaged_log(const DataDirectory& data,
                                                    const EpochKeys* keys);
/// A fault of reading the log's records, and what an operator does about it.
Fault with_next_step(const DataDirectory& data, Fault fault);
/// By shard, who of those that a writer would ask has seen more than `log` reads. Without keys only
/// what snapshots claim is known.
Result<std::vector<std::optional<LogWitness>>> seen_beyond(const DataDirectory& data,
                                                           LogReader& log, const EpochKeys* keys);
/// Who says what to do about records that are missing.
std::string way_on(const DataDirectory& data);
/// Why not all that was ever recorded can be read, and what to do; empty when nothing tells so.
Result<std::optional<std::string>> unreadable_end(const DataDirectory& data, LogReader& log,
                                                  const EpochKeys& keys);

}  // namespace vouch::places
