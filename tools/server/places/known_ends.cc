#include "tools/server/places/known_ends.h"

#include "command-handler/shard/kept_ends.h"
#include "events/log/embedded/opening.h"
#include "events/log/writer_turn.h"
#include "events/seal/record.h"
#include "events/world/files.h"
#include "events/world/thread.h"
#include "tools/server/places/whole_inputs.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace vouch::places {

namespace {

/// Why it is not known that a shard ends before the record `end`; empty when it is.
std::string doubt_about(std::size_t shard, RecordNumber end,
                        const std::vector<BooksWitness>& seen) {
    const BooksWitness* most = nullptr;
    for (const BooksWitness& each : seen) {
        if (each.is_view) continue;
        if (most == nullptr || each.seen.next_record > most->seen.next_record) most = &each;
    }
    if (most != nullptr && most->seen.next_record >= end) return {};
    const std::string ends = "shard " + std::to_string(shard) + " ends before record " +
                             std::to_string(end.value()) + ", and ";
    if (most == nullptr) return ends + "nothing that its writer made says so";
    return ends + most->seen.who + " has seen it only up to before record " +
           std::to_string(most->seen.next_record.value());
}

KnownEnds ask(BooksWitnesses& witnesses, const std::vector<RecordNumber>& ends) {
    KnownEnds known;
    for (std::uint32_t i = 0; i < ends.size(); ++i) {
        known.seen.push_back(witnesses.all(ShardId(i), RecordNumber(0)));
        if (known.doubt.empty()) known.doubt = doubt_about(i, ends[i], known.seen.back());
    }
    return known;
}

/// Whether all that brokers know to be consumed is recorded.
bool are_inputs_whole(LogReader& log, const DataDirectory& data, const EpochKeys& keys) {
    return std::ranges::all_of(whole_positions(log, data.deployment(), keys),
                               [](const auto& each) { return each.has_value(); });
}

/// What of the log's records is not what a witness has seen; empty when nothing is.
Result<std::string> find_other_record(LogReader& log, ShardId shard, RecordNumber end,
                                      const LogWitness& seen) {
    if (seen.next_record.value() == 0 || seen.next_record > end) return std::string();
    const RecordNumber last(seen.next_record.value() - 1);
    std::vector<StoredRecord> stored;
    // What cannot be read says nothing of another log; whoever reads all finds it.
    const Status read = log.read_records(shard, last, 1, stored);
    if (!read && read.error().code != FaultCode::corrupt) return read.error();
    if (!read || stored.empty()) return std::string();
    const Result<RecordView> record = parse_record(stored.front().bytes);
    if (!record || record->digest == seen.digest) return std::string();
    return record_name(shard, last) + ": not the digest that " + seen.who + " has seen: " +
           expected_found_hex(seen.digest, record->digest) +
           "; one of the two is of another log: where the log is the right one, move the other "
           "aside";
}

}  // namespace

Result<KnownEnds> ask_about_ends(const DataDirectory& data, LogReader& log,
                                 const EpochKeys& keys) {
    std::vector<RecordNumber> ends;
    for (std::uint32_t i = 0; i < log.shard_count(); ++i) {
        const Result<RecordNumber> end = log.end(ShardId(i));
        if (!end) return end.error();
        ends.push_back(*end);
    }
    BooksWitnesses witnesses(data.shards(), data.views(), keys, data.deployment().shards);
    KnownEnds known = ask(witnesses, ends);
    if (known.doubt.empty()) return known;
    const std::filesystem::path locked = data.kafka() ? data.shards() : data.log();
    const Result<bool> is_written = has_writer(system_files(), locked.string());
    if (!is_written) return is_written.error();
    if (data.kafka()) {
        if (*is_written && are_inputs_whole(log, data, keys)) known.doubt.clear();
        return known;
    }
    // One that ended just now has written it.
    if (*is_written) sleep_for(2 * command_handler::KeptEnds::kEvery);
    return ask(witnesses, ends);
}

Result<std::string> doubt_about_ends(const DataDirectory& data, LogReader& log,
                                     const EpochKeys& keys) {
    const Result<KnownEnds> known = ask_about_ends(data, log, keys);
    if (!known) return known.error();
    for (std::uint32_t i = 0; i < known->seen.size(); ++i) {
        const Result<RecordNumber> end = log.end(ShardId(i));
        if (!end) return end.error();
        for (const BooksWitness& each : known->seen[i]) {
            const Result<std::string> other = find_other_record(log, ShardId(i), *end, each.seen);
            if (!other) return other.error();
            if (!other->empty()) return Fault{FaultCode::corrupt, *other};
        }
    }
    return known->doubt;
}

}  // namespace vouch::places
