#include "events/log/kafka/topic_commands.h"

#include "events/log/kafka/unreadable.h"

#include <algorithm>
#include <utility>

namespace vouch::kafka {
namespace {

constexpr int kPollMs = 1'000;

Offset offset_of(std::int64_t offset) { return Offset(static_cast<std::uint64_t>(offset)); }

}  // namespace

TopicCommands::TopicCommands(const KafkaLogOptions& options, ShardId shard, Watermarks& watermarks,
                         const Patience& patience)
    : options_(options),
      topic_(commands_topic(options)),
      partition_(static_cast<std::int32_t>(shard.value())),
      watermarks_(watermarks),
      patience_(patience) {}

Fault TopicCommands::fault(FaultCode code, const std::string& what) const {
    return {code, topic_ + " partition " + std::to_string(partition_) + ": " + what};
}

Result<Extent> TopicCommands::extent() const {
    const Patience::Deadline deadline = patience_.begin();
    while (true) {
        Result<Extent> found = watermarks_.extent(topic_, partition_, deadline.left_ms(kBoundsMs));
        if (found) return found;
        if (deadline.has_passed()) return fault(FaultCode::storage, found.error().message);
    }
}

Result<Offset> TopicCommands::first() {
    const Result<Extent> found = extent();
    if (!found) return found.error();
    return offset_of(found->first);
}

Status TopicCommands::start(std::int64_t offset) {
    if (reader_ == nullptr) {
        Result<std::unique_ptr<PartitionReader>> opened =
            options_.client->open_reader(options_.bootstrap, topic_, ReadAhead::far);
        if (!opened) return opened.error();
        reader_ = std::move(*opened);
    }
    const Status started = reader_->start(partition_, offset);
    if (!started) return fault(FaultCode::storage, started.error().message);
    passed_ = offset;
    return {};
}

/// An end is told once, and more may have come since.
Status TopicCommands::reaches(std::int64_t end) {
    if (end <= stable_end_) return {};
    const Result<Extent> found = extent();
    if (!found) return found.error();
    stable_end_ = found->stable_end;
    if (end <= stable_end_) return {};
    return fault(FaultCode::corrupt, "it ends at offset " + std::to_string(stable_end_) +
                                         ", and was read up to " + std::to_string(end));
}

/// The first offset behind messages that cannot be inflated.
Result<std::int64_t> TopicCommands::end_of_unreadable(std::int64_t begin, std::int64_t until) {
    const Result<std::int64_t> end = find_end_of_unreadable(
        *reader_, {topic_, partition_, begin}, until, patience_.begin());
    if (!end) return fault(FaultCode::storage, end.error().message);
    if (Status started = start(*end); !started) return started.error();
    return *end;
}

Result<std::optional<InputBatch>> TopicCommands::next(Offset from, Offset until) {
    const auto begin = static_cast<std::int64_t>(from.value());
    const auto end = static_cast<std::int64_t>(until.value());
    if (reader_ == nullptr || begin < from_) {
        if (Status started = start(begin); !started) return started.error();
        ahead_.reset();
    }
    from_ = begin;
    if (Status whole = reaches(end); !whole) return whole.error();
    const Patience::Deadline deadline = patience_.begin();
    while (true) {
        if (ahead_ && ahead_->offset >= until) return std::optional<InputBatch>();
        if (ahead_ && ahead_->next() > from) return std::exchange(ahead_, std::nullopt);
        ahead_.reset();
        if (passed_ >= end) return std::optional<InputBatch>();
        const Result<Polled> polled = reader_->next(kPollMs);
        if (!polled) {
            if (polled.error().code == FaultCode::corrupt || deadline.has_passed())
                return fault(FaultCode::storage, polled.error().message);
            continue;
        }
        switch (polled->kind) {
            case Polled::Kind::message: {
                const ByteView payload = polled->message.payload;
                ahead_ = InputBatch{offset_of(polled->offset), {payload.begin(), payload.end()}};
                passed_ = polled->offset + 1;
                break;
            }
            case Polled::Kind::unreadable: {
                // From within, after a start there.
                const std::int64_t at = std::max(polled->offset, passed_);
                const Result<std::int64_t> behind = end_of_unreadable(at, end);
                if (!behind) return behind.error();
                ahead_ = InputBatch{offset_of(at), {}, offset_of(*behind)};
                break;
            }
            case Polled::Kind::end:
                passed_ = std::max(passed_, polled->offset);
                break;
            case Polled::Kind::nothing:
                if (deadline.has_passed())
                    return fault(FaultCode::storage, "the brokers do not answer");
                break;
        }
    }
}

}  // namespace vouch::kafka
