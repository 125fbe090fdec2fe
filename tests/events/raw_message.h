#pragma once

#include "events/entries/arena.h"
#include "events/entries/codec.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace vouch::test {

/// Protobuf bytes put together by hand, right or wrong: strings that are added up.

inline std::string raw_varint(std::uint64_t value) {
    std::string out;
    for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
    out.push_back(static_cast<char>(value));
    return out;
}
inline std::string raw_number(std::uint32_t field, std::uint64_t value) {
    return raw_varint(field << 3) + raw_varint(value);
}
inline std::string raw_fixed64(std::uint32_t field, std::uint64_t value) {
    std::string out = raw_varint(field << 3 | 1);
    for (int i = 0; i < 8; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
    return out;
}
inline std::string raw_id(std::uint32_t high_field, std::uint64_t high, std::uint64_t low) {
    return raw_fixed64(high_field, high) + raw_fixed64(high_field + 1, low);
}
inline std::string raw_message(std::uint32_t field, std::string_view content) {
    return raw_varint(field << 3 | 2) + raw_varint(content.size()) + std::string(content);
}

inline std::span<const std::byte> as_bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}
inline std::string_view as_view(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The command as a message of its own, as our encoder writes it.
inline std::string encoded(const Command& command) {
    std::vector<std::byte> batch;
    append_to_batch(command, batch);
    std::vector<CommandBytes> members;
    if (split_batch(batch, members) || members.size() != 1) return "no batch of one";
    return std::string(as_view(members[0]));
}

/// The event as a message of its own, as our encoder writes it into no more room than it asks for.
template <class EventType>
std::string encoded(const EventType& event) {
    std::vector<std::byte> body(encoded_event_max(event));
    const std::byte* end = append_event(event, body.data());
    body.resize(static_cast<std::size_t>(end - body.data()));
    EventReader reader(body);
    const auto bytes = reader.next();
    if (!bytes || !*bytes || reader.position() != body.size()) return "no batch of one";
    return std::string(as_view(**bytes));
}

}  // namespace vouch::test
