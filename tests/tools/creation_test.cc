// Data directories as they are made and as they were made: creations that are cut off, lost keys,
// passphrases.
#include "tests/tools/opened_books.h"

#include <doctest/doctest.h>

#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

using namespace vouch::test;
namespace fs = std::filesystem;

TEST_CASE("creation: a creation that is refused leaves nothing behind") {
    const Program program;
    const fs::path deep = program.home() / "a" / "b" / "books";
    check_refused(program.run({"submit", "-", "--data", deep.string(), "--create",
                               "--passphrase-file", (deep / "passphrase").string()}),
                  3, "must lie outside the data directory");
    CHECK(fs::is_empty(program.home()));
    // What was there before stays, and somebody else's file with it.
    fs::create_directory(program.home() / "a");
    std::ofstream(program.home() / "letter.txt") << "dear";
    const auto before = tree(program.home());
    check_refused(program.run({"submit", "-", "--data", deep.string(), "--create",
                               "--passphrase-file", (program.home() / "letter.txt" / "x").string()}),
                  3, "letter.txt");
    CHECK(tree(program.home()) == before);
    CHECK(program.run({"submit", "-", "--data", deep.string(), "--create"}).exit == 0);
}

TEST_CASE("creation: a creation that fails leaves a passphrase file that somebody named") {
    const Program program;
    const fs::path shared = program.home() / "shared" / "passphrase";
    // So long a name that the directory can be made, and nothing beside a key file's name in it.
    constexpr std::size_t kPathBytesMax = 4095 - std::string_view("/keys").size();
    constexpr std::size_t kNameBytesMax = 250;
    std::string books = program.home().string();
    while (books.size() + 2 + kNameBytesMax < kPathBytesMax)
        books += "/" + std::string(kNameBytesMax, 'b');
    books += "/" + std::string(kPathBytesMax - 1 - books.size(), 'b');
    const auto create = [&](std::vector<std::string> more) {
        std::vector<std::string> all = {"submit", "-", "--data", books, "--create"};
        all.insert(all.end(), more.begin(), more.end());
        return program.run(all);
    };
    CHECK(create({}).exit != 0);
    CHECK(fs::is_empty(program.home()));
    CHECK(create({"--passphrase-file", shared.string()}).exit != 0);
    // Other books may be sealed with it by now.
    CHECK(fs::exists(shared));
    CHECK_FALSE(fs::exists(books));
}

TEST_CASE("creation: what a killed creation leaves is cleared by the next one, but no records") {
    const Program program;
    const std::string books = program.books().string();
    const fs::path config = program.home() / ".config" / "vouch";
    const auto passphrases = [&] {
        std::vector<fs::path> found;
        for (const auto& each : fs::directory_iterator(config)) found.push_back(each.path());
        return found;
    };
    REQUIRE(program.submit(kOpenAndPay, {"--create"}).exit == 0);
    REQUIRE(passphrases().size() == 1);
    const fs::path first = passphrases().front();
    const auto cut_off = [&] {
        for (const char* const later : {"/deployment", "/instance", "/origin"})
            fs::remove(books + later);
        std::ofstream(books + "/creation") << "vouch creation 1\n" << first.string();
        fs::last_write_time(first, fs::file_time_type::clock::now());
    };
    cut_off();
    const auto before = tree(books);
    check_refused(program.submit("", {"--create"}), 3, "log/ holds records");
    check_refused(program.submit(""), 3, "was interrupted; --create begins anew");
    CHECK(tree(books) == before);
    CHECK(fs::exists(first));

    fs::remove_all(books + "/log");
    std::ofstream(first.string() + ".123456") << "half";
    std::ofstream(first.string() + ".old") << "mine";
    std::ofstream(books + "/keys.123456") << "half";
    const ProgramResult anew = program.submit("", {"--create"});
    CHECK(anew.exit == 0);
    CHECK_MESSAGE(anew.err.find("was cut off here; what it left is removed") != std::string::npos,
                  anew.err);
    CHECK(!fs::exists(first));
    CHECK(!fs::exists(books + "/keys.123456"));
    CHECK(!fs::exists(books + "/creation"));
    // Nor is anything removed that we do not make.
    REQUIRE(fs::remove(first.string() + ".old"));
    CHECK(passphrases().size() == 1);
    // A kill before the note was written has left nothing else, a power loss zeros in it.
    for (const std::string& note :
         {std::string("vouch cre"), std::string(200, '\0'),
          "vouch creation 1\n" + first.string().substr(0, 20) + std::string(40, '\0')}) {
        fs::remove_all(books);
        fs::create_directory(books);
        std::ofstream(books + "/creation") << note;
        CHECK(program.submit("", {"--create"}).exit == 0);
    }
}

