#include "command-handler/shard/past_events.h"

#include "events/check.h"
#include "events/entries/codec.h"

namespace vouch::command_handler {

void PastEvents::drop_oldest_record(const OpenRecord& record) {
    VOUCH_ASSERT(!open_.empty() && open_.front() == &record);
    open_.pop_front();
}

Result<Event> PastEvents::read(const Locator& locator, Arena& arena) {
    for (const OpenRecord* record : open_) {
        if (record->number() != locator.record) continue;
        const ByteView event = record->body_bytes().subspan(locator.offset, locator.size);
        return decode_event(arena.copy(event), arena);
    }
    const Status status = log_.read_body(locator.record, locator.offset, locator.size, bytes_);
    if (!status) return status.error();
    return decode_event(arena.copy(ByteView(bytes_)), arena);
}

}  // namespace vouch::command_handler
