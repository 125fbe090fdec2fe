#include "events/log/kafka/unreadable.h"

namespace vouch::kafka {
namespace {

/// For one answer.
constexpr int kAnswerMs = 60'000;

// A broker sends whole batches: asked for any offset of one, a reader names the batch's first.
Result<bool> is_unreadable_at(PartitionReader& reader, const UnreadablePlace& place,
                              std::int64_t at, const Patience::Deadline& deadline) {
    if (const Status started = reader.start(place.partition, at); !started) return started.error();
    const Result<Polled> polled = reader.next(deadline.left_ms(kAnswerMs));
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
                                            std::int64_t end, const Patience::Deadline& deadline) {
    std::int64_t within = place.offset, behind = end;
    for (std::int64_t step = 1; place.offset + step < end; step *= 2) {
        const Result<bool> found = is_unreadable_at(reader, place, place.offset + step, deadline);
        if (!found) return found.error();
        if (!*found) {
            behind = place.offset + step;
            break;
        }
        within = place.offset + step;
    }
    while (behind - within > 1) {
        const std::int64_t middle = within + (behind - within) / 2;
        const Result<bool> found = is_unreadable_at(reader, place, middle, deadline);
        if (!found) return found.error();
        (*found ? within : behind) = middle;
    }
    return behind;
}

}  // namespace vouch::kafka
