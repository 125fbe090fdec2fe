#include "tests/support/text_of_file.h"
#include "tests/web/served.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace {

using namespace vouch::test;
namespace fs = std::filesystem;

/// Every question that people ask, as arguments without the place of the books.
const std::vector<std::vector<std::string>> kQuestions = {
    {"account", "alice"},
    {"account", "nobody"},
    {"balance", "alice"},
    {"balance", "alice", "--at", "1999-01-01T00:00:00Z"},
    {"balance", "--all"},
    {"statement", "bob"},
    {"statement", "nobody"},
    {"statement", "--all"},
    {"entry", "t1"},
    {"entry", "nothing"},
    {"hold", "h1"},
    {"outcome", "t9"},
    {"outcome", "nothing"},
    {"trial-balance"},
    {"trial-balance", "--ledger", "3"},
    {"account", "alice", "--ledger", "3"},
};

const std::string kMore =
    R"({"id":"h1","place_hold":{"debit":"alice","credit":"bob","amount":"4.00","expires_in":"1h"}})"
    "\n"
    R"({"id":"t9","transfer":{"debit":"alice","credit":"bob","amount":"500.00"}})"
    "\n"
    R"({"id":"t2","transfer":{"debit":"alice","credit":"bob","amount":"5.00"}})"
    "\n";

std::vector<ProgramResult> ask_all(const Program& program, const std::vector<std::string>& place) {
    std::vector<ProgramResult> results;
    for (const bool as_json : {false, true}) {
        for (std::vector<std::string> arguments : kQuestions) {
            arguments.insert(arguments.end(), place.begin(), place.end());
            if (as_json) arguments.push_back("--json");
            results.push_back(program.run(arguments));
        }
    }
    return results;
}

void wait_for_text(const fs::path& file, const std::string& text) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    std::string found;
    while (found.find(text) == std::string::npos) {
        REQUIRE_MESSAGE(std::chrono::steady_clock::now() < until, found);
        found = text_of_file(file);
    }
}

}  // namespace

TEST_CASE(
    "running server: every command finds it, with the same output and exit code as without" *
    doctest::test_suite("same-threads")) {
    Served served;
    const std::string books = served.program().books().string();
    CHECK(fs::exists(fs::path(books) / "server"));
    const ProgramResult submitted = served.program().submit(kSmallBooks + kMore + "broken\n");
    CHECK(submitted.exit == 2);
    CHECK(submitted.lines().size() == 8);
    CHECK(submitted.lines().back().starts_with("{\"line\":8,"));
    const std::vector<ProgramResult> found = ask_all(served.program(), {"--data", books});
    const std::vector<ProgramResult> named = ask_all(served.program(), {"--http", served.url()});
    CHECK(served.program().submit(kMore).exit == 0);
    CHECK(served.program().submit(kMore, {"--fail-on-refusal"}).exit == 5);
    CHECK(served.stop() == 0);
    CHECK(!fs::exists(fs::path(books) / "server"));

    const std::vector<ProgramResult> alone = ask_all(served.program(), {"--data", books});
    for (std::size_t i = 0; i < alone.size(); ++i) {
        CAPTURE(kQuestions[i % kQuestions.size()]);
        CHECK(found[i].exit == alone[i].exit);
        CHECK(without_places(found[i].out) == without_places(alone[i].out));
        CHECK(found[i].err == alone[i].err);
        CHECK(named[i].exit == alone[i].exit);
        CHECK(without_places(named[i].out) == without_places(alone[i].out));
    }
    CHECK(served.program().submit(kSmallBooks + kMore + "broken\n").out == submitted.out);
}

TEST_CASE("running server: the address that a crash left behind is nobody's") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const std::string books = served.program().books().string();
    served.kill();
    REQUIRE(fs::exists(fs::path(books) / "server"));
    const ProgramResult asked =
        served.program().run({"balance", "alice", "--data", books, "--json"});
    CHECK(asked.exit == 0);
    CHECK(asked.out.find("\"balance\":\"100.00\"") != std::string::npos);
    CHECK(served.program().submit(kMore).exit == 0);
    CHECK(served.program().run({"balance", "alice", "--http", served.url()}).exit == 4);
}

TEST_CASE("running server: one that waits for brokers to make its books ends when it is told to") {
    const Program program;
    RunningProgram server(program, {"serve", "--data", program.books().string(), "--create",
                                    "--kafka", "127.0.0.1:1", "--name", "books"});
    // From here on it asks the brokers for topics, for a minute.
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!fs::exists(program.books() / "deployment.unfinished"))
        REQUIRE(std::chrono::steady_clock::now() < until);
    server.terminate();
    CHECK(server.wait() == 0);
}

