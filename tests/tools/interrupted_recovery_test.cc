#include "tests/tools/program.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

using namespace vouch;
using test::Program;
using test::ProgramResult;

namespace {

namespace fs = std::filesystem;

constexpr std::streamoff kBlockBytes = 4096;

std::string open_account(const std::string& id, const std::string& kind) {
    return "{\"id\":\"o-" + id + "\",\"open_account\":{\"account\":\"" + id +
           "\",\"asset\":\"EUR/2\"," + kind + "}}\n";
}

void flip_bit(const fs::path& path, std::streamoff at) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekg(at);
    const int byte = file.get();
    file.seekp(at);
    file.put(static_cast<char>(byte ^ 1));
    REQUIRE(file.flush());
}

/// Whoever opens the file waits until the gate is opened. The kernel tells of it by a signal.
class ReadGate {
public:
    explicit ReadGate(const fs::path& file) : fd_(::open(file.c_str(), O_RDWR | O_CLOEXEC)) {
        ::sigemptyset(&told_);
        ::sigaddset(&told_, SIGIO);
        ::pthread_sigmask(SIG_BLOCK, &told_, &before_);
        REQUIRE(fd_ >= 0);
        REQUIRE(::fcntl(fd_, F_SETLEASE, F_WRLCK) == 0);
    }
    ~ReadGate() {
        ::close(fd_);
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    ReadGate(const ReadGate&) = delete;
    /// False when nobody comes.
    bool await_reader() const {
        const timespec patience{.tv_sec = 60, .tv_nsec = 0};
        return ::sigtimedwait(&told_, nullptr, &patience) == SIGIO;
    }
    void open() { CHECK(::fcntl(fd_, F_SETLEASE, F_UNLCK) == 0); }

private:
    const int fd_;
    sigset_t told_{};
    sigset_t before_{};
};

}  // namespace

TEST_CASE("interrupted recovery: damage that later records prove durable is given up to the end") {
    const Program program;
    const std::string books = program.books().string();
    std::string lines = open_account("cash", R"("class":"asset","limit":"unlimited")") +
                        open_account("alice", R"("class":"liability")");
    for (int i = 0; i < 6; ++i) {
        lines += "{\"id\":\"t" + std::to_string(i) +
                 "\",\"transfer\":{\"debit\":\"cash\",\"credit\":\"alice\",\"amount\":\"1.00\"}}\n";
    }
    REQUIRE(program.submit(lines, {"--create", "--one-at-a-time"}).exit == 0);
    flip_bit(program.books() / "log" / "00000000.segment", 5 * kBlockBytes + 150);
    const ProgramResult looked = program.run({"recover", "--data", books});
    CHECK(looked.exit == 1);
    REQUIRE_MESSAGE(looked.err.find("--accept-loss 0:4-") != std::string::npos, looked.err);

    // As if the machine had stopped right after the note was made.
    const fs::path note = program.books() / "recovery";
    std::ofstream(note) << "op\n0:4\n";
    const ProgramResult finished = program.run({"recover", "--data", books});
    CHECK_MESSAGE(finished.exit == 0, finished.err);
    CHECK_FALSE(fs::exists(note));
    CHECK(program.run({"replay", "--data", books}).exit == 0);
}

TEST_CASE("interrupted recovery: one that begins while another process opens the log is seen") {
    const Program program;
    REQUIRE(program.submit(open_account("cash", R"("class":"asset")"), {"--create"}).exit == 0);
    ReadGate gate(program.books() / "instance");  // read last before the log is opened
    ProgramResult submitted;
    std::thread submit([&] {
        submitted = program.submit(open_account("alice", R"("class":"liability")"));
    });
    const bool is_there = gate.await_reader();
    std::ofstream(program.books() / "recovery") << "op\n0:4\n";
    gate.open();
    submit.join();
    CHECK(is_there);
    CHECK(submitted.exit == 3);
    const bool is_told =
        submitted.err.find("a recovery was begun and is not finished") != std::string::npos;
    CHECK_MESSAGE(is_told, submitted.err);
}
