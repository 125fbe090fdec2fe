#pragma once

#include "tests/support/memory_files.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <string>

namespace vouch::test {

/// An empty directory, on the machine's files or on those in memory.
struct FilePlace {
    std::string kind;
    Files& files;
    std::string directory;

    std::string operator/(const std::string& name) const { return directory + "/" + name; }
};

/// Both must do the same.
template <class Test>
void on_both(Test test) {
    const TemporaryDirectory real;
    MemoryFiles memory;
    REQUIRE(make_directories(memory, "place"));
    for (const FilePlace& place : {FilePlace{"machine", system_files(), real.path().string()},
                                   FilePlace{"memory", memory, "place"}}) {
        CAPTURE(place.kind);
        test(place);
    }
}

}  // namespace vouch::test