TEST_CASE("running server: one that does not answer is not passed by") {
    const Program program;
    REQUIRE(program.submit(kSmallBooks, {"--create"}).exit == 0);
    const fs::path mark = program.books() / "server";
    std::ofstream(mark) << "http://127.0.0.1:1\n";
    const int held = ::open(mark.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(held >= 0);
    REQUIRE(::flock(held, LOCK_EX | LOCK_NB) == 0);
    const ProgramResult submitted = program.submit(kMore);
    CHECK(submitted.exit == 4);
    CHECK(submitted.out.empty());
    CHECK(submitted.err.find("does not answer") != std::string::npos);
    const ProgramResult asked =
        program.run({"balance", "alice", "--data", program.books().string()});
    CHECK(asked.exit == 4);
    CHECK(asked.out.empty());
    ::close(held);
    CHECK(program.run({"outcome", "t2", "--data", program.books().string()}).exit == 5);
    CHECK(program.submit(kMore).exit == 0);
}

TEST_CASE("running server: one that hangs is given a time, and then that is an error") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const Program& program = served.program();
    const std::string books = program.books().string();
    std::vector<std::vector<std::string>> commands;
    for (const std::vector<std::string>& place :
         {std::vector<std::string>{"--data", books}, {"--http", served.url()}}) {
        for (std::vector<std::string> command : {std::vector<std::string>{"status"},
                                                 {"balance", "alice"},
                                                 {"statement", "--all"},
                                                 {"submit", "-"}}) {
            command.insert(command.end(), place.begin(), place.end());
            commands.push_back(std::move(command));
        }
    }
    const auto err_of = [&](std::size_t i) { return program.home() / ("err" + std::to_string(i)); };
    served.pause();
    // All at once, since each waits as long.
    std::vector<std::unique_ptr<RunningProgram>> waiting;
    for (std::size_t i = 0; i < commands.size(); ++i) {
        const RunningProgram::Options options{.err = err_of(i)};
        waiting.push_back(std::make_unique<RunningProgram>(program, commands[i], options));
        if (commands[i].front() == "submit") waiting[i]->write(kMore);
        waiting[i]->close_input();
    }
    for (std::size_t i = 0; i < commands.size(); ++i) {
        CAPTURE(commands[i]);
        CHECK(waiting[i]->read_line().empty());
        CHECK(waiting[i]->wait() == 4);
        const std::string said = text_of_file(err_of(i));
        CHECK_MESSAGE(said.find("does not answer: nothing came within 10 s") != std::string::npos,
                      said);
        CHECK_MESSAGE(said.find("recorded") == std::string::npos, said);
    }
    served.go_on();
    CHECK(program.submit(kMore).exit == 0);
    CHECK(served.stop() == 0);
}

TEST_CASE("running server: a copy of its directory is books of its own") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    const Program& program = served.program();
    const fs::path books = program.books();
    const fs::path copy = program.home() / "copy";
    REQUIRE(std::system(("cp -a '" + books.string() + "' '" + copy.string() + "'").c_str()) == 0);
    REQUIRE(fs::exists(copy / "server"));
    const std::string line =
        R"({"id":"c1","transfer":{"debit":"alice","credit":"bob","amount":"1.00"}})"
        "\n";
    CHECK(program.run({"submit", "-", "--data", copy.string()}, line).exit == 3);
    REQUIRE(
        program.run({"recover", "--data", copy.string(), "--accept-copy", "--by", "me"}).exit == 0);
    const ProgramResult submitted = program.run({"submit", "-", "--data", copy.string()}, line);
    CHECK(submitted.exit == 0);
    CHECK(submitted.out.find("posted") != std::string::npos);
    CHECK(program.run({"outcome", "c1", "--data", books.string()}).exit == 5);
    CHECK(program.run({"outcome", "c1", "--http", served.url()}).exit == 5);

    // A server of the copy, at the port of the one that died, is not theirs either.
    served.kill();
    RunningProgram other(program, {"serve", "--data", copy.string(), "--listen",
                                   served.url().substr(std::string("http://").size())});
    REQUIRE(other.read_line() == served.url());
    const ProgramResult after = program.submit(kMore);
    CHECK(after.exit == 0);
    CHECK(program.run({"outcome", "t2", "--data", books.string()}).exit == 0);
    CHECK(program.run({"outcome", "t2", "--http", served.url()}).exit == 5);
    CHECK(program.run({"outcome", "c1", "--data", copy.string()}).exit == 0);
    other.terminate();
    CHECK(other.wait() == 0);
}

