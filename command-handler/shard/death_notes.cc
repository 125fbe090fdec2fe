#include "command-handler/shard/death_notes.h"

#include "events/check.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <memory>
#include <mutex>
#include <span>
#include <utility>

// The file: notes of three numbers of 8 bytes in this machine's order, each written at once. What
// is left of one that was not written whole is at the end, and cut off before another can follow
// it.

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

}  // namespace

constinit thread_local DeathNotes::Watch::AtHand DeathNotes::Watch::at_hand;

void DeathNotes::note_death(int signal) {
    const std::size_t which = static_cast<std::size_t>(
        std::find(kFatal.begin(), kFatal.end(), signal) - kFatal.begin());
    // Should writing the note fail fatally too, it is not tried again.
    ::sigaction(signal, &handled_before[which], nullptr);
    const Watch::AtHand died = Watch::at_hand;
    Watch::at_hand.notes = nullptr;
    if (died.notes != nullptr && died.notes->file_) {
        const std::array<std::uint64_t, 3> note = {died.offset, died.member_plus_one,
                                                   hash_of(died.data, died.size)};
        died.notes->file_->try_write(std::as_bytes(std::span(note)), died.notes->end_);
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

Status DeathNotes::open(Files& files, const std::filesystem::path& path, Offset next_command) {
    Result<File> file = File::open(files, path.string(), O_RDWR | O_CREAT);
    if (!file) return file.error();
    const Result<std::uint64_t> size = file->size();
    if (!size) return size.error();
    std::vector<Note> left(*size / sizeof(Note));
    if (Status read = file->read(std::as_writable_bytes(std::span(left)), 0); !read) return read;
    for (const Note& note : left) {
        if (note.offset >= next_command.value()) notes_.push_back(note);
    }
    // Left as they are while any counts: a start that does not get far must lose none.
    end_ = notes_.empty() ? 0 : left.size() * sizeof(Note);
    if (*size != end_) {
        if (Status cut = file->truncate(end_); !cut) return cut;
    }
    file_ = std::move(*file);
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
