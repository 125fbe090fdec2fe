#include "tests/support/small_segments.h"

#include "events/log/embedded/embedded_log.h"
#include "events/seal/record.h"

#include <doctest/doctest.h>

#include <memory>
#include <span>
#include <vector>

namespace vouch::test {

namespace fs = std::filesystem;

void write_in_small_segments(const fs::path& log, std::uint32_t shards) {
    auto from = EmbeddedLogReader::open({.directory = log.string()});
    REQUIRE_MESSAGE(from, from.error().message);
    const fs::path small = log.string() + ".small";
    auto to = EmbeddedLog::open({.directory = small.string(),
                                 .shard_count = shards,
                                 .segment_bytes = std::uint64_t{64} << 10});
    REQUIRE_MESSAGE(to, to.error().message);
    std::vector<StoredRecord> records;
    for (std::uint32_t i = 0; i < shards; ++i) {
        const ShardId shard(i);
        records.clear();
        REQUIRE((*from)->read_records(shard, RecordNumber(0), ~std::size_t{0}, records));
        for (const StoredRecord& record : records) {
            const Result<RecordView> view = parse_record(record.bytes);
            REQUIRE(view);
            REQUIRE((*to)->acquire(shard, view->header.term));
            const ByteView bytes(record.bytes);
            const Commit commit{.number = record.number,
                                .record = std::span(&bytes, 1),
                                .next = {view->header.next_command, view->header.next_step}};
            const Result<CommitTicket> ticket = (*to)->commit(shard, view->header.term, commit);
            REQUIRE_MESSAGE(ticket, ticket.error().message);
            REQUIRE((*to)->await(*ticket));
        }
    }
    to->reset();
    from->reset();
    fs::remove_all(log);
    fs::rename(small, log);
}

}  // namespace vouch::test