TEST_CASE("running server: it is found however long its directory's path is, by its owner alone") {
    const Program program;
    fs::path deep = program.home();
    for (int i = 0; i < 5; ++i) deep /= std::string(60, 'd');
    RunningProgram server(program, {"serve", "--data", deep.string(), "--create"});
    REQUIRE(server.read_line().starts_with("http://"));
    const fs::file_status status = fs::status(deep / "socket");
    CHECK(status.type() == fs::file_type::socket);
    CHECK(status.permissions() == (fs::perms::owner_read | fs::perms::owner_write));
    // Nobody else can have the books meanwhile: it is the server that answers.
    CHECK(program.run({"submit", "-", "--data", deep.string()}, kSmallBooks).exit == 0);
    CHECK(program.run({"balance", "alice", "--data", deep.string()}).exit == 0);
    server.terminate();
    CHECK(server.wait() == 0);
    CHECK(!fs::exists(deep / "socket"));
    CHECK(!fs::exists(deep / "server"));
}

TEST_CASE("running server: another user who listens in its place is told nothing") {
    constexpr uid_t kOwner = 0, kStranger = 65'534;
    if (::geteuid() != kOwner) {
        MESSAGE("left out: only root can listen as another user");
        return;
    }
    const Program program;
    REQUIRE(program.submit(kSmallBooks, {"--create"}).exit == 0);
    const fs::path mark = program.books() / "server";
    std::ofstream(mark) << "http://127.0.0.1:1\n";
    const int held = ::open(mark.c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(::flock(held, LOCK_EX | LOCK_NB) == 0);
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    const std::string path = program.books() / "socket";
    REQUIRE(path.copy(address.sun_path, sizeof address.sun_path - 1) == path.size());
    REQUIRE(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    // Whose a socket is, the kernel notes when it begins to listen.
    REQUIRE(::seteuid(kStranger) == 0);
    const int listens = ::listen(listener, 1);
    REQUIRE(::seteuid(kOwner) == 0);
    REQUIRE(listens == 0);
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"submit", "-"}, {"balance", "alice"}, {"status"}}) {
        CAPTURE(command.front());
        std::vector<std::string> arguments = command;
        arguments.insert(arguments.end(), {"--data", program.books().string()});
        const ProgramResult result = program.run(arguments, kMore);
        CHECK(result.exit == 4);
        CHECK(result.out.empty());
        CHECK_MESSAGE(result.err.find("does not answer: Permission denied") != std::string::npos,
                      result.err);
        const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        REQUIRE(connection >= 0);
        std::array<char, 4096> told{};
        CHECK(::read(connection, told.data(), told.size()) == 0);
        ::close(connection);
    }
    ::close(listener);
    ::close(held);
    CHECK(program.run({"outcome", "t2", "--data", program.books().string()}).exit == 5);
}

TEST_CASE("running server: one id sent to two shards at once is of one of them") {
    Served served({"--shards", "4"});
    const auto opening = [](const std::string& name) {
        return R"({"id":"open )" + name + R"(","open_account":{"account":")" + name +
               R"(","asset":"EUR/2","class":"liability","limit":"unlimited"}})" + "\n";
    };
    constexpr int kPayers = 8;
    std::string accounts;
    for (int i = 0; i < kPayers; ++i) accounts += opening("p" + std::to_string(i));
    REQUIRE(verdict_of(served.post(accounts)) == "200");
    Peer one(served.url());
    Peer other(served.url());
    for (int i = 0; i < 48; ++i) {
        CAPTURE(i);
        const auto payment = [&](int payer) {
            return R"({"id":"t)" + std::to_string(i) + R"(","transfer":{"debit":"p)" +
                   std::to_string(payer % kPayers) + R"(","credit":"p)" +
                   std::to_string((payer + 1) % kPayers) + R"(","amount":"1.00"}})";
        };
        REQUIRE(one.send(post_request(payment(i), "application/json")));
        REQUIRE(other.send(post_request(payment(i + 1 + i / kPayers), "application/json")));
        const std::string answers = one.read_answers(1).front() + other.read_answers(1).front();
        const std::size_t accepted = answers.find(R"("accepted":true)");
        CHECK(accepted != std::string::npos);
        CHECK(answers.find(R"("accepted":true)", accepted + 1) == std::string::npos);
        CHECK(answers.find(R"("outcome":"conflict")") != std::string::npos);
    }
    const std::string early = served.post(R"({"id":"c","capture_hold":{"hold":"h"}})");
    CHECK(verdict_of(early) == "200");
    CHECK(early.find(R"("outcome":"hold_not_found","recorded":false})") != std::string::npos);
    const ProgramResult replayed =
        served.program().run({"replay", "--data", served.program().books().string()});
    CHECK(replayed.out.find("clean: no findings\nrecords") == 0);
    CHECK(served.stop() == 0);
}

