#include "events/entries/codec.h"
#include "tests/events/random_entries.h"
#include "tests/events/raw_message.h"
#include "tests/events/sample_entries.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

namespace vouch::test {
namespace {

/// In memory of exactly this size, so that a sanitizer sees a look beyond it.
std::vector<std::byte> exactly(std::string_view bytes) {
    return {as_bytes(bytes).begin(), as_bytes(bytes).end()};
}

/// Decodes; what is accepted must come back from its own bytes.
bool is_sound_command(std::string_view bytes) {
    const std::vector<std::byte> exact = exactly(bytes);
    Arena arena;
    Command command;
    if (decode_command(exact, arena, command)) return true;
    const std::string canonical = encoded(command);
    Command again;
    return encoded_size(command) == canonical.size() &&
           !decode_command(as_bytes(canonical), arena, again) && same_content(command, again) &&
           encoded(again) == canonical;
}

/// Decodes; what is accepted must be exactly what is written again.
bool is_sound_event(std::string_view bytes) {
    const std::vector<std::byte> exact = exactly(bytes);
    Arena arena;
    const Result<Event> event = decode_event(exact, arena);
    return !event || encoded(*event) == bytes;
}

/// A few random edits: flipped bits, replaced, removed, inserted and repeated bytes.
std::string mutated(std::string bytes, std::mt19937_64& random) {
    const auto below = [&](std::size_t bound) {
        return static_cast<std::size_t>(random() % bound);
    };
    for (std::size_t edits = 1 + below(3); edits != 0 && !bytes.empty(); --edits) {
        const std::size_t at = below(bytes.size());
        const auto small = static_cast<char>(below(4));
        switch (below(6)) {
            case 0:
                bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
                break;
            case 1:
                bytes[at] = static_cast<char>(random());
                break;
            case 2:
                bytes.erase(at, 1 + below(9));
                break;
            case 3:
                bytes.insert(at, 1, small);
                break;
            case 4:
                bytes[at] = small;
                break;
            case 5:
                bytes += bytes.substr(at, 1 + below(20));
                break;
        }
    }
    return bytes;
}

template <class IsSound>
void damage_each(const std::vector<std::string>& samples, IsSound is_sound) {
    for (std::size_t i = 0; i < samples.size(); ++i) {
        CAPTURE(i);
        const std::string& bytes = samples[i];
        REQUIRE(is_sound(bytes));
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            CAPTURE(size);
            REQUIRE(is_sound(std::string_view(bytes).substr(0, size)));
        }
        for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
            CAPTURE(bit);
            std::string flipped = bytes;
            flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
            REQUIRE(is_sound(flipped));
        }
    }
}

std::vector<std::string> command_samples() {
    std::vector<std::string> samples;
    for (const SampleCommand& sample : sample_commands())
        samples.push_back(encoded(sample.command));
    return samples;
}

std::vector<std::string> event_samples() {
    std::vector<std::string> samples;
    for (const SampleEvent& sample : sample_events()) samples.push_back(encoded(sample.event));
    return samples;
}

}  // namespace

TEST_CASE("mutated commands: every truncation and flipped bit is refused or a sound command") {
    damage_each(command_samples(), is_sound_command);
}

TEST_CASE("mutated events: every truncation and flipped bit is corrupt or re-encodes to itself") {
    damage_each(event_samples(), is_sound_event);
}

TEST_CASE("mutated entries: random edits are refused or sound, and some are read") {
    std::vector<std::string> commands = command_samples();
    std::vector<std::string> events = event_samples();
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        RandomEntries random(seed);
        commands.push_back(encoded(random.command()));
        events.push_back(encoded(random.event()));
    }
    std::size_t read = 0;
    for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        REQUIRE(is_sound_command(mutated(commands[seed % commands.size()], random)));
        const std::string event = mutated(events[seed % events.size()], random);
        REQUIRE(is_sound_event(event));
        Arena arena;
        if (decode_event(as_bytes(event), arena)) ++read;
    }
    // Else the edits would prove nothing about what is read.
    CHECK(read > 500);
}

}  // namespace vouch::test
