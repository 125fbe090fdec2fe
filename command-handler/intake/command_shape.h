#pragma once

#include "command-handler/intake/raw_command.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace vouch::command_handler {

/// The keys of each JSON object that a command consists of, as tables; those of the commands' own
/// objects stand in command_bodies.cc.

/// What may stand after a key.
enum class ValueType : std::uint8_t {
    text,
    number,
    boolean,
    actor,
    metadata,
    postings,
    references,
    attachments,
    group,
    body,
    unsupported  ///< a key that has a meaning which nobody carries out yet
};
/// "a string", "an object", for messages.
std::string_view to_text(ValueType type);

struct Key {
    std::string_view name;
    ValueType type = ValueType::text;
    Field field = Field::id;            ///< of texts, numbers and booleans
    const CommandKind* kind = nullptr;  ///< of bodies and groups
    bool required = false;
    std::size_t items_max = 0;  ///< of references and attachments
};

namespace keys {
constexpr Key text(std::string_view name, Field field) {
    return {.name = name, .type = ValueType::text, .field = field};
}
constexpr Key number(std::string_view name, Field field) {
    return {.name = name, .type = ValueType::number, .field = field};
}
constexpr Key required(Key key) {
    key.required = true;
    return key;
}
constexpr Key unsupported(std::string_view name) {
    return {.name = name, .type = ValueType::unsupported};
}
}  // namespace keys

/// Keys of a line: id, envelope, one of the commands; or `clock` or `wait` alone.
std::span<const Key> line_keys();
/// Keys of a member of a group: those of a line without group, clock and wait.
std::span<const Key> member_keys();
std::span<const Key> actor_keys();
/// Keys of each object in such a list, texts first and at most kItemTexts of them; none for other
/// values.
std::span<const Key> item_keys(ValueType type);
}  // namespace vouch::command_handler
