#include "reconciler/reading/kept_records.h"

#include <algorithm>
#include <iterator>
#include <string>

namespace vouch::reconciler {

KeptRecords::KeptRecords(const std::vector<KeptRecord>& all, ShardId shard, Findings& findings)
    : shard_(shard), findings_(findings) {
    std::ranges::copy_if(all, std::back_inserter(open_),
                         [shard](const KeptRecord& kept) { return kept.shard == shard; });
}

void KeptRecords::look_at(const PreparedRecord& record) {
    std::erase_if(open_, [&](const KeptRecord& kept) {
        if (kept.record != record.position) return false;
        if (!record.is_record || !equal_tags(kept.digest, record.digest)) {
            findings_.add({Check::forked, shard_, kept.record, {},
                           "not the record of the head that was kept: " +
                               expected_found_hex(kept.digest, record.digest)});
        }
        return true;
    });
}

void KeptRecords::finish(RecordNumber read_end, RecordNumber log_end) {
    for (const KeptRecord& kept : open_) {
        if (kept.record >= read_end && kept.record < log_end) {
            ++unasked_;
            continue;
        }
        const bool is_beyond = kept.record >= log_end;
        findings_.add({Check::rolled_back, shard_, kept.record, {},
                       is_beyond ? "the head that was kept has this record, and the log has " +
                                       std::to_string(log_end.value()) + " records"
                                 : "the head that was kept has this record, which cannot be read"});
    }
}

}  // namespace vouch::reconciler
