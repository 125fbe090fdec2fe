#include "tests/support/text_of_file.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>

TEST_CASE("schemas: each file of messages names its package in Go") {
    unsigned files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(VOUCH_SCHEMAS)) {
        if (entry.path().extension() != ".proto") continue;
        CAPTURE(entry.path());
        const std::string text = vouch::test::text_of_file(entry.path());
        CHECK(text.find("\noption go_package = \"vouch/v1;vouchv1\";\n") != std::string::npos);
        ++files;
    }
    CHECK(files == 4);
}
