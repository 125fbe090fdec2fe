set(VOUCH_EVENTS_LOG_SOURCES
    log/descriptors.cc
    log/disk_room.cc
    log/embedded/crc32c.cc
    log/embedded/embedded_log.cc
    log/embedded/frame.cc
    log/embedded/group_committer.cc
    log/embedded/group_writer.cc
    log/embedded/log_copy.cc
    log/embedded/log_end.cc
    log/embedded/log_walk.cc
    log/embedded/opening.cc
    log/embedded/recovery.cc
    log/embedded/segment.cc
    log/embedded/segment_preparer.cc
    log/embedded/stored_frames.cc
    log/embedded/waiting_steps.cc
    log/input_queue.cc
    log/scrub.cc
    log/set_aside.cc
    log/verified_reader.cc
    log/writer_turn.cc)

# The twin on Apache Kafka is a library of its own: only its users link librdkafka.
add_library(vouch_kafka STATIC
    log/kafka/cluster_watch.cc
    log/kafka/command_producer.cc
    log/kafka/group_place.cc
    log/kafka/input_gaps.cc
    log/kafka/kafka_log.cc
    log/kafka/librdkafka/admin.cc
    log/kafka/librdkafka/appender.cc
    log/kafka/librdkafka/client.cc
    log/kafka/librdkafka/group.cc
    log/kafka/librdkafka/handle.cc
    log/kafka/librdkafka/reading.cc
    log/kafka/librdkafka/transactions.cc
    log/kafka/librdkafka/watermarks.cc
    log/kafka/membership.cc
    log/kafka/patience.cc
    log/kafka/record_cache.cc
    log/kafka/record_chain.cc
    log/kafka/record_cursors.cc
    log/kafka/record_end.cc
    log/kafka/record_places.cc
    log/kafka/record_topic.cc
    log/kafka/shard_committer.cc
    log/kafka/shard_input.cc
    log/kafka/shard_records.cc
    log/kafka/standing.cc
    log/kafka/stop.cc
    log/kafka/strays.cc
    log/kafka/topics.cc
    log/kafka/transaction.cc
    log/kafka/unreadable.cc)
target_link_libraries(vouch_kafka
    PUBLIC vouch_events
    PRIVATE PkgConfig::RDKAFKA)