TEST_CASE("running server: no core file is written of it, and its keys stand on locked pages") {
    const Program program;
    RunningProgram server(program, {"serve", "--data", program.books().string(), "--create"});
    REQUIRE(!server.read_line().empty());
    const auto line = [&](const std::string& file, const std::string& start) {
        std::ifstream in("/proc/" + std::to_string(server.pid()) + "/" + file);
        std::string found;
        while (std::getline(in, found) && !found.starts_with(start)) {}
        return found;
    };
    std::istringstream core(line("limits", "Max core file size").substr(18));
    std::string soft, hard;
    core >> soft >> hard;
    CHECK(soft == "0");
    CHECK(hard == "0");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they lock nothing
    rlimit lockable{};
    REQUIRE(::getrlimit(RLIMIT_MEMLOCK, &lockable) == 0);
    if (lockable.rlim_cur >= (1U << 16)) {
        const std::string locked = line("status", "VmLck:");
        CHECK_MESSAGE(std::stoul(locked.substr(6)) > 0, locked);
    } else {
        MESSAGE("SKIPPED: this process may not lock memory");
    }
#endif
    server.terminate();
    CHECK(server.wait() == 0);
}

TEST_CASE("running server: a terminal that goes away ends it in order") {
    const Program program;
    const std::string books = program.books().string();
    RunningProgram server(program, {"serve", "--data", books, "--create"});
    REQUIRE(server.read_line().starts_with("http://"));
    server.hang_up();
    CHECK(server.wait() == 0);
    CHECK(!fs::exists(fs::path(books) / "server"));
}

TEST_CASE("running server: another deployment's address is not believed") {
    Served one;
    Served other;
    REQUIRE(verdict_of(one.post(kSmallBooks)) == "200");
    REQUIRE(one.stop() == 0);
    fs::copy_file(other.program().books() / "server", one.program().books() / "server");
    const ProgramResult asked =
        one.program().run({"balance", "alice", "--data", one.program().books().string(), "--json"});
    CHECK(asked.exit == 0);
    CHECK(asked.out.find("\"balance\":\"100.00\"") != std::string::npos);
}

TEST_CASE("running server: nothing but this machine is served, and one at a time") {
    Served served;
    const Program& program = served.program();
    const std::string books = program.books().string();
    for (const std::string address : {"0.0.0.0:0", "192.168.1.1:80", "[::]:0", "127.0.0.1",
                                      "127.0.0.1:x", "127.0.0.1:65536", ":80", "example.com:80"}) {
        CAPTURE(address);
        const ProgramResult refused = program.run({"serve", "--data", books, "--listen", address});
        CHECK(refused.exit == 3);
        CHECK(refused.err.find("--listen") != std::string::npos);
    }
    CHECK(program.run({"serve", "--data", books}).exit == 4);
    const std::string port = served.url().substr(7);
    const Program second;
    CHECK(second.run({"serve", "--data", second.books().string(), "--create", "--listen", port})
              .exit == 3);
    CHECK(fs::is_empty(second.home()));
    CHECK(program.run({"balance", "alice", "--http", "http://example.com:80"}).exit == 3);
    CHECK(program.run({"balance", "alice", "--http", "x", "--data", books}).exit == 2);
    CHECK(program.run({"balance", "alice"}).exit == 2);
}

