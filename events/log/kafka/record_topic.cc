#include "events/log/kafka/record_topic.h"

#include "events/log/kafka/record_message.h"
#include "events/log/kafka/unreadable.h"
#include "events/log/writer_turn.h"

#include <algorithm>
#include <utility>

namespace vouch::kafka {

RecordTopic::RecordTopic(const KafkaLogOptions& options, ShardId shard, Watermarks& watermarks,
                         Strays& strays, const Patience& patience)
    : options_(options),
      name_(events_topic(options)),
      shard_(shard),
      watermarks_(watermarks),
      strays_(strays),
      patience_(patience) {}

Fault RecordTopic::corrupt(RecordNumber record, const std::string& what) const {
    return {FaultCode::corrupt, record_name(shard_, record) + " " + what};
}

Fault RecordTopic::missing(RecordNumber record) const {
    return corrupt(record,
                   "is missing from " + name_ + " partition " + std::to_string(shard_.value()));
}

Result<std::unique_ptr<PartitionReader>> RecordTopic::open_reader(ReadAhead read_ahead) const {
    return options_.client->open_reader(options_.bootstrap, name_, read_ahead);
}

Result<Extent> RecordTopic::extent() {
    const Patience::Deadline deadline = patience_.begin();
    while (true) {
        const Result<Extent> found =
            watermarks_.extent(name_, partition(), deadline.left_ms(kBoundsMs));
        if (found) return found;
        if (deadline.has_passed()) return Fault{FaultCode::storage, found.error().message};
    }
}

// --- Whose messages are ---------------------------------------------------------------------

std::optional<RecordNumber> RecordTopic::record_of(const TopicMessage& message) {
    const std::optional<RecordNumber> number = number_of(message.key);
    if (!number) {
        pass_over(message.offset, "no record");
        return std::nullopt;
    }
    const std::string fault = options_.judge
                                  ? options_.judge->fault_of(shard_, *number, message.payload)
                                  : std::string();
    if (fault.empty()) return number;
    pass_over(message.offset, "not record " + std::to_string(number->value()) + ": " + fault);
    return std::nullopt;
}

bool RecordTopic::follows(const TopicMessage& message, const TopicMessage& previous) const {
    return !options_.judge ||
           options_.judge->follows(message.payload,
                                   previous ? std::optional(previous.payload) : std::nullopt);
}

bool RecordTopic::follows(const TopicMessage& message, const std::optional<Bytes>& previous) const {
    return !options_.judge ||
           options_.judge->follows(message.payload,
                                   previous ? std::optional<ByteView>(*previous) : std::nullopt);
}

void RecordTopic::pass_over(std::int64_t offset, const std::string& what) {
    strays_.pass_over(name_, partition(), offset, what);
}

void RecordTopic::pass_over_repeat(RecordNumber record, std::int64_t offset) {
    pass_over(offset, "record " + std::to_string(record.value()) +
                          " again, or one that does not follow its predecessor");
}

Result<std::int64_t> RecordTopic::pass_unreadable(PartitionReader& reader, std::int64_t offset,
                                                  std::int64_t stable_end) {
    const Result<std::int64_t> behind =
        find_end_of_unreadable(reader, {name_, partition(), offset}, stable_end, patience_.begin());
    if (!behind) return behind.error();
    pass_over(offset, "cannot be inflated, nor what follows up to offset " +
                          std::to_string(*behind));
    if (const Status started = reader.start(partition(), *behind); !started)
        return started.error();
    return *behind;
}

// --- Where the next one is ------------------------------------------------------------------

Result<std::optional<FoundRecord>> RecordTopic::first_from(PartitionReader& reader,
                                                           std::int64_t offset,
                                                           std::int64_t stable_end) {
    if (offset >= stable_end) return std::optional<FoundRecord>();
    if (const Status started = reader.start(partition(), offset); !started)
        return started.error();
    return next_from(reader, offset, stable_end);
}

Result<std::optional<FoundRecord>> RecordTopic::next_from(PartitionReader& reader,
                                                          std::int64_t offset,
                                                          std::int64_t stable_end) {
    const Patience::Deadline deadline = patience_.begin();
    if (offset >= stable_end) return std::optional<FoundRecord>();
    while (true) {
        Result<Polled> polled = reader.next(kReadPollMs);
        if (!polled) {
            if (polled.error().code == FaultCode::corrupt) {
                return Fault{FaultCode::corrupt, "shard " + std::to_string(shard_.value()) + ": " +
                                                     polled.error().message};
            }
            if (deadline.has_passed()) return Fault{FaultCode::storage, polled.error().message};
            continue;
        }
        if (polled->kind == Polled::Kind::message) {
            if (polled->offset >= stable_end) return std::optional<FoundRecord>();
            const std::optional<RecordNumber> number = record_of(polled->message);
            if (!number) continue;
            return std::optional(FoundRecord{*number, polled->offset, std::move(polled->message)});
        }
        if (polled->kind == Polled::Kind::unreadable) {
            const Result<std::int64_t> behind =
                pass_unreadable(reader, std::max(offset, polled->offset), stable_end);
            if (!behind) return behind.error();
            if (*behind >= stable_end) return std::optional<FoundRecord>();
            continue;
        }
        if (polled->kind == Polled::Kind::end && polled->offset >= stable_end) {
            return std::optional<FoundRecord>();
        }
        if (deadline.has_passed()) {
            return Fault{FaultCode::storage, name_ + " partition " +
                                                 std::to_string(shard_.value()) +
                                                 ": the brokers do not answer"};
        }
    }
}

}  // namespace vouch::kafka
