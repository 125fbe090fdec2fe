#pragma once

#include "events/bytes/bytes.h"
#include "events/log/kafka/options.h"
#include "events/log/kafka/patience.h"
#include "events/log/log.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

// What the log asks of Kafka's brokers. Everything that is decided (what is tried again, who is
// fenced, what became of a commit in doubt) stands above these classes; below them are a library
// and the brokers (librdkafka/), or an in-memory twin of both (tests/support/memory_kafka.h).
//
// What brokers do not answer within a call's time is `retriable`, and nothing is known of it.

namespace vouch::kafka {

// --- Reading --------------------------------------------------------------------------------

/// A message of a partition as it was met. Its bytes live as long as it does; it ends before its
/// reader.
struct TopicMessage {
    std::int64_t offset = 0;
    ByteView key;
    ByteView payload;
    /// What has the bytes; null: there is no message.
    std::unique_ptr<void, void (*)(void*)> held{nullptr, nullptr};

    explicit operator bool() const { return held != nullptr; }
};

/// What one look at a partition found.
struct Polled {
    enum class Kind : std::uint8_t {
        message,
        end,
        unreadable,  ///< messages that their producer sent as bytes which cannot be inflated
        nothing
    };
    Kind kind = Kind::nothing;
    TopicMessage message{};        ///< of Kind::message
    std::int64_t offset = 0;  ///< of the message or unreadable ones, or where the end was found
};

/// How much is fetched before it is asked for.
enum class ReadAhead : std::uint8_t {
    none,  ///< a message at a time: for looking things up
    far    ///< for reading on
};

/// Reads one partition of a topic at a time from an explicit offset, in order, seeing what is
/// committed. One thread.
class PartitionReader {
public:
    virtual ~PartitionReader() = default;

    /// Reads `partition` from `offset` on, and nothing else any more.
    virtual Status start(std::int32_t partition, std::int64_t offset) = 0;
    virtual void stop() = 0;

    /// Waits at most `timeout_ms` for the next message. The end is what is committed at that
    /// moment; reading goes on by itself when more comes. `corrupt` when the offset is not in the
    /// partition or bytes fail their checksum, `retriable` when the broker has no such partition
    /// now. Of messages that cannot be inflated the offset is the first one's of their batch, which
    /// may lie before where reading began.
    virtual Result<Polled> next(int timeout_ms) = 0;
};

/// One of the partitions that an InputConsumer fetches. One thread.
class InputFetch {
public:
    virtual ~InputFetch() = default;

    /// From `offset` on; what was fetched before, and the end that was found then, is forgotten.
    virtual Status start(std::int64_t offset) = 0;
    virtual void stop() = 0;
    /// As PartitionReader::next, without waiting.
    virtual Result<Polled> next() = 0;
    /// Whether something is there that `next` will hand out.
    virtual bool has_more() = 0;
};

/// Fetches several partitions at once, each for a reader of its own.
class InputConsumer {
public:
    virtual ~InputConsumer() = default;

    /// `on_more` is called on any thread whenever there is more to hand out, with a lock held that
    /// `has_more` takes. The consumer outlives what it fetches.
    virtual std::unique_ptr<InputFetch> fetch(const std::string& topic, std::int32_t partition,
                                              std::function<void()> on_more) = 0;
};

/// Where a partition begins, and where it ends for those who read what is committed.
struct Extent {
    std::int64_t first = 0;
    std::int64_t stable_end = 0;  ///< the last stable offset: first that is not decided
};

/// How long one answer about where a partition begins and ends is waited for.
inline constexpr int kBoundsMs = 5'000;

/// Asks the brokers for the bounds of partitions. Any thread.
class Watermarks {
public:
    virtual ~Watermarks() = default;

