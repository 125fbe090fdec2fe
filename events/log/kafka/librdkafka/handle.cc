#include "events/log/kafka/librdkafka/handle.h"

#include "events/check.h"
#include "events/world/notice.h"

#include <array>
#include <chrono>
#include <mutex>

namespace vouch::kafka {
namespace {

using Clock = std::chrono::steady_clock;

/// Lines that librdkafka may write in one period; a lost broker makes it repeat itself.
constexpr int kLogLinesMax = 8;
constexpr std::chrono::seconds kLogPeriod{10};
/// syslog's warning: whatever is less urgent is not shown.
constexpr int kLogLevel = 4;

/// Bounds on what a broker may hold up: connecting, an answer, and the pause between attempts.
constexpr std::int64_t kConnectTimeoutMs = 5'000;
constexpr std::int64_t kRequestTimeoutMs = 10'000;
constexpr std::int64_t kReconnectMinMs = 50;
constexpr std::int64_t kReconnectMaxMs = 1'000;
/// One answer to a reader, of several partitions; the second also bounds what a compressed batch
/// may become here. More than the largest message of a topic that is taken (topics.cc).
constexpr std::int64_t kFetchBytesMax = 32 << 20;
constexpr std::int64_t kReceiveBytesMax = 64 << 20;

/// One gate for all lines of the process, whichever object they come from.
class LogGate {
public:
    void write(const char* facility, const char* text) {
        const std::lock_guard lock(mutex_);
        const Clock::time_point now = Clock::now();
        if (now - period_began_ >= kLogPeriod) {
            if (withheld_ > 0) {
                tell({Severity::note, "kafka_client",
                      "kafka: " + std::to_string(withheld_) + " more lines withheld"});
            }
            period_began_ = now;
            written_ = 0;
            withheld_ = 0;
        }
        if (written_ == kLogLinesMax) {
            ++withheld_;
            return;
        }
        ++written_;
        tell({Severity::note, "kafka_client", std::string("kafka: ") + facility + ": " + text});
    }

private:
    std::mutex mutex_;
    Clock::time_point period_began_{};
    int written_ = 0;
    int withheld_ = 0;
};

LogGate& log_gate() {
    static LogGate gate;
    return gate;
}

void on_log(const rd_kafka_t*, int, const char* facility, const char* text) {
    log_gate().write(facility, text);
}

/// What happens to all brokers at once. Calls that suffer from it fail by themselves.
void on_error(rd_kafka_t*, int code, const char* reason, void*) {
    const auto error = static_cast<rd_kafka_resp_err_t>(code);
    if (error == RD_KAFKA_RESP_ERR__TRANSPORT) return;  // each lost connection, logged above
    log_gate().write(rd_kafka_err2name(error), reason);
}

}  // namespace

std::string name_of(rd_kafka_resp_err_t code) {
    return std::string(rd_kafka_err2str(code)) + " (" + rd_kafka_err2name(code) + ")";
}

Settings::Settings(std::string_view bootstrap) : conf_(rd_kafka_conf_new()) {
    rd_kafka_conf_set_log_cb(conf_.get(), on_log);
    rd_kafka_conf_set_error_cb(conf_.get(), on_error);
    set("bootstrap.servers", std::string(bootstrap));
    set("client.id", "vouch");
    set("log_level", kLogLevel);
    set("log.connection.close", "false");
    set("statistics.interval.ms", 0);
    set("socket.nagle.disable", "true");
    set("socket.connection.setup.timeout.ms", kConnectTimeoutMs);
    set("socket.timeout.ms", kRequestTimeoutMs);
    set("reconnect.backoff.ms", kReconnectMinMs);
    set("reconnect.backoff.max.ms", kReconnectMaxMs);
    set("message.max.bytes", kMessageBytesMax);
}

Settings& Settings::set(const char* name, const std::string& value) {
    std::array<char, 256> reason{};
    const rd_kafka_conf_res_t result =
        rd_kafka_conf_set(conf_.get(), name, value.c_str(), reason.data(), reason.size());
    VOUCH_ASSERT(result == RD_KAFKA_CONF_OK);
    return *this;
}

Result<Handle> Settings::make(rd_kafka_type_t type) && {
    std::array<char, 256> reason{};
    rd_kafka_t* handle = rd_kafka_new(type, conf_.get(), reason.data(), reason.size());
    if (handle == nullptr) {
        return Fault{FaultCode::configuration, std::string("kafka: ") + reason.data()};
    }
    (void)conf_.release();  // the handle's from here on
    return Handle(handle);
}

Settings reading_settings(std::string_view bootstrap) {
    Settings settings(bootstrap);
    settings.set("isolation.level", "read_committed")
        .set("check.crcs", "true")
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false")
        .set("fetch.max.bytes", kFetchBytesMax)
        .set("receive.message.max.bytes", kReceiveBytesMax)
        .set("fetch.error.backoff.ms", 50);
    return settings;
}

Topic topic_for_reading(rd_kafka_t* handle, const std::string& name) {
    rd_kafka_topic_conf_t* conf = rd_kafka_topic_conf_new();
    std::array<char, 256> reason{};
    const rd_kafka_conf_res_t result =
        rd_kafka_topic_conf_set(conf, "auto.offset.reset", "error", reason.data(), reason.size());
    VOUCH_ASSERT(result == RD_KAFKA_CONF_OK);
    return Topic(rd_kafka_topic_new(handle, name.c_str(), conf));
}

Status learn_partitions(rd_kafka_t* handle, int timeout_ms) {
    const rd_kafka_metadata_t* metadata = nullptr;
    const rd_kafka_resp_err_t error = rd_kafka_metadata(handle, 0, nullptr, &metadata, timeout_ms);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return Fault{FaultCode::retriable, "partitions are not known: " + name_of(error)};
    }
    rd_kafka_metadata_destroy(metadata);
    return {};
}

}  // namespace vouch::kafka
