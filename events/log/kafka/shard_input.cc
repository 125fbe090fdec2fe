#include "events/log/kafka/shard_input.h"

#include "events/log/kafka/unreadable.h"
#include "events/world/clock.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <type_traits>
#include <utility>

namespace vouch::kafka {
namespace {

/// A year is as good as for ever, and keeps deadlines inside the clock's range.
constexpr std::int64_t kYearUs = std::int64_t{366} * 24 * 3600 * 1'000'000;

std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               steady_now().time_since_epoch())
        .count();
}

}  // namespace

void Signal::raise() {
    {
        const std::lock_guard lock(mutex_);
        is_raised_ = true;
    }
    raised_.notify_all();
}

void Signal::wait(std::optional<std::int64_t> timeout_us) {
    std::unique_lock lock(mutex_);
    const auto raised = [&] { return is_raised_; };
    if (!timeout_us) {
        raised_.wait(lock, raised);
    } else if (*timeout_us > 0) {
        raised_.wait_for(lock, std::chrono::microseconds(std::min(*timeout_us, kYearUs)), raised);
    }
    is_raised_ = false;
}

InputPartition::InputPartition(const With& with, const std::string& topic, ShardId shard,
                               Signal& signal)
    : with_(with),
      name_(topic),
      partition_(static_cast<std::int32_t>(shard.value())),
      fetch_(with.consumer.fetch(topic, partition_, [&signal] { signal.raise(); })) {}

void InputPartition::stop() {
    if (is_started_) fetch_->stop();
    is_started_ = false;
}

Status InputPartition::start(Offset from) {
    const auto offset = static_cast<std::int64_t>(from.value());
    if (const Status started = fetch_->start(offset); !started)
        return Fault{FaultCode::storage, started.error().message};
    is_started_ = true;
    next_ = passed_from_ = offset;
    return {};
}

/// The next message, or some that cannot be inflated, or nothing for now. What passes by itself is
/// waited for, not told. An end shows what lies behind the last message: marks of transactions.
Result<Polled> InputPartition::poll() {
    while (true) {
        Result<Polled> polled = fetch_->next();
        if (polled) {
            if (polled->kind == Polled::Kind::nothing) return polled;
            troubled_since_ms_.reset();
            if (polled->kind != Polled::Kind::end) return polled;
            next_ = std::max(next_, polled->offset);
            continue;
        }
        if (polled.error().code == FaultCode::corrupt) return trimmed(polled.error());
        const std::int64_t now = now_ms();
        if (!troubled_since_ms_) troubled_since_ms_ = now;
        if (now - *troubled_since_ms_ > with_.options.patience_ms || with_.patience.is_over())
            return Fault{FaultCode::storage, polled.error().message};
    }
}

/// The first offset behind messages that cannot be inflated.
Result<Offset> InputPartition::end_of_unreadable(std::int64_t offset) {
    const Patience::Deadline deadline = with_.patience.begin();
    Result<Extent> extent =
        with_.watermarks.extent(name_, partition_, deadline.left_ms(kBoundsMs));
    // A partition whose leader changes has none for some seconds.
    while (!extent && !deadline.has_passed())
        extent = with_.watermarks.extent(name_, partition_, deadline.left_ms(kBoundsMs));
    if (!extent) return Fault{FaultCode::storage, extent.error().message};
    const Result<std::unique_ptr<PartitionReader>> reader =
        with_.options.client->open_reader(with_.options.bootstrap, name_, ReadAhead::none);
    if (!reader) return reader.error();
    const Result<std::int64_t> end = find_end_of_unreadable(
        **reader, {name_, partition_, offset}, extent->stable_end, deadline);
    if (!end) return Fault{FaultCode::storage, end.error().message};
    return Offset(static_cast<std::uint64_t>(*end));
}

/// Names what is wanted and what is there, when that is what is wrong.
Fault InputPartition::trimmed(const Fault& fault) {
    const Result<Extent> extent = with_.watermarks.extent(name_, partition_, kBoundsMs);
    if (!extent || (next_ >= extent->first && next_ <= extent->stable_end)) return fault;
    return {FaultCode::corrupt,
            name_ + " partition " + std::to_string(partition_) + ": offset " +
                std::to_string(next_) + " is wanted, and the topic has " +
                std::to_string(extent->first) + " up to " + std::to_string(extent->stable_end) +
                ": what lies between is lost, or the topic is another one; vouch recover says how "
                "to go on"};
}

template <class Input>
Status InputPartition::read(Offset from, std::size_t batches_max, std::vector<Input>& out) {
    if (is_started_ && static_cast<std::int64_t>(from.value()) < passed_from_) stop();
    if (!is_started_) {
        if (Status started = start(from); !started) return started;
    }
    for (std::size_t taken = 0; taken < batches_max;) {
        const Result<Polled> polled = poll();
        if (!polled) return polled.error();
        if (polled->kind == Polled::Kind::nothing) break;
        if (polled->kind == Polled::Kind::unreadable) {
            // From within, after a start there.
            const std::int64_t begin = std::max(polled->offset, next_);
            const Result<Offset> end = end_of_unreadable(begin);
            if (!end) return end.error();
            const std::int64_t passed_from = passed_from_;
            stop();
            if (Status started = start(*end); !started) return started;
            if constexpr (std::is_same_v<Input, InputBatch>) {
                out.push_back({Offset(static_cast<std::uint64_t>(begin)), {}, *end});
                ++taken;
            } else {
                passed_from_ = passed_from;
                with_.strays.pass_over(name_, partition_, begin,
                                       "cannot be inflated, nor what follows up to offset " +
                                           std::to_string(end->value()));
            }
            continue;
        }
        const auto offset = Offset(static_cast<std::uint64_t>(polled->offset));
        next_ = passed_from_ = polled->offset + 1;
        if (offset < from) continue;
        const ByteView payload = polled->message.payload;
        out.push_back({offset, Bytes(payload.begin(), payload.end())});
        ++taken;
    }
    return {};
}

template Status InputPartition::read(Offset, std::size_t, std::vector<InputBatch>&);
template Status InputPartition::read(Offset, std::size_t, std::vector<StepInput>&);

Offset InputPartition::next(Offset from) const {
    const auto offset = static_cast<std::int64_t>(from.value());
    if (!is_started_ || offset < passed_from_ || offset >= next_) return from;
    return Offset(static_cast<std::uint64_t>(next_));
}

bool InputPartition::is_ready(Offset from) {
    if (!is_started_ && !start(from)) return true;  // and reading says why
    return fetch_->has_more();
}

Result<std::unique_ptr<InputReader>> InputReader::open(const KafkaLogOptions& options,
                                                       Watermarks& watermarks, Strays& strays,
                                                       const Patience& patience) {
    Result<std::unique_ptr<InputConsumer>> consumer =
        options.client->open_inputs(options.bootstrap);
    if (!consumer) return consumer.error();
    auto reader = std::make_unique<InputReader>();
    reader->consumer_ = std::move(*consumer);
    const InputPartition::With with{*reader->consumer_, options, watermarks, strays,
                                     patience};
    for (std::uint32_t i = 0; i < options.shard_count; ++i) {
        auto shard = std::make_unique<Shard>();
        shard->commands = std::make_unique<InputPartition>(with, commands_topic(options),
                                                           ShardId(i), shard->signal);
        shard->steps = std::make_unique<InputPartition>(with, steps_topic(options), ShardId(i),
                                                        shard->signal);
        reader->shards_.push_back(std::move(shard));
    }
    return reader;
}

void InputReader::raise_all() {
    for (const auto& shard : shards_) shard->signal.raise();
}

}  // namespace vouch::kafka