TEST_CASE("creation: a file `creation` that may be somebody else's removes nothing") {
    const Program program;
    const std::string books = program.books().string();
    const std::string title = "vouch creation 1\n";
    REQUIRE(program.submit(kOpenAndPay, {"--create"}).exit == 0);
    const fs::path config = program.home() / ".config" / "vouch";
    const std::string passphrase = fs::directory_iterator(config)->path().string();
    const std::string of_others = (config / (std::string(32, 'a') + ".passphrase")).string();
    const std::string letter = (program.home() / "letter.passphrase").string();
    for (const std::string& each : {of_others, letter, of_others + ".old"})
        std::ofstream(each) << "dear";
    fs::remove(books + "/deployment");
    const auto check_kept = [&](const std::string& note, const std::string& sentence) {
        CAPTURE(note);
        std::ofstream(books + "/creation", std::ios::trunc) << note;
        const auto before = tree(program.home());
        check_refused(program.submit("", {"--create"}), 3, sentence);
        CHECK(tree(program.home()) == before);
    };
    // A log that cannot be opened may hold records.
    const std::string segment = books + "/log/00000000.segment";
    std::fstream(segment, std::ios::in | std::ios::out | std::ios::binary).put('?');
    for (const std::string& note : {title + passphrase, std::string(), title})
        check_kept(note, "log/ holds records");
    // Whose log that was is not known any more.
    fs::remove_all(books + "/log");
    for (const std::string& note : {title + of_others, title + letter, title + passphrase + ".old",
                                    title + "x.passphrase", title, std::string("vouch"),
                                    std::string("dear")})
        check_kept(note, "the file deployment is missing");
    fs::remove_all(books);
    fs::create_directories(books + "/views");
    std::ofstream(books + "/views/index.html") << "dear";
    for (const std::string& note : {std::string(), title + letter})
        check_kept(note, "is no data directory of vouch, and not empty");
}

TEST_CASE("creation: no note takes away a passphrase that other books need") {
    const Program program;
    REQUIRE(program.submit(kOpenAndPay, {"--create"}).exit == 0);
    const fs::path passphrase = fs::directory_iterator(program.home() / ".config/vouch")->path();
    const fs::path planted = program.home() / "planted";
    fs::create_directory(planted);
    std::ofstream(planted / "creation") << "vouch creation 1\n" << passphrase.string();
    const auto create = [&] {
        return program.run({"submit", "-", "--data", planted.string(), "--create"});
    };
    const auto check_left = [&](const fs::path& because_of) {
        fs::last_write_time(passphrase, fs::file_time_type::clock::now());
        const auto before = tree(program.home());
        check_refused(create(), 3,
                      "may be somebody else's: " + because_of.string() + " is of another user");
        CHECK(tree(program.home()) == before);
    };
    for (const fs::path& each : {planted, planted / "creation"}) {
        fs::permissions(each, fs::perms::others_write, fs::perm_options::add);
        check_left(each);
        fs::permissions(each, fs::perms::others_write, fs::perm_options::remove);
        if (::geteuid() != 0) continue;
        REQUIRE(::chown(each.c_str(), 65'534, 65'534) == 0);
        check_left(each);
        REQUIRE(::chown(each.c_str(), 0, 0) == 0);
    }
    // Ours, as in a copy of books that were being made: the passphrase is older than the note.
    const ProgramResult anew = create();
    CHECK(anew.exit == 0);
    const std::string kept = passphrase.string() + ": that creation did not make it; it stays";
    CHECK_MESSAGE(anew.err.find(kept) != std::string::npos, anew.err);
    CHECK(available(program, "alice") == "10.00");
}

