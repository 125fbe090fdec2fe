#include "events/world/files.h"

#include "events/log/log.h"
#include "tests/support/file_places.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>
#include <string>
#include <vector>

// What the machine's files and those in memory have in common, and what the latter lose.

namespace {

using namespace vouch;
using namespace vouch::test;

using Texts = std::vector<std::string>;

ByteView bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

void write(Files& files, const std::string& path, const std::string& text) {
    const Result<File> file = File::make(files, path);
    REQUIRE(file);
    REQUIRE(file->write(bytes_of(text), 0));
}

void write_synced(Files& files, const std::string& path, const std::string& text) {
    write(files, path, text);
    const Result<File> file = File::open(files, path, O_RDWR);
    REQUIRE(file);
    REQUIRE(file->fsync());
    REQUIRE(sync_directory(files, directory_of(path)));
}

/// "none" where there is none, or the fault.
std::string text(Files& files, const std::string& path) {
    const auto read = read_file(files, path);
    if (!read) return read.error().message;
    if (!*read) return "none";
    return {reinterpret_cast<const char*>((*read)->data()), (*read)->size()};
}

Texts names(const FilePlace& place) {
    Texts all;
    REQUIRE(place.files.list(place.directory, all));
    std::erase_if(all, [](const std::string& name) { return name == "." || name == ".."; });
    std::sort(all.begin(), all.end());
    return all;
}

}  // namespace

TEST_CASE("files: what was written is read, and a file ends where it ends") {
    on_both([](const FilePlace& place) {
        write(place.files, place / "a", "hello");
        CHECK(text(place.files, place / "a") == "hello");
        const Result<File> file = File::open(place.files, place / "a", O_RDWR);
        REQUIRE(file);
        REQUIRE(file->write(bytes_of("J"), 0));
        file->try_write(bytes_of("y!"), 4);
        CHECK(text(place.files, place / "a") == "Jelly!");
        CHECK(*file->size() == 6);
        std::vector<std::byte> more(7);
        CHECK(file->read(more, 0).error().code == FaultCode::corrupt);
        REQUIRE(file->truncate(2));
        CHECK(text(place.files, place / "a") == "Je");
        REQUIRE(file->allocate(3));
        CHECK(text(place.files, place / "a") == std::string("Je\0", 3));
    });
}

TEST_CASE("files: one that is made anew is empty, and gets its name later") {
    on_both([](const FilePlace& place) {
        write(place.files, place / "a", "old");
        write(place.files, place / "a.new", "longer than it will be");
        write(place.files, place / "a.new", "new");
        Result<File> file = File::make(place.files, place / "b.new");
        REQUIRE(file);
        REQUIRE(file->rename(place / "b"));
        CHECK(file->path() == place / "b");
        CHECK(place.files.rename(place / "a.new", place / "a"));
        CHECK(text(place.files, place / "a") == "new");
        CHECK(names(place) == Texts{"a", "b"});
        CHECK(place.files.remove(place / "a"));
        CHECK(place.files.remove(place / "a").error == ENOENT);
        CHECK(place.files.rename(place / "a", place / "b").error == ENOENT);
        CHECK(text(place.files, place / "a") == "none");
        CHECK(names(place) == Texts{"b"});
    });
}

TEST_CASE("files: directories are made with those above them, and are no files") {
    on_both([](const FilePlace& place) {
        REQUIRE(make_directories(place.files, place / "x/y"));
        REQUIRE(make_directories(place.files, place / "x/y"));
        write(place.files, place / "x/y/a", "deep");
        CHECK(names(place) == Texts{"x"});
        CHECK(place.files.make_directory(place / "x").error == EEXIST);
        CHECK(place.files.make_directory(place / "z/y").error == ENOENT);
        CHECK(place.files.make_directory(place / "x/y/a/b").error == ENOTDIR);
        CHECK(text(place.files, place / "x") == place / "x is no file");
        CHECK_FALSE(make_directories(place.files, place / "x/y/a"));
        CHECK_FALSE(make_directories(place.files, place / "x/y/a/b"));
        CHECK(File::open(place.files, place / "x", O_RDWR).error().code == FaultCode::storage);
        CHECK(File::make(place.files, place / "z/a").error().code == FaultCode::storage);
        Texts none;
        CHECK(place.files.list(place / "z", none).error == ENOENT);
    });
}

TEST_CASE("files: a lock excludes, and ends with its file") {
    on_both([](const FilePlace& place) {
        write(place.files, place / "lock", "");
        std::optional<File> first = *File::find(place.files, place / "lock", O_RDWR);
        const Result<File> second = File::open(place.files, place / "lock", O_RDWR);
        REQUIRE(second);
        CHECK(*first->lock());
        CHECK_FALSE(*second->lock());
        CHECK_FALSE(*second->lock_shared());
        first.reset();
        CHECK(*second->lock_shared());
    });
}

TEST_CASE("files in memory: what was synced survives, and nothing else need") {
    MemoryFiles files;
    write_synced(files, "a", "old");
    write_synced(files, "gone", "still");
    write(files, "a.new", "new");
    REQUIRE(files.rename("a.new", "a"));
    REQUIRE(files.remove("gone"));
    REQUIRE(files.make_directory("lost"));
    write_synced(files, "lost/b", "synced, in a directory that was not");
    files.power_off();
    CHECK(File::find(files, "a").error().code == FaultCode::storage);
    files.power_on(0);
    CHECK(text(files, "a") == "old");
    CHECK(text(files, "a.new") == "none");
    CHECK(text(files, "gone") == "still");
    CHECK(text(files, "lost/b") == "none");
}

TEST_CASE("files in memory: of what was not synced any part survives, by the seed") {
    Texts seen;
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        MemoryFiles files;
        write_synced(files, "a", std::string(1024, '-'));
        const Result<File> file = File::open(files, "a", O_RDWR);
        REQUIRE(file->write(bytes_of(std::string(1024, '+')), 0));
        write(files, "b", "new");
        REQUIRE(files.rename("b", "c"));
        files.power_off();
        files.power_on(seed);
        const std::string sectors = text(files, "a");
        std::string found{sectors.front(), sectors.back()};
        CHECK(sectors == std::string(512, found[0]) + std::string(512, found[1]));
        for (const char* name : {"b", "c"}) found += files.exists(name) ? name : ".";
        if (std::find(seen.begin(), seen.end(), found) == seen.end()) seen.push_back(found);
    }
    std::sort(seen.begin(), seen.end());
    CHECK(seen.size() == 12);
    CHECK(seen.front() == "++..");
    CHECK(seen.back() == "--b.");
}

TEST_CASE("files in memory: the call that was chosen fails, and bits rot") {
    MemoryFiles files;
    write_synced(files, "a", "a");
    files.fail_change(2, ENOSPC);
    const Result<File> file = File::open(files, "a", O_RDWR);
    REQUIRE(file->write(bytes_of("b"), 0));
    CHECK(file->fsync().error().message.find("No space left") != std::string::npos);
    REQUIRE(file->fsync());
    files.power_off_at(1);
    CHECK_FALSE(file->write(bytes_of("c"), 0));
    CHECK(files.is_off());
    files.power_on(1);
    files.flip("a", 1);
    files.power_off();
    files.power_on(0);
    CHECK(text(files, "a") == "c");
}