TEST_CASE("running server: its roles may be in two processes, one that writes and one that reads") {
    Served writer({"--roles", "handler,api"});
    const std::string books = writer.program().books().string();
    RunningProgram reader(writer.program(), {"serve", "--data", books, "--roles", "projector,api"});
    const std::string url = reader.read_line();
    REQUIRE(verdict_of(writer.post(kSmallBooks)) == "200");
    const ProgramResult asked = writer.program().run({"balance", "alice", "--http", url, "--json"});
    CHECK(asked.out.find("\"balance\":\"100.00\"") != std::string::npos);
    CHECK(verdict_of(writer.get("/v1/accounts/alice/balance")) == "503 no-views");
    Peer peer(url);
    REQUIRE(peer.send(post_request(kMore, "application/x-ndjson")));
    CHECK(verdict_of(peer.read_answers(1).front()) == "503 no-handler");
    CHECK(!fs::exists(fs::path(books) / "server"));
    reader.terminate();
    CHECK(reader.wait() == 0);
    CHECK(writer.stop() == 0);
}

TEST_CASE("running server: one that waits for another one's views can be told to stop") {
    const Program program;
    REQUIRE(program.submit(kSmallBooks, {"--create"}).exit == 0);
    const std::string books = program.books().string();
    REQUIRE(program.run({"balance", "alice", "--data", books}).exit == 0);
    const int held = ::open((program.books() / "views/lock").c_str(), O_RDONLY | O_CLOEXEC);
    REQUIRE(held >= 0);
    REQUIRE(::flock(held, LOCK_EX | LOCK_NB) == 0);
    const fs::path err = program.home() / "err";
    RunningProgram server(program, {"serve", "--data", books}, {.err = err});
    wait_for_text(err, "views/lock is locked by another process");
    server.terminate();
    CHECK(server.wait() == 0);
    wait_for_text(err, "told to stop while starting");
    ::close(held);
    // It ended as one that is killed does: the next writer has seen what it wrote.
    CHECK(program.submit(kSmallBooks).exit == 0);
    CHECK(program.run({"balance", "alice", "--data", books}).exit == 0);
    CHECK(program.run({"replay", "--views", "--data", books}).exit == 0);
}

TEST_CASE("running server: told to stop, it answers what is under way and takes no more") {
    Served served;
    REQUIRE(verdict_of(served.post(kSmallBooks)) == "200");
    std::string many;
    for (int i = 0; i < 8000; ++i) {
        many += R"({"id":"m)" + std::to_string(i) +
                R"(","transfer":{"debit":"cash","credit":"bob","amount":"0.01"}})" + "\n";
    }
    Peer peer(served.url());
    Peer idle(served.url());
    REQUIRE(peer.send(post_request(many, "application/x-ndjson")));
    // The server has begun to read it.
    REQUIRE(verdict_of(served.get("/livez")) == "200");
    CHECK(served.stop() == 0);
    CHECK(idle.read_until().empty());
    const std::string answer = peer.read_until();
    const std::size_t accepted = [&] {
        std::size_t found = 0;
        for (std::size_t at = answer.find("\"accepted\":true"); at != std::string::npos;
             at = answer.find("\"accepted\":true", at + 1))
            ++found;
        return found;
    }();
    CHECK((accepted == 8000 || answer.empty()));  // wholly, or it had not come yet
}

TEST_CASE("running: an old record that rots beside the server is an alarm that nobody has to ask for") {
    Served served;
    REQUIRE(served.post(kSmallBooks).find("200 OK") != std::string::npos);
    REQUIRE(served.post(kMore).find("200 OK") != std::string::npos);
    CHECK(served.get("/readyz").find("ALARM") == std::string::npos);
    const fs::path segment = served.program().books() / "log" / "00000000.segment";
    // In the second block, which holds the first record.
    const auto turn_a_bit = [&] {
        std::fstream file(segment, std::ios::binary | std::ios::in | std::ios::out);
        file.seekg(4096 + 200);
        const char byte = static_cast<char>(file.get() ^ 1);
        file.seekp(4096 + 200);
        file.put(byte);
    };
    turn_a_bit();
    std::string ready;
    while (ready.find("ALARM") == std::string::npos) {
        ready = served.get("/readyz");
        REQUIRE(ready.find("200 OK") != std::string::npos);
    }
    CHECK_MESSAGE(ready.find("ALARM: shard 0 record 0: ") != std::string::npos, ready);
    CHECK(ready.find("it lies in " + segment.string() + " at byte ") != std::string::npos);
    // What does not need it goes on; and the alarm ends when the byte is put back.
    CHECK(served.get("/v1/accounts/alice/balance").find("200 OK") != std::string::npos);
    turn_a_bit();
    while (served.get("/readyz").find("ALARM") != std::string::npos) {}
    CHECK(served.stop() == 0);
}
