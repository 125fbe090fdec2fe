#include "command-handler/shard/open_record.h"

namespace vouch::command_handler {

void OpenRecord::begin(const ChainHead& head, Timestamp at) {
    before = head;
    time = at;
    body_size = 0;
    event_count = 0;
    facts.clear();
    told.clear();
    outbox.clear();
    peers_before.clear();
    sent.clear();
    batches.clear();
    outgoing.clear();
}

}  // namespace vouch::command_handler
