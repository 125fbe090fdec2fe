# Tests of command-handler/intake.
vouch_add_test(command_handler_intake
    SOURCES
        ${CMAKE_CURRENT_LIST_DIR}/intake_amounts_test.cc
        ${CMAKE_CURRENT_LIST_DIR}/intake_fuzz_test.cc
        ${CMAKE_CURRENT_LIST_DIR}/intake_json_test.cc
        ${CMAKE_CURRENT_LIST_DIR}/intake_routing_test.cc
        ${CMAKE_CURRENT_LIST_DIR}/intake_stream_test.cc
        ${CMAKE_CURRENT_LIST_DIR}/intake_time_test.cc
        ${CMAKE_CURRENT_LIST_DIR}/intake_validation_test.cc
    LIBS vouch_command_handler vouch_events Boost::headers nlohmann_json::nlohmann_json
    LABELS unit one-thread)
