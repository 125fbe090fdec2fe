#include "command-handler/shard/step_intake.h"

#include "events/check.h"
#include "events/log/verified_reader.h"

#include <cstdint>
#include <memory>

namespace vouch::command_handler {

Status StepIntake::read(std::size_t batches_max) {
    read_.clear();
    senders_.resume_due();
    if (Status status = with_.log.read_steps(with_.shard, senders_.next_read(), batches_max, read_);
        !status) {
        return status;
    }
    has_awaited_ = knows_awaited();
    return {};
}

bool StepIntake::knows_awaited() {
    for (std::uint32_t i = 0; i < senders_.count(); ++i) {
        const StepSender& sender = senders_.of(ShardId(i));
        if (sender.awaiting.empty()) continue;
        const Result<RecordNumber> end = with_.log.end(ShardId(i));
        if (!end || *end > sender.awaited) return true;
    }
    return false;
}

Status StepIntake::take() {
    for (std::uint32_t i = 0; i < senders_.count(); ++i) {
        const ShardId from(i);
        if (senders_.of(from).awaiting.empty()) continue;
        const Result<RecordNumber> end = with_.log.end(from);
        if (Status status = end ? take_awaiting(senders_.of(from), *end)
                                : senders_.hold_back(from, senders_.next_read(), end.error());
            !status) {
            return status;
        }
    }
    for (const StepInput& input : read_) {
        senders_.read_from(input.offset.next());
        writer_.consumed().step = senders_.first_held(input.offset);
        if (Status status = take_input(input); !status) return status;
    }
    writer_.consumed().step = senders_.first_held(senders_.next_read());
    return {};
}

// What waits for its sender's record stands before what comes: whether that is known by now is
// asked once for both, so that the later one is not taken first.
Status StepIntake::take_input(const StepInput& input) {
    const Result<StepBatchView> batch = parse_step_batch(input.payload);
    const bool is_sealed = batch && is_authentic(*batch);
    Offset& next = is_sealed ? senders_.of(batch->header.from).next : next_foreign_;
    if (input.offset < next) return {};  // read again for the sake of another sender's
    next = input.offset.next();
    if (!is_sealed) return receiver_.refuse(input);
    const StepBatchHeader& header = batch->header;
    StepSender& sender = senders_.of(header.from);
    if (!sender.set_aside_from) {
        const Result<RecordNumber> end = with_.log.end(header.from);
        if (!end) return senders_.hold_back(header.from, input.offset, end.error());
        if (Status status = take_awaiting(sender, *end); !status) return status;
        if (!sender.set_aside_from) return take_next(input, *batch, *end);
    }
    senders_.pass_over(header.from);
    return {};
}

Status StepIntake::take_awaiting(StepSender& sender, RecordNumber end) {
    if (end <= sender.awaited) return {};
    while (!sender.awaiting.empty()) {
        const StepInput input = sender.take_awaiting();
        writer_.consumed().step = senders_.first_held(input.offset);
        const Result<StepBatchView> batch = parse_step_batch(input.payload);
        VOUCH_ASSERT(batch);
        if (Status status = take_batch(input, *batch, digest_of(*batch)); !status) return status;
    }
    return {};
}

/// Of a sender that is not set aside, whose durable records end at `end`.
Status StepIntake::take_next(const StepInput& input, const StepBatchView& batch, RecordNumber end) {
    const Digest digest = digest_of(batch);
    if (books_.peers.place(batch.header, digest).kind == StepBatchPlace::Kind::known) return {};
    if (batch.header.record == end) return await_record(input, batch.header);
    if (batch.header.record > end) return receiver_.refuse(input);
    return take_batch(input, batch, digest);
}

/// Of a batch that its sender sealed, and whose record is known.
Status StepIntake::take_batch(const StepInput& input, const StepBatchView& batch,
                              const Digest& digest) {
    const StepBatchHeader& header = batch.header;
    const Result<bool> sent = is_in_chain(header);
    if (!sent) return senders_.hold_back(header.from, input.offset, sent.error());
    if (!*sent) return receiver_.refuse(input);
    StepSender& sender = senders_.of(header.from);
    const StepBatchPlace place = books_.peers.place(header, digest);
    switch (place.kind) {
        case StepBatchPlace::Kind::next:
            sender.failed_reads = 0;
            return receiver_.take(batch, digest, place.first, false);
        case StepBatchPlace::Kind::known:
            return {};
        case StepBatchPlace::Kind::missing:
            sender.set_aside(input.offset);
            sender.rebuild = {books_.peers.of(header.from).next_taken, header.number};
            return {};
        case StepBatchPlace::Kind::forked:
            if (Status status = receiver_.refuse(input); !status) return status;
            sender.set_aside(input.offset.next());
            sender.rebuild = {header.number, header.number.next()};
            return {};
    }
    return {};
}

bool StepIntake::is_authentic(const StepBatchView& batch) {
    const StepBatchHeader& header = batch.header;
    if (header.deployment != with_.deployment.id ||
        header.chain != with_.deployment.chain) {
        return false;
    }
    if (header.to != with_.shard || header.from == with_.shard) return false;
    if (header.from.value() >= senders_.count()) return false;
    return equal_tags(step_batch_tag(macs_.of(header.from), batch.content), batch.tag);
}

/// Whether the record that a batch comes with is its sender's. One that was never committed left
/// its steps on the topic, under their seal, and whoever can write there can put them back. What is
/// refused wrongly is built again.
Result<bool> StepIntake::is_in_chain(const StepBatchHeader& header) {
    std::unique_ptr<VerifiedReader>& reader = senders_.of(header.from).reader;
    if (!reader) {
        constexpr std::size_t kFrontsKept = 1;
        reader = std::make_unique<VerifiedReader>(with_.log, with_.deployment, header.from,
                                                  with_.keys, kFrontsKept);
    }
    const Result<Digest> digest = reader->digest_of(header.record);
    if (!digest) return digest.error();
    return *digest == header.record_digest;
}

/// A batch may be shown a moment before this process knows its record, the sender's next one, to be
/// durable. Until that is known or is another one, it waits, and nobody else does.
Status StepIntake::await_record(const StepInput& input, const StepBatchHeader& header) {
    StepSender& sender = senders_.of(header.from);
    sender.await(input, header.record);
    while (sender.is_overfull()) {
        if (Status status = receiver_.refuse(sender.take_awaiting()); !status) return status;
    }
    return {};
}

}  // namespace vouch::command_handler