    /// Each `retriable` when no broker answers within `timeout_ms`; the extent is two questions.
    Result<Extent> extent(const std::string& topic, std::int32_t partition, int timeout_ms) {
        const Result<std::int64_t> begin = first(topic, partition, timeout_ms);
        if (!begin) return begin.error();
        const Result<std::int64_t> end = stable_end(topic, partition, timeout_ms);
        if (!end) return end.error();
        return Extent{*begin, *end};
    }
    virtual Result<std::int64_t> first(const std::string& topic, std::int32_t partition,
                                       int timeout_ms) = 0;
    virtual Result<std::int64_t> stable_end(const std::string& topic, std::int32_t partition,
                                            int timeout_ms) = 0;
    /// The high watermark: first offset that no replica in sync has, decided or not.
    virtual Result<std::int64_t> high(const std::string& topic, std::int32_t partition,
                                      int timeout_ms) = 0;
};

// --- Writing --------------------------------------------------------------------------------

/// Appends messages to one topic, each once although it may be sent again. Any thread.
class Appender {
public:
    virtual ~Appender() = default;

    /// Blocks until the brokers have it; says at which offset. The bytes are borrowed until then.
    /// `retriable` when they do not answer in time, or too much is waiting already: it may be there
    /// nevertheless. `storage` when it is larger than a message can be.
    virtual Result<std::int64_t> append(std::int32_t partition, ByteView message) = 0;
    /// Whether it has met what it cannot go on after: whoever still waits is answered, and another
    /// one is to be made.
    virtual bool is_finished() = 0;
};

/// What one transaction writes. The bytes are borrowed until `run` has returned and, if it was not
/// committed, until the producer is gone.
struct Transaction {
    ShardId shard;
    RecordNumber number;
    ByteView record;
    std::vector<OutgoingSteps> steps;
    InputPosition next;
};

/// How far a transaction's calls came.
struct TransactionEnd {
    bool is_committed = false;
    /// Of one that was not committed as far as is known: what the brokers said.
    bool is_displaced = false;  ///< the group does not know the member by this identity any more
    bool is_fenced = false;     ///< the producer's epoch is not the last one of its name
    std::string reason{};
    /// Of a committed one: the record's, if the broker said; and how many requests to end it were
    /// sent, and answered.
    std::optional<std::int64_t> offset{};
    std::int64_t ends_sent = 1;
    std::int64_t ends_answered = 1;
};

/// One life of a shard's transactional producer: records, steps and consumed offsets of a shard in
/// one transaction. One thread. Its end lets nothing out that is still queued.
class Transactions {
public:
    virtual ~Transactions() = default;

    /// Becomes the only producer of the shard's name, by a new epoch: whatever an earlier one has
    /// in flight is decided, or will be refused. `fenced` when another one came at the same time.
    virtual Status take_over(std::int64_t timeout_ms) = 0;

    /// `identity` is the member's, as GroupMember says; empty before the group has said anything.
    virtual TransactionEnd run(const Transaction& transaction, const std::string& identity) = 0;
};

// --- The group ------------------------------------------------------------------------------

struct MemberOptions {
    std::string group;
    std::string instance;
    std::vector<std::string> topics;  ///< that it will be subscribed to
    std::int64_t session_ms = 0;      ///< of silence, after which it has lost its place
    std::int64_t heartbeat_ms = 0;
    /// Set, by any thread, to when the last heartbeat that was answered well was sent
    /// (boot_time_ms); outlives the member.
    std::atomic<std::int64_t>* proof_ms = nullptr;
};

/// What the group says of a member's partitions. They have the same numbers in all its topics.
struct Assignment {
    enum class Kind : std::uint8_t {
        given,
        taken_back,  ///< and given anew, or to others
        lost         ///< with the member's name
    };
    Kind kind = Kind::given;
    std::set<std::int32_t> partitions{};  ///< of Kind::given
};

/// One life of a static member of a group. Nothing is read through it, and its end does not leave
/// the group: the place stays taken for a session. One thread.
class GroupMember {
public:
    virtual ~GroupMember() = default;

    /// Asks for a place in the group. `configuration` when that cannot be asked.
    virtual Status subscribe() = 0;
    /// Waits up to `timeout_ms` for news. `take` is told of each assignment within this call, and
    /// says whether the member goes along with it; to the brokers it is silent otherwise.
    virtual void poll(int timeout_ms, const std::function<bool(const Assignment&)>& take) = 0;
    /// Why it is of no further use: `fenced` when a newer member has its instance's name.
    virtual std::optional<Fault> fatal() = 0;
    /// The name that the group gave it; empty while it has none.
    virtual std::string name() = 0;
    /// Member and generation, as a transaction carries them; empty while there is none.
    virtual std::string identity() = 0;
};

/// A member as the group's broker shows it.
struct ShownMember {
    std::string name;
    std::string instance;  ///< its name when it has none
    std::string host;
};

/// What a group has consumed. One thread.
class GroupOffsets {
public:
    virtual ~GroupOffsets() = default;

