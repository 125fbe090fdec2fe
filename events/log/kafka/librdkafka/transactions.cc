#include "events/log/kafka/librdkafka/handle.h"
#include "events/log/kafka/librdkafka/parts.h"
#include "events/log/kafka/record_message.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>

namespace vouch::kafka::librdkafka {
namespace {

/// A transaction that follows closely on another is put off while the brokers still write the marks
/// of that one; librdkafka asks again after this.
constexpr std::int64_t kRetryMs = 3;
/// EndTxn's number in the protocol.
constexpr std::int16_t kEndTransaction = 26;

/// The group has moved on: another process is in this one's place, or this one has come back to its
/// own place under another name, as after a broker's restart. The membership learns which.
bool is_displacing(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

bool is_fencing(rd_kafka_resp_err_t code) {
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
}

GroupMetadata metadata_of(const std::string& identity) {
    rd_kafka_consumer_group_metadata_t* metadata = nullptr;
    const Error error(
        rd_kafka_consumer_group_metadata_read(&metadata, identity.data(), identity.size()));
    return GroupMetadata(error ? nullptr : metadata);
}

class TransactionalProducer final : public Transactions {
public:
    TransactionalProducer(const KafkaLogOptions& options, ShardId shard)
        : name_("shard " + std::to_string(shard.value()) + " of " + options.name),
          commands_name_(commands_topic(options)),
          steps_name_(steps_topic(options)),
          timeout_ms_(transaction_timeout_ms(options)) {}
    ~TransactionalProducer() override;
    TransactionalProducer(const TransactionalProducer&) = delete;

    Status make(const KafkaLogOptions& options, ShardId shard);
    Status take_over(std::int64_t timeout_ms) override;
    TransactionEnd run(const Transaction& transaction, const std::string& identity) override;

private:
    /// What librdkafka's own threads tell. Outlives the handle.
    struct Seen {
        std::atomic<std::int64_t> ends_sent = 0;
        std::atomic<std::int64_t> ends_answered = 0;
        std::atomic<std::int64_t> record_offset = -1;
    };

    TransactionEnd failed(rd_kafka_resp_err_t code, const std::string& what) const;
    rd_kafka_resp_err_t produce(const Topic& topic, ShardId partition, ByteView key, ByteView bytes,
                                bool is_record);
    rd_kafka_resp_err_t write(const Transaction& transaction);
    Error send_offsets(const Transaction& transaction, const GroupMetadata& group);
    static rd_kafka_resp_err_t on_new(rd_kafka_t* handle, const rd_kafka_conf_t*, void* opaque,
                                      char*, std::size_t);

    const std::string name_;
    const std::string commands_name_;
    const std::string steps_name_;
    const std::int64_t timeout_ms_;
    Seen seen_;
    Handle handle_;  ///< destroyed after its topics
    Topic events_;
    Topic steps_;
};

rd_kafka_resp_err_t TransactionalProducer::on_new(rd_kafka_t* handle, const rd_kafka_conf_t*,
                                                void* opaque, char*, std::size_t) {
    rd_kafka_interceptor_add_on_request_sent(
        handle, "vouch",
        [](rd_kafka_t*, int, const char*, std::int32_t, std::int16_t key, std::int16_t,
           std::int32_t, std::size_t, void* seen) {
            if (key == kEndTransaction) ++static_cast<Seen*>(seen)->ends_sent;
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        },
        opaque);
    return rd_kafka_interceptor_add_on_response_received(
        handle, "vouch",
        [](rd_kafka_t*, int, const char*, std::int32_t, std::int16_t key, std::int16_t,
           std::int32_t, std::size_t, std::int64_t, rd_kafka_resp_err_t error, void* seen) {
            if (key == kEndTransaction && error == RD_KAFKA_RESP_ERR_NO_ERROR) {
                ++static_cast<Seen*>(seen)->ends_answered;
            }
            return RD_KAFKA_RESP_ERR_NO_ERROR;
        },
        opaque);
}

Status TransactionalProducer::make(const KafkaLogOptions& options, ShardId shard) {
    Settings settings(options.bootstrap);
    settings.set("transactional.id", options.name + ".shard." + std::to_string(shard.value()))
        .set("transaction.timeout.ms", timeout_ms_)
        .set("acks", "all")
        .set("linger.ms", 0)
        .set("retry.backoff.ms", kRetryMs)
        .set("compression.codec", "none");
    rd_kafka_conf_set_opaque(settings.get(), &seen_);
    // Only the record's message carries an opaque of its own.
    rd_kafka_conf_set_dr_msg_cb(
        settings.get(), [](rd_kafka_t*, const rd_kafka_message_t* message, void* seen) {
            if (message->_private != nullptr && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                static_cast<Seen*>(seen)->record_offset = message->offset;
            }
        });
    rd_kafka_conf_interceptor_add_on_new(settings.get(), "vouch", on_new, &seen_);
    Result<Handle> handle = std::move(settings).make(RD_KAFKA_PRODUCER);
    if (!handle) return handle.error();
    handle_ = std::move(*handle);
    events_ = producing_topic(handle_.get(), events_topic(options));
    steps_ = producing_topic(handle_.get(), steps_topic(options));
    return {};
}

TransactionalProducer::~TransactionalProducer() {
    // What is still queued is not to be sent any more.
    if (handle_) {
        rd_kafka_purge(handle_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
                                          RD_KAFKA_PURGE_F_NON_BLOCKING);
    }
}

Status TransactionalProducer::take_over(std::int64_t timeout_ms) {
    const auto left_ms = static_cast<int>(std::clamp<std::int64_t>(timeout_ms, 1, 600'000));
    const Error error(rd_kafka_init_transactions(handle_.get(), left_ms));
    if (!error) return learn_partitions(handle_.get(), left_ms);
    std::array<char, 512> reason{};
    const rd_kafka_resp_err_t fatal =
        rd_kafka_fatal_error(handle_.get(), reason.data(), reason.size());
    const bool is_fenced = is_fencing(fatal) || is_fencing(rd_kafka_error_code(error.get()));
    return Fault{is_fenced ? FaultCode::fenced : FaultCode::retriable,
                 "the transactions of an earlier writer of " + name_ +
                     " cannot be ended: " + rd_kafka_error_string(error.get())};
}

rd_kafka_resp_err_t TransactionalProducer::produce(const Topic& topic, ShardId partition,
                                                 ByteView key, ByteView bytes, bool is_record) {
    // librdkafka only reads through these pointers; without a flag it borrows the value, and copies
    // the key.
    return rd_kafka_producev(handle_.get(), RD_KAFKA_V_RKT(topic.get()),
                             RD_KAFKA_V_PARTITION(static_cast<std::int32_t>(partition.value())),
                             RD_KAFKA_V_MSGFLAGS(0), RD_KAFKA_V_KEY(key.data(), key.size()),
                             RD_KAFKA_V_VALUE(const_cast<std::byte*>(bytes.data()), bytes.size()),
                             RD_KAFKA_V_OPAQUE(is_record ? this : nullptr), RD_KAFKA_V_END);
}

TransactionEnd TransactionalProducer::failed(rd_kafka_resp_err_t code,
                                             const std::string& what) const {
    std::array<char, 512> reason{};
    const rd_kafka_resp_err_t fatal =
        rd_kafka_fatal_error(handle_.get(), reason.data(), reason.size());
    return {.is_displaced = is_displacing(code),
            .is_fenced = is_fencing(code) || is_fencing(fatal),
            .reason = what + ": " + name_of(fatal != RD_KAFKA_RESP_ERR_NO_ERROR ? fatal : code)};
}

rd_kafka_resp_err_t TransactionalProducer::write(const Transaction& transaction) {
    const RecordKey key = key_of(transaction.number);
    rd_kafka_resp_err_t queued = produce(events_, transaction.shard, key, transaction.record, true);
    for (const OutgoingSteps& steps : transaction.steps) {
        if (queued != RD_KAFKA_RESP_ERR_NO_ERROR) break;
        queued = produce(steps_, steps.to, {}, steps.batch, false);
    }
    return queued;
}

Error TransactionalProducer::send_offsets(const Transaction& transaction,
                                          const GroupMetadata& group) {
    const Partitions offsets(rd_kafka_topic_partition_list_new(2));
    const auto partition = static_cast<std::int32_t>(transaction.shard.value());
    rd_kafka_topic_partition_list_add(offsets.get(), commands_name_.c_str(), partition)->offset =
        static_cast<std::int64_t>(transaction.next.command.value());
    rd_kafka_topic_partition_list_add(offsets.get(), steps_name_.c_str(), partition)->offset =
        static_cast<std::int64_t>(transaction.next.step.value());
    return Error(rd_kafka_send_offsets_to_transaction(handle_.get(), offsets.get(), group.get(),
                                                      static_cast<int>(timeout_ms_)));
}

TransactionEnd TransactionalProducer::run(const Transaction& transaction,
                                          const std::string& identity) {
    // Without a limit of its own a call of librdkafka 2.0.2 may never end while brokers are away.
    const auto limit_ms = static_cast<int>(timeout_ms_);
    const std::int64_t sent = seen_.ends_sent, answered = seen_.ends_answered;
    seen_.record_offset = -1;
    const GroupMetadata group = metadata_of(identity);
    if (!group) return failed(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, "name the group");
    // To begin while a fatal error is pending may hang.
    if (rd_kafka_fatal_error(handle_.get(), nullptr, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return failed(RD_KAFKA_RESP_ERR__FATAL, "before a transaction");
    if (const Error error(rd_kafka_begin_transaction(handle_.get())); error)
        return failed(rd_kafka_error_code(error.get()), "begin a transaction");
    const rd_kafka_resp_err_t queued = write(transaction);
    if (queued != RD_KAFKA_RESP_ERR_NO_ERROR) return failed(queued, "write");
    if (const Error error = send_offsets(transaction, group); error)
        return failed(rd_kafka_error_code(error.get()), "send the offsets");
    if (const Error error(rd_kafka_commit_transaction(handle_.get(), limit_ms)); error)
        return failed(rd_kafka_error_code(error.get()), "commit a transaction");
    TransactionEnd end{.is_committed = true};
    const std::int64_t offset = seen_.record_offset;
    if (offset >= 0) end.offset = offset;
    end.ends_sent = seen_.ends_sent - sent;
    end.ends_answered = seen_.ends_answered - answered;
    return end;
}

}  // namespace

Result<std::unique_ptr<Transactions>> open_transactions(const KafkaLogOptions& options,
                                                        ShardId shard) {
    auto producer = std::make_unique<TransactionalProducer>(options, shard);
    if (Status made = producer->make(options, shard); !made) return made.error();
    return std::unique_ptr<Transactions>(std::move(producer));
}

}  // namespace vouch::kafka::librdkafka
