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
