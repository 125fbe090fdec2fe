# tools_cli: the parts of tools/vouch. tools_vouch: the program, run as people run it; its threads are
# those of web_door and command_handler, which ThreadSanitizer sees.
vouch_add_test(tools_cli
    SOURCES
        answer_text_test.cc
        cli_parts_test.cc
        command_door_test.cc
    LIBS vouch_cli)

vouch_add_test(tools_vouch
    SOURCES
        bad_input_test.cc
        example_test.cc
        interrupted_recovery_test.cc
        queries_test.cc
        readme_test.cc
        recovery_test.cc
        small_machine_test.cc
        stops_test.cc
        submit_test.cc
        harmed_books.cc
        program.cc
    LIBS vouch_events vouch_reconciler nlohmann_json::nlohmann_json
    LABELS unit one-thread
    TIMEOUT 300)
target_compile_definitions(tools_vouch PRIVATE VOUCH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
add_dependencies(tools_vouch vouch)