TEST_CASE("creation: creations that are killed at any moment leave one passphrase to the last") {
    const Program program;
    const std::string books = program.books().string();
    constexpr int kKills = 12;
    std::ptrdiff_t passphrases = 1;
    for (int i = 0; i < kKills; ++i) {
        RunningProgram running(program, {"submit", "-", "--data", books, "--create"},
                                     {.limits = {}, .err = program.home() / "err"});
        // Some step of the making, and each time another one.
        const std::vector<std::string> steps = {"", "/creation", "/keys", "/log"};
        const fs::path step = books + steps[static_cast<std::size_t>(i) % steps.size()];
        while (!fs::exists(step) && !fs::exists(books + "/deployment")) {
        }
        running.kill();
        running.wait();
        if (!fs::exists(books + "/deployment")) continue;
        fs::remove_all(books);  // whoever removes books keeps their passphrase
        ++passphrases;
    }
    const ProgramResult made = program.submit(kOpenAndPay, {"--create"});
    REQUIRE_MESSAGE(made.exit == 0, made.err);
    CHECK(program.run({"replay", "--data", books}).exit == 0);
    const fs::directory_iterator left(program.home() / ".config" / "vouch");
    CHECK(std::distance(begin(left), end(left)) == passphrases);
}

TEST_CASE("creation: keys that are lost are not replaced where they have sealed anything") {
    const OpenedBooks made;
    const std::string key_file = contents(made.books + "/keys");
    fs::remove(made.books + "/keys");
    const auto before = tree(made.books);
    check_refused(made.program.run({"keys", "create", "--data", made.books}), 3,
                  "put the key file back");
    CHECK(tree(made.books) == before);
}

TEST_CASE("creation: wrong, missing and open passphrases") {
    const OpenedBooks made;
    const fs::path passphrase = made.passphrase();
    REQUIRE(!passphrase.empty());
    CHECK(fs::status(passphrase).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    const std::string right = contents(passphrase);
    const auto before = tree(made.books);
    const auto check_all = [&](const std::string& sentence) {
        for (const std::vector<std::string>& arguments : {std::vector<std::string>{"submit", "-"},
                                                          {"balance", "alice"},
                                                          {"replay"},
                                                          {"export", "x"},
                                                          {"keys", "show"}}) {
            std::vector<std::string> all = arguments;
            all.insert(all.end(), {"--data", made.books});
            CAPTURE(all[0]);
            const ProgramResult result = made.program.run(all);
            check_refused(result, 3, sentence);
            // Neither passphrase is ever shown.
            CHECK(result.err.find("swordfish") == std::string::npos);
            CHECK(result.err.find(right.substr(0, right.find('\n'))) == std::string::npos);
        }
        CHECK(tree(made.books) == before);
    };
    std::ofstream(passphrase) << "swordfish\n";
    check_all("passphrase");
    std::ofstream(passphrase) << right;
    fs::permissions(passphrase, fs::perms::group_read, fs::perm_options::add);
    check_all(passphrase.string());
    fs::remove(passphrase);
    check_all(passphrase.string() + ": the passphrase of the keys is not there; name the file");
    // Without keys everything but the MACs can still be checked, but for what is missing at the
    // end.
    const ProgramResult unkeyed =
        made.program.run({"replay", "--without-keys", "--data", made.books});
    CHECK(unkeyed.exit == 6);
    CHECK(unkeyed.out.starts_with("no findings, but without keys"));
    CHECK_MESSAGE(unkeyed.out.find("missing at the very end is NOT known") != std::string::npos,
                  unkeyed.out);
}
