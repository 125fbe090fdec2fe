vouch_add_test(events_entries
    SOURCES
        command_codec_test.cc
        command_refusal_test.cc
        command_test.cc
        entries_as_proto.cc
        event_codec_test.cc
        event_refusal_test.cc
        kinds_test.cc
        mutated_entries_test.cc
        random_entries.cc
        sample_entries.cc
        step_codec_test.cc
        voucher_test.cc
        wire_test.cc
    LIBS vouch_events vouch_schemas nlohmann_json::nlohmann_json
    LABELS unit one-thread)
target_compile_definitions(events_entries PRIVATE VOUCH_GOLDEN="${PROJECT_SOURCE_DIR}/tests/golden")

# What an independent program computes, as for the other golden files.
if(Python3_FOUND)
    add_test(NAME golden/entries
        COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/tests/golden/make_entries.py --check)
    set_tests_properties(golden/entries PROPERTIES LABELS "unit;long" TIMEOUT 60)
endif()
