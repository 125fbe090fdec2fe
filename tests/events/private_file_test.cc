#include "events/seal/private_file.h"

#include "tests/support/file_mode.h"
#include "tests/support/memory_files.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

using namespace vouch;
namespace fs = std::filesystem;

namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

/// What a reader is told: the contents, or "refused".
std::string read(const fs::path& file, std::size_t size_max = 100,
                 Files& files = system_files()) {
    const Result<SecretBytes> contents = read_private_file(file, size_max, files);
    if (!contents) {
        CHECK(contents.error().code == FaultCode::configuration);
        CHECK(contents.error().message.find(file.string()) != std::string::npos);
        return "refused";
    }
    std::string text;
    std::ranges::transform(*contents, std::back_inserter(text),
                           [](std::byte b) { return static_cast<char>(b); });
    return text;
}

std::ptrdiff_t count_files(const fs::path& directory) {
    return std::distance(fs::directory_iterator(directory), fs::directory_iterator());
}

}  // namespace

TEST_CASE("private file: what is created is whole, its owner's alone, and never replaces") {
    const test::TemporaryDirectory directory;
    const fs::path file = directory.path() / "secret";
    const mode_t umask_before = ::umask(0777);
    const Result<bool> created = create_private_file(file, bytes_of("first"));
    ::umask(umask_before);
    REQUIRE(created.has_value());
    CHECK(*created);
    CHECK(test::mode_of(file) == 0600);
    CHECK(read(file) == "first");

    const Result<bool> again = create_private_file(file, bytes_of("second"));
    REQUIRE(again.has_value());
    CHECK_FALSE(*again);
    CHECK(read(file) == "first");

    CHECK(replace_private_file(file, bytes_of("third")).has_value());
    CHECK(test::mode_of(file) == 0600);
    CHECK(read(file) == "third");
    CHECK(count_files(directory.path()) == 1);
}

TEST_CASE("private file: a failure leaves nothing behind") {
    const test::TemporaryDirectory directory;
    const fs::path taken = directory.path() / "taken";
    fs::create_directories(taken / "full");
    CHECK_FALSE(replace_private_file(taken, bytes_of("x")).has_value());
    CHECK(count_files(directory.path()) == 1);

    const Result<bool> nowhere =
        create_private_file(directory.path() / "absent" / "file", bytes_of("x"));
    REQUIRE_FALSE(nowhere.has_value());
    CHECK(nowhere.error().code == FaultCode::storage);
}

TEST_CASE("private file: whenever the power fails, it is the old one or the new one") {
    std::size_t replaced = 0;
    bool is_done = false;
    for (std::uint64_t change = 1; !is_done; ++change) {
        CAPTURE(change);
        for (std::uint64_t seed = 0; seed < 8; ++seed) {
            test::MemoryFiles disk;
            REQUIRE(create_private_file("secret", bytes_of("first"), disk).has_value());
            disk.power_off_at(change);
            is_done = replace_private_file("secret", bytes_of("second"), disk).has_value();
            disk.power_off();
            disk.power_on(seed);
            const std::string found = read("secret", 100, disk);
            CHECK((found == "second" || (found == "first" && !is_done)));
            replaced += found == "second" && !is_done ? 1U : 0U;
            CHECK(replace_private_file("secret", bytes_of("third"), disk).has_value());
            CHECK(read("secret", 100, disk) == "third");
        }
    }
    CHECK(replaced > 0);
}

TEST_CASE("private file: one whose making fails at any call is not there, and can be made again") {
    bool is_made = false;
    std::uint64_t failed = 0;
    for (std::uint64_t change = 1; !is_made; ++change) {
        CAPTURE(change);
        test::MemoryFiles disk;
        disk.fail_change(change, EIO);
        is_made = create_private_file("secret", bytes_of("first"), disk).has_value();
        if (is_made) break;
        ++failed;
        CHECK(read("secret", 100, disk) == "refused");
        const Result<bool> again = create_private_file("secret", bytes_of("second"), disk);
        REQUIRE(again.has_value());
        CHECK(*again);
        CHECK(read("secret", 100, disk) == "second");
    }
    CHECK(failed > 3);
}

TEST_CASE("private file: one that the disk takes wrongly is not made, and the old one stays") {
    using WriteFault = test::MemoryFiles::WriteFault;
    for (const WriteFault fault : {WriteFault::flipped_bit, WriteFault::zeros,
                                   WriteFault::misdirected, WriteFault::lost}) {
        CAPTURE(static_cast<int>(fault));
        test::MemoryFiles disk;
        disk.spoil_write(1, fault);
        const Result<bool> wrong = create_private_file("secret", bytes_of("first"), disk);
        REQUIRE_FALSE(wrong.has_value());
        CHECK(wrong.error().message.starts_with("secret."));
        CHECK(read("secret", 100, disk) == "refused");
        REQUIRE(create_private_file("secret", bytes_of("first"), disk).has_value());
        disk.spoil_write(1, fault);
        CHECK_FALSE(replace_private_file("secret", bytes_of("second"), disk).has_value());
        CHECK(read("secret", 100, disk) == "first");
    }
}

TEST_CASE("private file: one that others may use, or that is none, is refused") {
    const test::TemporaryDirectory directory;
    const fs::path file = directory.path() / "secret";
    CHECK(read(file) == "refused");
    REQUIRE(create_private_file(file, bytes_of("contents")).has_value());
    for (const unsigned mode : {0640U, 0620U, 0610U, 0604U, 0602U, 0601U, 0644U, 0777U}) {
        CAPTURE(mode);
        fs::permissions(file, static_cast<fs::perms>(mode));
        CHECK(read(file) == "refused");
    }
    for (const unsigned mode : {0600U, 0400U, 0700U}) {
        CAPTURE(mode);
        fs::permissions(file, static_cast<fs::perms>(mode));
        CHECK(read(file) == "contents");
    }
    CHECK(read(file, 8) == "contents");
    CHECK(read(file, 7) == "refused");
    CHECK(read(directory.path()) == "refused");

    const fs::path fifo = directory.path() / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(read(fifo) == "refused");
}

TEST_CASE("private file: missing directories are made for the owner alone") {
    const test::TemporaryDirectory directory;
    const fs::path deep = directory.path() / "a" / "b" / "c";
    CHECK(create_private_directories(deep).has_value());
    CHECK(create_private_directories(deep).has_value());
    for (const fs::path& made : {deep, deep.parent_path(), deep.parent_path().parent_path()}) {
        CHECK(test::mode_of(made) == 0700);
    }
    std::ofstream(directory.path() / "file") << "x";
    CHECK_FALSE(create_private_directories(directory.path() / "file" / "below").has_value());
}
