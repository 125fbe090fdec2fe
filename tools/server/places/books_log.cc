#include "tools/server/places/books_log.h"

#include "events/log/embedded/embedded_log.h"
#include "events/log/kafka/kafka_log.h"
#include "events/log/seen_beyond.h"
#include "tools/server/places/backup_files.h"
#include "tools/server/places/books_witnesses.h"
#include "tools/server/places/deployment_file.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

namespace vouch::places {

namespace fs = std::filesystem;

namespace {

std::string missing_text(std::size_t shard, const LogWitness& witness) {
    return witness.who + " has seen shard " + std::to_string(shard) + " up to record " +
           std::to_string(witness.next_record.value() - 1) + ": records are missing";
}

/// A log that others have seen more of has lost records, on a broker as in files.
Status check_witnesses(LogReader& log, LogWitnesses& witnesses) {
    SeenBeyond seen(log, witnesses);
    for (std::uint32_t i = 0; i < log.shard_count(); ++i) {
        const auto witness = seen.find(ShardId(i));
        // Damage stops its own shard, where that is taken over and where it is read.
        if (!witness && witness.error().code == FaultCode::corrupt) continue;
        if (!witness) return witness.error();
        if (*witness) return Fault{FaultCode::corrupt, missing_text(i, **witness)};
    }
    return {};
}

/// What an operator does about a log that may have lost something.
Fault with_ways_on(Fault fault) {
    if (fault.code == FaultCode::corrupt) {
        fault.message +=
            ". Nothing was changed. vouch recover says what is lost, where bytes have to be put "
            "back, and whether a loss can be accepted";
    }
    if (fault.code == FaultCode::configuration && fault.message.ends_with(" is gone")) {
        fault.message +=
            ", and with it every record; nothing was made. Put it back from a copy, and keep what "
            "is here; new books are made in another directory, under a name of their own";
    }
    return fault;
}

Status check_topics(const DataDirectory& data) {
    const Result<Bytes> found =
        KafkaLog::read_deployment(data.kafka()->log_options(data.deployment().shards));
    if (!found) return found.error();
    if (*found == data.deployment_bytes()) return {};
    return configuration("the topics of " + data.kafka()->name + " hold another deployment than " +
                         data.directory().string());
}

KafkaLogOptions kafka_options(const DataDirectory& data, const EpochKeys* keys,
                              bool passes_damage = false) {
    KafkaLogOptions options = data.kafka()->log_options(data.deployment().shards);
    options.judge = std::make_shared<RecordJudge>(
        data.deployment(), keys ? std::optional(keys->clone()) : std::nullopt);
    options.passes_damage = passes_damage;
    return options;
}

}  // namespace

Result<std::unique_ptr<Log>> open_log(const DataDirectory& data, const EpochKeys& keys,
                                      std::string* torn) {
    BooksWitnesses witnesses(data.shards(), data.views(), keys, data.deployment().shards);
    if (data.kafka()) {
        if (Status same = check_topics(data); !same) return same.error();
        KafkaLogOptions options = kafka_options(data, &keys);
        options.cache_place.directory = data.directory();
        Result<std::string> name = data.instance();
        if (!name) return name.error();
        options.instance = std::move(*name);
        Result<std::unique_ptr<KafkaLog>> opened = KafkaLog::open(options);
        if (!opened) return opened.error();
        if (Status whole = check_witnesses(**opened, witnesses); !whole) return whole.error();
        return std::unique_ptr<Log>(std::move(*opened));
    }
    Result<std::unique_ptr<EmbeddedLog>> opened =
        EmbeddedLog::open({.directory = data.log().string(),
                           .shard_count = data.deployment().shards,
                           .create = false,
                           .witnesses = &witnesses});
    if (!opened) return with_ways_on(opened.error());
    (*opened)->stop_waiting();
    const EmbeddedLogReport& report = (*opened)->report();
    if (torn != nullptr && report.torn_bytes > 0) {
        *torn = std::to_string(report.torn_bytes) + " bytes at " + report.torn_at + ", kept in";
        for (const std::string& file : report.kept_in) *torn += " " + file;
    }
    return std::unique_ptr<Log>(std::move(*opened));
}

namespace {

Result<std::unique_ptr<LogReader>> open_reader(const DataDirectory& data, const EpochKeys* keys,
                                               bool passes_damage) {
    if (data.kafka()) {
        if (Status same = check_topics(data); !same) return same.error();
        Result<std::unique_ptr<KafkaLogReader>> opened =
            KafkaLogReader::open(kafka_options(data, keys, passes_damage));
        if (!opened) return opened.error();
        return std::unique_ptr<LogReader>(std::move(*opened));
    }
    if (Status whole = check_backup_whole(data.directory()); !whole) return whole.error();
    std::error_code error;
    if (!fs::exists(data.log(), error) || is_empty_directory(data.log())) {
        return with_ways_on(configuration("the log in " + data.log().string() + " is gone"));
    }
    Result<std::unique_ptr<EmbeddedLogReader>> opened =
        EmbeddedLogReader::open({.directory = data.log().string(),
                                 .shard_count = data.deployment().shards,
                                 .passes_damage = passes_damage});
    if (!opened) return with_ways_on(opened.error());
    return std::unique_ptr<LogReader>(std::move(*opened));
}

}  // namespace

Result<std::unique_ptr<LogReader>> read_log(const DataDirectory& data, const EpochKeys* keys) {
    return open_reader(data, keys, false);
}

Result<std::unique_ptr<LogReader>> read_damaged_log(const DataDirectory& data,
                                                    const EpochKeys* keys) {
    return open_reader(data, keys, true);
}

Fault with_next_step(const DataDirectory& data, Fault fault) {
    if (fault.code == FaultCode::corrupt && !data.kafka()) {
        fault.message += "; vouch recover --data " + data.directory().string() +
                         " reads the whole log and says what is wrong where, and what to do";
    }
    return fault;
}

Result<std::vector<std::optional<LogWitness>>> seen_beyond(const DataDirectory& data,
                                                           LogReader& log, const EpochKeys* keys) {
    std::unique_ptr<LogWitnesses> witnesses;
    if (keys != nullptr) {
        witnesses = std::make_unique<BooksWitnesses>(data.shards(), data.views(), *keys,
                                                     data.deployment().shards);
    } else {
        witnesses = std::make_unique<SnapshotClaims>(data.shards());
    }
    SeenBeyond beyond(log, *witnesses);
    std::vector<std::optional<LogWitness>> seen;
    for (std::uint32_t i = 0; i < log.shard_count(); ++i) {
        Result<std::optional<LogWitness>> witness = beyond.find(ShardId(i));
        if (!witness) return witness.error();
        seen.push_back(std::move(*witness));
    }
    return seen;
}

std::string way_on(const DataDirectory& data) {
    const std::string name = data.directory().string();
    if (check_no_backup(data.directory()))
        return "vouch recover --data " + name + " says what to do";
    return name + " is a backup, which no command mends: put its files back from a copy, or take "
                  "another one";
}

Result<std::optional<std::string>> unreadable_end(const DataDirectory& data, LogReader& log,
                                                  const EpochKeys& keys) {
    const std::string then = "; " + way_on(data);
    Result<std::optional<std::string>> left = log.unreadable_end();
    if (!left) return left.error();
    if (*left) return std::optional("the log's end cannot be read: " + **left + then);
    for (std::uint32_t i = 0; i < log.shard_count(); ++i) {
        const Result<RecordNumber> end = log.end(ShardId(i));
        if (!end && end.error().code == FaultCode::corrupt)
            return std::optional("the log's end cannot be read: " + end.error().message + then);
    }
    const auto seen = seen_beyond(data, log, &keys);
    if (!seen) return seen.error();
    for (std::size_t shard = 0; shard < seen->size(); ++shard) {
        if (const auto& witness = (*seen)[shard])
            return std::optional("the log's end cannot be read: " + missing_text(shard, *witness) +
                                 then);
    }
    return std::optional<std::string>();
}

}  // namespace vouch::places
