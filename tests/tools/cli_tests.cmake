# tools_cli: the parts of tools/vouch. tools_vouch: the program, run as people run it; its threads are
# those of web_server and command_handler, which ThreadSanitizer sees.
vouch_add_test(tools_cli
    SOURCES
        cli_parts_test.cc
        docs_tables_test.cc
    LIBS vouch_cli)
target_compile_definitions(tools_cli PRIVATE VOUCH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")

vouch_add_test(tools_vouch
    SOURCES
        auditor_test.cc
        bad_input_test.cc
        command_line_test.cc
        copied_books_test.cc
        creation_test.cc
        earlier_books_test.cc
        example_test.cc
        interrupted_recovery_test.cc
        missing_end_test.cc
        queries_test.cc
        readme_test.cc
        recovery_test.cc
        small_machine_test.cc
        stops_test.cc
        submit_shards_test.cc
        submit_test.cc
        backup_test.cc
        told_outcome_test.cc
        harmed_books.cc
        opened_books.cc
        program.cc
    LIBS vouch_command_handler vouch_events vouch_reconciler nlohmann_json::nlohmann_json
    LABELS unit one-thread
    TIMEOUT 300)
vouch_slow_passphrases(tools_vouch/earlier_books_test tools_vouch/small_machine_test)
vouch_does_more_in_dev(tools_vouch tools_vouch/small_machine_test)
target_compile_definitions(tools_vouch PRIVATE VOUCH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
add_dependencies(tools_vouch vouch)

find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
foreach(check unused pages)
    add_test(NAME ${check}
        COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/${check}.py ${PROJECT_SOURCE_DIR})
endforeach()
add_test(NAME toys
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/toys.py ${PROJECT_SOURCE_DIR})
add_test(NAME campaigns
    COMMAND Python3::Interpreter -B ${CMAKE_CURRENT_LIST_DIR}/campaigns_test.py
        ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR} ${CMAKE_CTEST_COMMAND})
set_tests_properties(unused pages toys campaigns PROPERTIES LABELS unit TIMEOUT 60)
add_test(NAME toys_compiled
    COMMAND Python3::Interpreter ${CMAKE_CURRENT_LIST_DIR}/toys.py ${PROJECT_SOURCE_DIR} --compile)
set_tests_properties(toys_compiled PROPERTIES LABELS campaign TIMEOUT 3600)