    /// Of one partition of each topic, in that order; empty where the group knows none. What is in
    /// a transaction that is still open does not count, and is not waited for.
    virtual Result<std::vector<std::optional<std::int64_t>>> committed(
        const std::vector<std::string>& topics, std::int32_t partition, int timeout_ms) = 0;
};

// --- The cluster ----------------------------------------------------------------------------

struct NewTopic {
    std::string name;
    std::uint32_t partitions = 0;
    std::uint32_t replicas = 0;
    std::vector<std::pair<std::string, std::string>> settings;
};

struct ShownTopic {
    struct Partition {
        std::int32_t id = 0;
        std::uint32_t replicas = 0;
    };
    std::optional<std::string> error{};  ///< why nothing is known of it
    std::vector<Partition> partitions{};
};

struct Cluster {
    std::vector<std::int32_t> brokers;
    std::map<std::string, ShownTopic> topics;
};

/// By name.
using SettingsOf = std::map<std::string, std::string>;

/// Asks the cluster for topics and settings, and makes topics. One thread.
class Admin {
public:
    virtual ~Admin() = default;

    virtual Result<Cluster> cluster(int timeout_ms) = 0;
    /// One that is there already stays as it is. `configuration` when the brokers refuse.
    virtual Status make_topics(const std::vector<NewTopic>& topics, int timeout_ms) = 0;
    /// Of each topic, in that order. `configuration` when they cannot be read.
    virtual Result<std::vector<SettingsOf>> topic_settings(const std::vector<std::string>& topics,
                                                           int timeout_ms) = 0;
    virtual Result<SettingsOf> broker_settings(std::int32_t broker, int timeout_ms) = 0;
};

// --- All of them ----------------------------------------------------------------------------

struct AppenderOptions {
    std::string bootstrap;
    std::string topic;
    std::int64_t delivery_ms = 0;  ///< one message may be on its way for so long
    int learn_ms = 0;              ///< how long it may take to find the topic
};

/// Makes what speaks with the brokers at an address (HOST:PORT[,HOST:PORT…]). Any thread. What it
/// made is gone before it is. `configuration` when the address is none.
class KafkaClient {
public:
    virtual ~KafkaClient() = default;

    virtual Result<std::unique_ptr<PartitionReader>> open_reader(const std::string& bootstrap,
                                                                 const std::string& topic,
                                                                 ReadAhead read_ahead) = 0;
    virtual Result<std::unique_ptr<InputConsumer>> open_inputs(const std::string& bootstrap) = 0;
    virtual Result<std::unique_ptr<Watermarks>> open_watermarks(const std::string& bootstrap) = 0;
    /// Once the patience is over, which outlives it, everything that waits is not delivered.
    virtual Result<std::unique_ptr<Appender>> open_appender(const AppenderOptions& options,
                                                            const Patience& patience) = 0;
    virtual Result<std::unique_ptr<Transactions>> open_transactions(const KafkaLogOptions& options,
                                                                    ShardId shard) = 0;
    virtual Result<std::unique_ptr<GroupMember>> open_member(const std::string& bootstrap,
                                                             const MemberOptions& options) = 0;
    /// Everybody in a group, as its own broker shows it.
    virtual Result<std::vector<ShownMember>> members(const std::string& bootstrap,
                                                     const std::string& group,
                                                     int timeout_ms) = 0;
    virtual Result<std::unique_ptr<GroupOffsets>> open_group_offsets(const std::string& bootstrap,
                                                                     const std::string& group) = 0;
    virtual Result<std::unique_ptr<Admin>> open_admin(const std::string& bootstrap) = 0;
};

/// Bytes of one message, at most: the largest record and its framing.
inline constexpr std::int64_t kMessageBytesMax =
    static_cast<std::int64_t>(kRecordBytesMax) + (std::int64_t{64} << 10);

}  // namespace vouch::kafka
