#pragma once

#include "events/log/log.h"
#include "tests/support/text_of_file.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace vouch::test {

/// Where a record's bytes lie in the files of a log.
struct PlaceOnDisk {
    std::filesystem::path file;
    std::size_t at = 0;
};

inline PlaceOnDisk find_on_disk(const std::filesystem::path& log, const Bytes& record) {
    const std::string_view wanted(reinterpret_cast<const char*>(record.data()), record.size());
    for (const std::filesystem::directory_entry& file : std::filesystem::directory_iterator(log)) {
        const std::string bytes = text_of_file(file.path());
        const std::size_t at = bytes.find(wanted);
        if (at != std::string::npos) return {file.path(), at};
    }
    FAIL("the record is in no segment");
    return {};
}

/// As somebody does who has the disk in his hands.
inline void overwrite_on_disk(const PlaceOnDisk& place, ByteView bytes) {
    std::fstream segment(place.file, std::ios::binary | std::ios::in | std::ios::out);
    segment.seekp(static_cast<std::streamoff>(place.at));
    segment.write(reinterpret_cast<const char*>(bytes.data()),
                  static_cast<std::streamsize>(bytes.size()));
    REQUIRE(segment.flush().good());
}

}  // namespace vouch::test
