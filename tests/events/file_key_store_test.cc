#include "events/seal/key_store.h"
#include "events/seal/private_file.h"
#include "tests/events/golden_file.h"
#include "tests/support/file_mode.h"
#include "tests/support/memory_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_of_file.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

using namespace vouch;
using vouch::test::from_hex;
using vouch::test::to_hex;
namespace fs = std::filesystem;

namespace {

constexpr DeploymentId kDeployment(0x0011223344556677, 0x8899aabbccddeeff);
constexpr DeploymentId kOtherDeployment(0x0011223344556677, 0x8899aabbccddeefe);

/// A data directory and, beside it, a place for passphrases.
struct Place {
    Place() { fs::create_directories(data); }

    test::TemporaryDirectory directory;
    fs::path data = directory.path() / "data";
    fs::path key_file = data / "key";
    fs::path passphrase_file = directory.path() / "secrets" / "passphrase";

    FileKeyStore store() const { return {key_file, passphrase_file}; }
};

void write_file(const fs::path& file, std::string_view contents) {
    fs::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << contents;
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
}

/// The root as hex digits, or the fault's message, which must be of settings.
std::string root_of(FileKeyStore store, DeploymentId deployment = kDeployment) {
    const Result<SecretKey> root = store.root(deployment);
    if (root) return to_hex(root->bytes());
    CHECK(root.error().code == FaultCode::configuration);
    return root.error().message;
}

bool is_root(const std::string& text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("key store: a new one keeps its root, with a passphrase made for it") {
    const Place place;
    REQUIRE(place.store().create(kDeployment).has_value());
    CHECK(test::mode_of(place.key_file) == 0600);
    CHECK(test::mode_of(place.passphrase_file) == 0600);
    CHECK(test::mode_of(place.passphrase_file.parent_path()) == 0700);

    const std::string root = root_of(place.store());
    REQUIRE(is_root(root));
    CHECK(root_of(place.store()) == root);

    const std::string passphrase = test::text_of_file(place.passphrase_file);
    CHECK(passphrase.size() == 65);
    CHECK(is_root(passphrase.substr(0, 64)));
    const std::string file = test::text_of_file(place.key_file);
    CHECK_FALSE(contains(file, passphrase.substr(0, 64)));
    const std::vector<std::byte> secret = from_hex(root);
    CHECK_FALSE(contains(
        file, std::string_view(reinterpret_cast<const char*>(secret.data()), secret.size())));

    const Place other;
    REQUIRE(other.store().create(kDeployment).has_value());
    CHECK(root_of(other.store()) != root);
    CHECK(test::text_of_file(other.passphrase_file) != passphrase);
}

TEST_CASE("key store: a key file is never replaced by a new one") {
    const Place place;
    REQUIRE(place.store().create(kDeployment).has_value());
    const std::string root = root_of(place.store());
    const Status again = place.store().create(kDeployment);
    REQUIRE_FALSE(again.has_value());
    CHECK(again.error().code == FaultCode::configuration);
    CHECK(root_of(place.store()) == root);
}

TEST_CASE("key store: the key file is the one of the golden file") {
    const nlohmann::json golden = test::read_golden_json("key_file.json");
    const Place place;
    const std::vector<std::byte> bytes = from_hex(golden.at("key_file").get<std::string>());
    write_file(place.key_file,
               std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    const std::string passphrase = golden.at("passphrase").get<std::string>();
    // The passphrase is the first line, without its end.
    for (const std::string_view end : {"", "\n", "\r\n", "\nanother line\n"}) {
        CAPTURE(end);
        write_file(place.passphrase_file, passphrase + std::string(end));
        CHECK(root_of(place.store()) == golden.at("root").get<std::string>());
    }
}

TEST_CASE("key store: a wrong passphrase is refused without a word about it") {
    const Place place;
    write_file(place.passphrase_file, "open sesame\n");
    REQUIRE(place.store().create(kDeployment).has_value());
    REQUIRE(is_root(root_of(place.store())));
    for (const std::string_view wrong :
         {"open sesam", "open sesame ", "Open sesame", " open sesame", "x"}) {
        write_file(place.passphrase_file, wrong);
        const std::string message = root_of(place.store());
        CAPTURE(message);
        CHECK(contains(message, "wrong passphrase, or the file is damaged"));
        CHECK_FALSE(contains(message, "sesam"));
    }
    for (const std::string_view empty : {"", "\n", "\r\n", "\nopen sesame\n"}) {
        write_file(place.passphrase_file, empty);
        CHECK(contains(root_of(place.store()), "empty"));
    }
}

TEST_CASE("key store: a key file damaged anywhere gives no key") {
    const Place place;
    REQUIRE(place.store().create(kDeployment).has_value());
    const std::string whole = test::text_of_file(place.key_file);
    REQUIRE(whole.size() == 120);
    // From the salt on each look costs a scrypt: every field there is met several times.
    constexpr std::size_t kSaltAt = 28, kApart = 7;
    for (std::size_t at = 0; at < whole.size(); at += at < kSaltAt ? 1 : kApart) {
        std::string damaged = whole;
        damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ (1U << (at % 8)));
        write_file(place.key_file, damaged);
        CAPTURE(at);
        CHECK_FALSE(is_root(root_of(place.store())));
    }
    for (const std::size_t size : {0UL, 1UL, 72UL, 119UL}) {
        write_file(place.key_file, whole.substr(0, size));
        CHECK(contains(root_of(place.store()), "not a key file"));
    }
    write_file(place.key_file, whole + "x");
    CHECK_FALSE(is_root(root_of(place.store())));
    write_file(place.key_file, whole);
    CHECK(is_root(root_of(place.store())));
}

TEST_CASE("key store: another deployment's key file is refused, also when its id is forged") {
    const Place place;
    REQUIRE(place.store().create(kOtherDeployment).has_value());
    CHECK(contains(root_of(place.store()), "another deployment"));

    std::string forged = test::text_of_file(place.key_file);
    REQUIRE(static_cast<unsigned char>(forged[27]) == 0xfe);
    forged[27] = static_cast<char>(0xff);
    write_file(place.key_file, forged);
    CHECK(contains(root_of(place.store()), "damaged"));
}

TEST_CASE("key store: no byte that is read or written wrongly while keys are made locks them up") {
    const auto spoil = [](test::MemoryFiles& disk, bool reads, std::uint64_t nth) {
        if (reads) disk.spoil_read(nth, test::MemoryFiles::ReadFault::flipped_bit);
        if (!reads) disk.spoil_write(nth, test::MemoryFiles::WriteFault::flipped_bit);
    };
    for (const bool reads : {true, false}) {
        bool happens = true;
        for (std::uint64_t nth = 1; happens; ++nth) {
            CAPTURE(reads);
            CAPTURE(nth);
            test::MemoryFiles disk;
            REQUIRE(create_private_directories("data", disk).has_value());
            FileKeyStore store("data/key", "secrets/passphrase", disk);
            spoil(disk, reads, nth);
            const bool is_made = store.create(kDeployment).has_value();
            happens = disk.fault_happened();
            spoil(disk, reads, 0);
            CHECK((is_made || happens));
            CHECK(store.create(kDeployment).has_value() == !is_made);
            const std::string root = root_of(store);
            REQUIRE(is_root(root));
            spoil(disk, reads, nth);
            const bool is_changed = store.change_passphrase("secrets/new").has_value();
            spoil(disk, reads, 0);
            CHECK(root_of({"data/key", is_changed ? "secrets/new" : "secrets/passphrase", disk}) ==
                  root);
        }
    }
}

TEST_CASE("key store: files that others may read are refused") {
    const Place place;
    REQUIRE(place.store().create(kDeployment).has_value());
    for (const fs::path& file : {place.key_file, place.passphrase_file}) {
        fs::permissions(file, fs::perms::group_read, fs::perm_options::add);
        const std::string message = root_of(place.store());
        CHECK(contains(message, "mode 0600"));
        CHECK(contains(message, file.string()));
        fs::permissions(file, fs::perms::group_read, fs::perm_options::remove);
    }
    CHECK(is_root(root_of(place.store())));
    fs::remove(place.passphrase_file);
    CHECK(contains(root_of(place.store()), place.passphrase_file.string()));
    fs::remove(place.key_file);
    CHECK(contains(root_of(place.store()), place.key_file.string()));
}

TEST_CASE("key store: a passphrase in the data directory is refused, by whatever path") {
    const Place place;
    const fs::path link = place.directory.path() / "link";
    fs::create_directory_symlink(place.data, link);
    const fs::path inside[] = {
        place.data / "passphrase",
        place.data / "deeper" / "passphrase",
        place.directory.path() / "other" / ".." / "data" / "passphrase",
        link / "passphrase",
        place.key_file,
    };
    for (const fs::path& file : inside) {
        CAPTURE(file.string());
        const Status created = FileKeyStore(place.key_file, file).create(kDeployment);
        REQUIRE_FALSE(created.has_value());
        CHECK(created.error().code == FaultCode::configuration);
        CHECK(contains(created.error().message, "outside the data directory"));
    }
    CHECK(fs::is_empty(place.data));

    // Also one that was put there later, and not only a neighbour whose name begins alike.
    const fs::path neighbour = place.directory.path() / "data-secrets" / "passphrase";
    REQUIRE(FileKeyStore(place.key_file, neighbour).create(kDeployment).has_value());
    CHECK(is_root(root_of({place.key_file, neighbour})));
    fs::copy_file(neighbour, place.data / "passphrase");
    CHECK(contains(root_of({place.key_file, place.data / "passphrase"}),
                   "outside the data directory"));
    FileKeyStore store(place.key_file, neighbour);
    CHECK_FALSE(store.change_passphrase(place.data / "passphrase").has_value());
}

TEST_CASE("key store: a changed passphrase keeps the root and ends the old passphrase") {
    const Place place;
    FileKeyStore store = place.store();
    REQUIRE(store.create(kDeployment).has_value());
    const std::string root = root_of(store);
    const std::string before = test::text_of_file(place.key_file);

    const fs::path new_file = place.directory.path() / "new" / "passphrase";
    REQUIRE(store.change_passphrase(new_file).has_value());
    CHECK(root_of(store) == root);
    CHECK(root_of({place.key_file, new_file}) == root);
    CHECK(contains(root_of(place.store()), "wrong passphrase"));

    const std::string after = test::text_of_file(place.key_file);
    CHECK(test::mode_of(place.key_file) == 0600);
    CHECK(after.substr(0, 28) == before.substr(0, 28));
    // Salt and nonce are never used twice.
    CHECK(after.substr(28, 32) != before.substr(28, 32));
    CHECK(after.substr(60, 12) != before.substr(60, 12));

    // Whoever does not have the passphrase changes nothing.
    FileKeyStore stranger = place.store();
    CHECK_FALSE(stranger.change_passphrase(new_file).has_value());
    CHECK(test::text_of_file(place.key_file) == after);
}
