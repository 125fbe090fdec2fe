# tools_cli: the parts of tools/vouch. tools_vouch: the program, run as people run it.
vouch_add_test(tools_vouch
    SOURCES
        example_test.cc
        program.cc
    LIBS vouch_events nlohmann_json::nlohmann_json
    TIMEOUT 300)
add_dependencies(tools_vouch vouch)
