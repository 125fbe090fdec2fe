#pragma once

namespace vouch::kafka {

class KafkaClient;
/// The library that the program reaches brokers with (events/log/kafka/client.h).
KafkaClient& librdkafka_client();

}  // namespace vouch::kafka
