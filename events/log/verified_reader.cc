#include "events/log/verified_reader.h"

#include "events/seal/sha256_blocks.h"

#include <algorithm>
#include <string>
#include <utility>

namespace vouch {

namespace {

/// Says where the record lies, too, in a log of files.
Fault at_place(LogReader& log, ShardId shard, RecordNumber record, Fault fault) {
    const std::string place = log.place_of(shard, record);
    if (!place.empty()) fault.message += "; the record lies in " + place;
    return fault;
}

}  // namespace

Fault VerifiedReader::corrupt(RecordNumber record, const std::string& what) {
    return at_place(log_, shard_, record, verifier_.corrupt(record, what));
}

Result<const RecordFront*> VerifiedReader::front_of(RecordNumber record) {
    Kept& kept = kept_[record.value() % kept_.size()];
    if (kept.front && kept.record == record) return &*kept.front;
    kept.front.reset();
    if (const Status read = log_.read_range(shard_, record, 0, kUsualFrontBytes, blocks_); !read)
        return read.error();
    Result<RecordFront> front = verifier_.verify_front(record, blocks_);
    if (!front && blocks_.size() == kUsualFrontBytes) {
        if (const Status read = log_.read_range(shard_, record, 0, kRecordFrontMax, blocks_); !read)
            return read.error();
        front = verifier_.verify_front(record, blocks_);
    }
    if (!front) return at_place(log_, shard_, record, front.error());
    kept.record = record;
    kept.front = std::move(*front);
    return &*kept.front;
}

Result<Digest> VerifiedReader::digest_of(RecordNumber record) {
    const Result<const RecordFront*> front = front_of(record);
    if (!front) return front.error();
    return (*front)->digest;
}

Status VerifiedReader::read_body(RecordNumber record, std::size_t offset, std::size_t size,
                                 Bytes& out) {
    const Result<const RecordFront*> known = front_of(record);
    if (!known) return known.error();
    const RecordFront& front = **known;
    if (offset > front.body_size || size > front.body_size - offset) {
        return corrupt(record, "has a body of " + std::to_string(front.body_size) +
                                   " bytes, expected " + std::to_string(size) + " at " +
                                   std::to_string(offset));
    }
    const std::size_t block = front.block;
    const std::size_t first = offset / block * block;
    const std::size_t end =
        std::min((offset + size + block - 1) / block * block, front.body_size);
    if (const Status read =
            log_.read_range(shard_, record, front.body_offset + first, end - first, blocks_);
        !read) {
        return read;
    }
    if (blocks_.size() != end - first) return corrupt(record, "ends before its body");
    sha256_blocks(blocks_, block, digests_);
    for (std::size_t i = 0; i < digests_.size(); ++i) {
        if (digests_[i] == front.table[first / block + i]) continue;
        return corrupt(record, "bytes at " + std::to_string(first + i * block) +
                                   " of its body are not the ones it names");
    }
    const ByteView wanted = ByteView(blocks_).subspan(offset - first, size);
    out.assign(wanted.begin(), wanted.end());
    return {};
}

namespace {

/// Whether the record proves that the deployment is the one that these books were made with.
Status proves(LogReader& log, const Deployment& deployment, ShardId shard, const EpochKeys& keys,
              RecordNumber number) {
    Bytes bytes;
    if (Status read = log.read_range(shard, number, 0, kRecordFrontMax, bytes); !read) return read;
    RecordVerifier verifier(deployment, shard, &keys);
    // Before the tag: with another file each key is another one, too.
    const Result<RecordFront> claimed = parse_front(bytes);
    if (claimed && number.value() == 0 &&
        !follows(claimed->header, deployment.genesis_tag)) {
        const Fault other = verifier.corrupt(
            number, "the file `deployment` is not the one that these books were made with: "
                    "genesis " +
                        expected_found_hex(claimed->header.previous_digest,
                                           deployment.genesis_tag));
        return at_place(log, shard, number, other);
    }
    const Result<RecordFront> front = verifier.verify_front(number, bytes);
    if (!front) return at_place(log, shard, number, front.error());
    return {};
}

}  // namespace

Status check_genesis(LogReader& log, const Deployment& deployment, const EpochKeys& keys) {
    Status first;
    for (std::uint32_t i = 0; i < deployment.shards; ++i) {
        const ShardId shard(i);
        const Result<RecordNumber> end = log.end(shard);
        if (!end || end->value() == 0) {
            if (!end && first) first = end.error();
            continue;
        }
        for (const RecordNumber number : {RecordNumber(0), RecordNumber(end->value() - 1)}) {
            Status proven = proves(log, deployment, shard, keys, number);
            if (proven) return {};
            if (first) first = std::move(proven);
        }
    }
    return first;
}

}  // namespace vouch
