#include "events/log/embedded/log_fill.h"

#include "events/log/embedded/embedded_log.h"
#include "events/log/writer_turn.h"
#include "events/seal/record.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace vouch {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;

/// Commits records as their writer did, but for the steps.
class LogFiller {
public:
    LogFiller(LogReader& from, std::unique_ptr<EmbeddedLog> into)
        : from_(from), into_(std::move(into)) {}

    Status fill(ShardId shard, RecordNumber end) {
        if (const Result<ShardEnd> turn = into_->acquire(shard, Term(0)); !turn)
            return turn.error();
        for (RecordNumber next; next < end;) {
            records_.clear();
            if (Status read = from_.read_records(shard, next, kReadBytes, records_); !read)
                return read;
            while (!records_.empty() && records_.back().number >= end) records_.pop_back();
            if (records_.empty()) {
                return Fault{FaultCode::corrupt, record_name(shard, next) +
                                                     ": missing before the end of the log"};
            }
            if (Status put = put_all(shard); !put) return put;
            next = records_.back().number.next();
        }
        return {};
    }

private:
    Status put_all(ShardId shard) {
        std::size_t in_flight = 0;
        for (const StoredRecord& each : records_) {
            const Result<CommitTicket> ticket = put(shard, each);
            if (!ticket) return ticket.error();
            ++in_flight;
            if (in_flight < kCommitsInFlightMax && &each != &records_.back()) continue;
            if (Status durable = into_->await(*ticket); !durable) return durable;
            in_flight = 0;
        }
        return {};
    }

    Result<CommitTicket> put(ShardId shard, const StoredRecord& stored) {
        const Result<RecordView> record = parse_record(stored.bytes);
        if (!record) {
            return Fault{record.error().code,
                         record_name(shard, stored.number) + ": " + record.error().message};
        }
        const ByteView bytes(stored.bytes);
        return into_->commit(shard, Term(0),
                             {.number = stored.number,
                              .record = {&bytes, 1},
                              .next = {record->header.next_command, record->header.next_step}});
    }

    LogReader& from_;
    std::vector<StoredRecord> records_;  ///< borrowed by the log, which ends before them
    const std::unique_ptr<EmbeddedLog> into_;
};

}  // namespace

Status fill_log(LogReader& from, std::span<const RecordNumber> ends, const std::string& into,
                Files& files) {
    {
        Result<std::unique_ptr<EmbeddedLog>> log = EmbeddedLog::open(
            {.directory = into,
             .shard_count = static_cast<std::uint32_t>(ends.size()),
             .prepare_in_background = false},
            files);
        if (!log) return log.error();
        (*log)->stop_waiting();
        LogFiller filler(from, std::move(*log));
        for (std::uint32_t i = 0; i < ends.size(); ++i) {
            if (Status filled = filler.fill(ShardId(i), ends[i]); !filled) return filled;
        }
    }
    // Of a process that writes: nobody does any more.
    const std::string lock = into + "/lock";
    const CallResult removed = files.remove(lock);
    if (!removed) return storage_fault("unlink", lock, removed.error);
    return sync_directory(files, into);
}

}  // namespace vouch
