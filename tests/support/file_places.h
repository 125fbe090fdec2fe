#pragma once

#include "tests/support/memory_files.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <span>
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

/// All of a file.
inline std::string text_of(Files& files, const std::string& path) {
    const auto bytes = read_file(files, path);
    REQUIRE(bytes);
    REQUIRE(bytes->has_value());
    return {reinterpret_cast<const char*>((*bytes)->data()), (*bytes)->size()};
}

inline void write_file(Files& files, const std::string& path, const std::string& bytes) {
    // A file cut to nothing and written again is synced by some file systems.
    (void)files.remove(path);
    const Result<File> file = File::make(files, path);
    REQUIRE(file);
    REQUIRE(file->write(std::as_bytes(std::span(bytes)), 0));
}

}  // namespace vouch::test
