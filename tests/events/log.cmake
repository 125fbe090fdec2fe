vouch_add_test(log
    SOURCES
        files_test.cc
        log_contract_test.cc
        log_embedded_faults_test.cc
        log_embedded_steps_test.cc
        log_embedded_test.cc
        log_end_test.cc
        log_frame_test.cc
        log_recovery_test.cc
        log_simulated_test.cc
        log_twins.cc
    LIBS vouch_events)

vouch_add_test(log_kafka_cache
    SOURCES
        record_cache_test.cc
    LIBS vouch_kafka)

# The log on Kafka, with a cluster in memory.
vouch_add_test(log_kafka_memory
    SOURCES
        kafka_commit_test.cc
        kafka_memory_twins.cc
        kafka_reading_test.cc
        log_contract_test.cc
    LIBS vouch_test_kafka)
