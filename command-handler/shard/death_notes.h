#pragma once

#include "events/log/log.h"
#include "events/money/number.h"
#include "events/result.h"
#include "events/world/files.h"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace vouch::command_handler {

/// Inputs on which the process has died while a shard decided them, so that one that makes the core
/// fail every time is set aside and not met again at every start.
///
/// A death counts when the deciding thread itself ended the process: a broken claim (VOUCH_ASSERT),
/// an exception nobody caught, a bad access. What ends a process from outside (a kill, lack of
/// memory, power) says nothing about an input and leaves no note. Nothing is written while nobody
/// dies: which input is at hand is kept in memory, and the note is written by the handler of the
/// fatal signal, which then goes on to whatever handled that before. It reaches the file as soon as
/// the process is gone; only a machine that fails in that moment loses it.
///
/// An input is known by its place and a hash of its bytes: where offsets are given out again (input
/// that is kept in memory), another command at the same offset is not meant. One shard's thread.
class DeathNotes {
public:
    /// Deaths on one input after which it is set aside.
    static constexpr unsigned kDeathsMax = 3;

    DeathNotes() = default;
    DeathNotes(const DeathNotes&) = delete;
    DeathNotes& operator=(const DeathNotes&) = delete;

    /// Reads what earlier processes left; what lies below `next_command` is over and forgotten.
    Status open(Files& files, const std::filesystem::path& path, Offset next_command);

    /// True when no death counts: asked before each input.
    bool is_empty() const { return notes_.empty(); }
    /// True when the process has died on this input so often that it is not to be tried again.
    bool is_set_aside(Offset batch, std::optional<std::size_t> member, ByteView bytes) const {
        return !is_empty() && deaths(batch, member, bytes) >= kDeathsMax;
    }

    /// While it lives, a death of this thread is noted under this input. One at a time on a thread,
    /// and only around what looks at the input: what closes a record is about others, too.
    class Watch {
    public:
        /// `bytes` outlive the watch. No member: the batch itself.
        Watch(const DeathNotes& notes, Offset batch, std::optional<std::size_t> member,
              ByteView bytes) {
            at_hand = {&notes, batch.value(), plus_one(member), bytes.data(), bytes.size()};
        }
        ~Watch() { at_hand.notes = nullptr; }
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;

    private:
        friend class DeathNotes;
        /// What the thread decides. Read by the handler of a signal that this same thread has
        /// raised.
        struct AtHand {
            const DeathNotes* notes = nullptr;  ///< its shard's; null: nothing is watched
            std::uint64_t offset = 0;
            std::uint64_t member_plus_one = 0;
            const std::byte* data = nullptr;
            std::size_t size = 0;
        };
        static constinit thread_local AtHand at_hand;
    };

    /// Called by a thread that decides, so that its death can be noted when it has used up its
    /// stack, too.
    static void keep_spare_stack();

private:
    static std::uint64_t plus_one(std::optional<std::size_t> member) {
        return member ? *member + 1 : 0;
    }
    static void note_death(int signal);
    static void handle_deaths();

    struct Note {
        std::uint64_t offset = 0;
        std::uint64_t member_plus_one = 0;
        std::uint64_t hash = 0;
        friend bool operator==(const Note&, const Note&) = default;
    };
    unsigned deaths(Offset batch, std::optional<std::size_t> member, ByteView bytes) const;

    std::optional<File> file_;
    std::uint64_t end_ = 0;  ///< of the file: where the next note goes
    std::vector<Note> notes_;
};

}  // namespace vouch::command_handler
