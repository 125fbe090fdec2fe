#pragma once

#include "events/log/kafka/client.h"
#include "events/log/kafka/patience.h"
#include "events/log/kafka/stop.h"
#include "events/log/log.h"

#include <vector>

namespace vouch::kafka {

/// Compares a shard's inputs with how far it has read them. A partition that begins behind what is
/// wanted was trimmed, one that ends before it is another one. One that was deleted, made again and
/// filled looks as it should; but the consumed offsets of both inputs go with each record's
/// transaction, and brokers forget those of a topic that is deleted: where only one of the two is
/// known, the other topic was made again, and its offsets mean other messages. After a week without
/// a handler brokers forget both, and nothing can be said.
///
/// Whatever is wanted is there when it is the first that is there: then nothing is passed over.
/// `storage` when brokers do not answer within the log's patience, or it is stopped before.
Result<std::vector<InputGap>> find_input_gaps(const KafkaLogOptions& options,
                                              Watermarks& watermarks, ShardId shard,
                                              InputPosition next, const Patience& patience,
                                              Stop& stop);

/// What the group of handlers has consumed of a shard's inputs; zero of what it does not know.
/// `storage` as above.
Result<InputPosition> find_consumed(const KafkaLogOptions& options, ShardId shard,
                                    const Patience& patience, Stop& stop);

}  // namespace vouch::kafka
