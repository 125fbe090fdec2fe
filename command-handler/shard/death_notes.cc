#include "command-handler/shard/death_notes.h"

#include "events/check.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>

// The file: notes of three numbers of 8 bytes in this machine's order, each written at once. What
// is left of one that was not written whole is at the end, and cut off before another can follow it.

namespace vouch::command_handler {
namespace {

constexpr std::array<int, 5> kFatal = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
std::array<struct sigaction, kFatal.size()> handled_before;

// FNV-1a: what a handler of signals may compute. Nobody gains by a second input of the same hash.
std::uint64_t hash_of(const std::byte* data, std::size_t size) {
    std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
    for (std::size_t i = 0; i < size; ++i) {
        hash ^= static_cast<std::uint64_t>(data[i]);
        hash *= 0x0000'0100'0000'01b3;
    }
    return hash;
}

/// What the handler of signals runs on when a thread has no stack left. One that the thread has
/// already, as under a sanitizer, stays.
class SpareStack {
public:
    SpareStack() {
        stack_t spare{};
        if (::sigaltstack(nullptr, &spare) != 0 || (spare.ss_flags & SS_DISABLE) == 0) return;
        memory_ = std::make_unique<std::byte[]>(kBytes);
        spare = {.ss_sp = memory_.get(), .ss_flags = 0, .ss_size = kBytes};
        const int kept = ::sigaltstack(&spare, nullptr);
        VOUCH_ASSERT(kept == 0);
    }
    ~SpareStack() {
        const stack_t none{.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
        if (memory_) ::sigaltstack(&none, nullptr);
    }
    SpareStack(const SpareStack&) = delete;
    SpareStack& operator=(const SpareStack&) = delete;

private:
    static constexpr std::size_t kBytes = std::size_t{64} << 10;
    std::unique_ptr<std::byte[]> memory_;
};

Fault failed(const std::filesystem::path& file, const char* what) {
    return {FaultCode::storage, file.string() + " cannot be " + what + ": " +
                                    std::generic_category().message(errno)};
}

}  // namespace

constinit thread_local DeathNotes::Watch::AtHand DeathNotes::Watch::at_hand;

void DeathNotes::note_death(int signal) {
    const std::size_t which = static_cast<std::size_t>(
        std::find(kFatal.begin(), kFatal.end(), signal) - kFatal.begin());
    // Should writing the note fail fatally too, it is not tried again.
    ::sigaction(signal, &handled_before[which], nullptr);
    const Watch::AtHand died = Watch::at_hand;
    Watch::at_hand.fd = -1;
    if (died.fd >= 0) {
        const std::array<std::uint64_t, 3> note = {died.offset, died.member_plus_one,
                                                   hash_of(died.data, died.size)};
        [[maybe_unused]] const ssize_t written = ::write(died.fd, note.data(), sizeof note);
    }
    ::raise(signal);
}

void DeathNotes::handle_deaths() {
    static std::once_flag once;
    std::call_once(once, [] {
        struct sigaction action {};
        action.sa_handler = note_death;
        action.sa_flags = SA_ONSTACK;
        ::sigemptyset(&action.sa_mask);
        for (std::size_t i = 0; i < kFatal.size(); ++i)
            ::sigaction(kFatal[i], &action, &handled_before[i]);
    });
}

DeathNotes::~DeathNotes() {
    if (fd_ >= 0) ::close(fd_);
}

Status DeathNotes::open(const std::filesystem::path& file, Offset next_command) {
    fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd_ < 0) return failed(file, "opened");
    Note note;
    off_t whole = 0;
    while (true) {
        const ssize_t got = ::read(fd_, &note, sizeof note);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed(file, "read");
        if (static_cast<std::size_t>(got) < sizeof note) break;
        whole += got;
        if (note.offset >= next_command.value()) notes_.push_back(note);
    }
    // Left as they are while any counts: a start that does not get far must lose none.
    if (::ftruncate(fd_, notes_.empty() ? 0 : whole) != 0) return failed(file, "cut");
    handle_deaths();
    return {};
}

unsigned DeathNotes::deaths(Offset batch, std::optional<std::size_t> member,
                            ByteView bytes) const {
    const Note wanted{batch.value(), plus_one(member), hash_of(bytes.data(), bytes.size())};
    return static_cast<unsigned>(std::count(notes_.begin(), notes_.end(), wanted));
}

void DeathNotes::keep_spare_stack() { thread_local const SpareStack stack; }

}  // namespace vouch::command_handler
