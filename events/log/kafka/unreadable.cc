#include "events/log/kafka/unreadable.h"

namespace vouch::kafka {
namespace {

// A broker sends whole batches: asked for any offset of one, a reader names the batch's first.
Result<bool> is_unreadable_at(PartitionReader& reader, const UnreadablePlace& place,
                              std::int64_t at, int timeout_ms) {
    if (const Status started = reader.start(place.partition, at); !started) return started.error();
    const Result<Polled> polled = reader.next(timeout_ms);
    if (!polled) return polled.error();
    switch (polled->kind) {
        case Polled::Kind::message:
        case Polled::Kind::end:
            return false;
        case Polled::Kind::unreadable:
            return polled->offset <= place.offset;
        case Polled::Kind::nothing:
            break;
    }
    return Fault{FaultCode::retriable, place.topic + " partition " +
                                           std::to_string(place.partition) +
                                           ": the brokers do not answer"};
}

}  // namespace

Result<std::int64_t> find_end_of_unreadable(PartitionReader& reader, const UnreadablePlace& place,
                                            std::int64_t end, int timeout_ms) {
    std::int64_t within = place.offset, behind = end;
    for (std::int64_t step = 1; place.offset + step < end; step *= 2) {
        const Result<bool> found =
            is_unreadable_at(reader, place, place.offset + step, timeout_ms);
        if (!found) return found.error();
        if (!*found) {
            behind = place.offset + step;
            break;
        }
        within = place.offset + step;
    }
    while (behind - within > 1) {
        const std::int64_t middle = within + (behind - within) / 2;
        const Result<bool> found = is_unreadable_at(reader, place, middle, timeout_ms);
        if (!found) return found.error();
        (*found ? within : behind) = middle;
    }
    return behind;
}

}  // namespace vouch::kafka
