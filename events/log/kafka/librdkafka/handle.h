#pragma once

#include "events/log/kafka/client.h"

#include <librdkafka/rdkafka.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace vouch::kafka {

/// Frees a librdkafka object with the function that its kind has.
template <auto destroy>
struct Destroy {
    template <class T>
    void operator()(T* object) const {
        destroy(object);
    }
};

using Handle = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using RawMessage = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;
using Partitions = std::unique_ptr<rd_kafka_topic_partition_list_t,
                                   Destroy<rd_kafka_topic_partition_list_destroy>>;
using GroupMetadata = std::unique_ptr<rd_kafka_consumer_group_metadata_t,
                                      Destroy<rd_kafka_consumer_group_metadata_destroy>>;
using Error = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;

/// "Broker: Not leader for partition (NOT_LEADER_OR_FOLLOWER)".
std::string name_of(rd_kafka_resp_err_t code);

/// The settings of one librdkafka object. Begins with what all of ours have: the brokers, no
/// statistics, no delay of small packets, and one place for what it has to say.
class Settings {
public:
    explicit Settings(std::string_view bootstrap);

    /// A name or value that librdkafka does not know is a bug of ours, except for `bootstrap`.
    Settings& set(const char* name, const std::string& value);
    Settings& set(const char* name, std::int64_t value) { return set(name, std::to_string(value)); }

    /// For callbacks: what librdkafka hands back to them.
    rd_kafka_conf_t* get() { return conf_.get(); }

    /// `configuration` when librdkafka refuses the settings together.
    Result<Handle> make(rd_kafka_type_t type) &&;

private:
    std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>> conf_;
};

/// Settings of everything that reads a ledger's topics: only what is committed, checked, and never
/// silently somewhere else than asked.
Settings reading_settings(std::string_view bootstrap);

/// A topic of `handle` that is read from explicit offsets alone.
Topic topic_for_reading(rd_kafka_t* handle, const std::string& name);

/// A topic that `handle` writes to.
inline Topic producing_topic(rd_kafka_t* handle, const std::string& name) {
    return Topic(rd_kafka_topic_new(handle, name.c_str(), nullptr));
}

/// Sends one administrative request and waits for what came of it. `retriable` when nothing did.
template <class Send>
Result<Event> ask(rd_kafka_t* handle, rd_kafka_admin_op_t kind, int timeout_ms, const Send& send) {
    const Queue queue(rd_kafka_queue_new(handle));
    const std::unique_ptr<rd_kafka_AdminOptions_t, Destroy<rd_kafka_AdminOptions_destroy>> how(
        rd_kafka_AdminOptions_new(handle, kind));
    // Its own limit, here the longest there may be, is never met: librdkafka ends the process when
    // a coordinator's answer comes behind it (its issue 4605), and whoever was stopped meets both.
    constexpr int kNeverMs = 3'600'000;
    rd_kafka_AdminOptions_set_request_timeout(how.get(), kNeverMs, nullptr, 0);
    send(how.get(), queue.get());
    Event event(rd_kafka_queue_poll(queue.get(), timeout_ms));
    if (!event) return Fault{FaultCode::retriable, "the request was not answered"};
    if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return Fault{FaultCode::retriable, rd_kafka_event_error_string(event.get())};
    return event;
}

/// Waits until `handle` knows the partitions of its topics: else its first message would wait, up
/// to a second, for the next time that it looks. `retriable` when no broker answers in time.
Status learn_partitions(rd_kafka_t* handle, int timeout_ms);

}  // namespace vouch::kafka
