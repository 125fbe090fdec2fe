#include "command-handler/shard/record_sealer.h"

#include "events/seal/record.h"
#include "events/seal/step_batch.h"

namespace vouch::command_handler {

void RecordSealer::seal(OpenRecord& record, const ChainHead& head, const InputPosition& consumed) {
    RecordHeader header;
    header.deployment = with_.deployment.id;
    header.chain = with_.deployment.chain;
    header.shard = with_.shard;
    header.record = head.next_record;
    header.first_event = head.next_event;
    header.event_count = record.event_count;
    header.time = record.time;
    header.epoch = head.epoch;
    header.term = head.term;
    header.next_command = consumed.command;
    header.next_step = consumed.step;
    header.previous_digest = head.last_digest;
    record.parts = seal_record(mac_of(head.epoch), header, record.body_bytes());
    record.pieces = {record.parts.prefix, record.body_bytes()};
    seal_steps(record);
}

/// Once the record has its digest.
void RecordSealer::seal_steps(OpenRecord& record) {
    StepBatchHeader header;
    header.deployment = with_.deployment.id;
    header.chain = with_.deployment.chain;
    header.from = with_.shard;
    header.record = record.number();
    header.record_digest = record.parts.digest;
    header.time = record.time;
    for (const SentBatch& sent : record.sent) {
        header.to = sent.to;
        header.number = sent.number;
        header.count = sent.count;
        header.previous_digest = sent.previous_digest;
        record.batches.push_back(seal_step_batch(step_macs_.of(with_.shard), header, sent.steps));
        record.outgoing.push_back({sent.to, record.batches.back()});
    }
}

Mac& RecordSealer::mac_of(Epoch epoch) {
    if (!mac_ || mac_epoch_ != epoch) {
        mac_.emplace(with_.keys.record_key(with_.shard, epoch));
        mac_epoch_ = epoch;
    }
    return *mac_;
}

}  // namespace vouch::command_handler
