#include "command-handler/intake/validation.h"

#include "command-handler/intake/command_bodies.h"
#include "command-handler/intake/envelope.h"
#include "command-handler/intake/field_reader.h"
#include "command-handler/intake/time_text.h"
#include "events/entries/codec.h"
#include "events/entries/group_fault.h"
#include "events/money/look_alike.h"
#include "events/overloads.h"

#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>

namespace vouch::command_handler {

namespace {

std::optional<Malformed> check_size(const Command& command) {
    if (encoded_size(command) <= kCommandBytesMax) return std::nullopt;
    return Malformed{Outcome::too_large, "", "at most 65,536 bytes when encoded"};
}

/// An id in the other case (look_alike.h) is none for a new command or account, nor is one that no
/// command line can say. What the books have under it is no new one: the command is a repeat then.
std::optional<Malformed> check_new_ids(const RawCommand& raw, const Command& command,
                                       StreamDirectory& directory) {
    std::optional<Malformed> fault;
    const auto look = [&](Field field) {
        const std::string_view text = raw.text(field);
        if (text.find('\0') != std::string_view::npos) {
            fault = Malformed{Outcome::malformed, std::string(to_text(field)),
                              "expected no zero byte in the id of something new"};
        } else if (is_look_alike(text)) {
            fault = Malformed{Outcome::malformed, std::string(to_text(field)),
                              look_alike_detail(text)};
        }
    };
    const auto* const open = std::get_if<OpenAccount>(&command.body);
    if (open != nullptr) look(Field::account);
    if (fault && directory.has_account(command.ledger, open->account)) fault.reset();
    if (!fault) look(Field::id);
    if (fault && directory.has_command(command)) fault.reset();
    return fault;
}

/// A member's fault names the member.
Malformed within(std::size_t member, Malformed fault) {
    std::string path = "group[" + std::to_string(member) + "]";
    fault.field = fault.field.empty() ? path : path + "." + fault.field;
    return fault;
}

/// As the line's own keys say it.
Malformed malformed_of(const GroupFault& fault) {
    return std::visit(
        Overloads{
            [](const OwnIdInGroup& own) {
                return within(own.member, {Outcome::malformed, "id",
                                           "expected another id than the group's, found the same"});
            },
            [](const PostingsBeyondGroup& beyond) {
                return Malformed{Outcome::too_large, "group",
                                 "at most " + std::to_string(kPostingsMax) +
                                     " postings in a group, found " + std::to_string(beyond.count) +
                                     ": a transfer, capture, reversal or refund counts 2"};
            },
        },
        fault);
}

/// Why a command was not written down.
Understood unwritten(FieldReader&& fields) {
    std::optional<Malformed> fault = std::move(fields).fault();
    if (!fault) return MustWait{};
    return *std::move(fault);
}

/// Of a line's command and of its members.
std::optional<Malformed> check_all_new_ids(const RawLine& raw, const Command& command,
                                           StreamDirectory& directory) {
    if (auto fault = check_new_ids(raw.command, command, directory)) return fault;
    const auto* const group = std::get_if<Group>(&command.body);
    if (group == nullptr) return std::nullopt;
    for (std::size_t i = 0; i < group->members.size(); ++i) {
        auto fault = check_new_ids(raw.members[i], group->members[i], directory);
        if (!fault) continue;
        // The members of a group that is a repeat are no new ones.
        if (directory.has_command(command)) return std::nullopt;
        return within(i, *std::move(fault));
    }
    return std::nullopt;
}

/// A command alone, or a member of a group.
Understood understand_one(const RawLine& raw, const RawCommand& one, LedgerId ledger,
                          StreamDirectory& directory, Arena& arena) {
    Understood made(std::in_place_type<Command>);
    Command& command = *std::get_if<Command>(&made);
    command.ledger = ledger;
    FieldReader fields(one, ledger);
    BodyReader body{raw, fields, directory, arena, command};
    if (!read_envelope(raw, fields, arena, command) || !read_body(body))
        return unwritten(std::move(fields));
    directory.learn(command);
    return made;
}

Understood understand_group(const RawLine& raw, LedgerId ledger, StreamDirectory& directory,
                            Arena& arena) {
    Command group;
    group.ledger = ledger;
    FieldReader fields(raw.command, ledger);
    if (!read_envelope(raw, fields, arena, group)) return unwritten(std::move(fields));
    const std::span<Command> members = arena.make<Command>(raw.members.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
        const RawCommand& member = raw.members[i];
        if (member.has(Field::ledger) && member.number(Field::ledger) != ledger.value()) {
            return within(i, {Outcome::malformed, "ledger", "expected the group's ledger"});
        }
        Understood made = understand_one(raw, member, ledger, directory, arena);
        if (auto* const fault = std::get_if<Malformed>(&made)) return within(i, std::move(*fault));
        const auto* const command = std::get_if<Command>(&made);
        if (command == nullptr) return made;
        members[i] = *command;
    }
    group.body = Group{members};
    if (const auto fault = group_fault(group)) return malformed_of(*fault);
    return group;
}

Understood understand_command(const RawLine& raw, StreamDirectory& directory, Arena& arena) {
    const std::uint64_t number = raw.command.number(Field::ledger);
    if (number > std::numeric_limits<std::uint32_t>::max()) {
        return Malformed{Outcome::malformed, "ledger", "expected a number up to 4294967295"};
    }
    const LedgerId ledger(static_cast<std::uint32_t>(number));
    if (raw.command.kind == &kCommandKind<Group>)
        return understand_group(raw, ledger, directory, arena);
    return understand_one(raw, raw.command, ledger, directory, arena);
}

}  // namespace

Understood understand(const RawLine& raw, std::uint64_t line, StreamDirectory& directory,
                      Arena& arena) {
    directory.start_line(line);
    if (raw.is_wait()) return WaitLine{};
    if (raw.is_clock()) {
        const std::optional<Timestamp> time = parse_time(raw.command.text(Field::clock));
        if (!time)
            return Malformed{Outcome::malformed, "clock", std::string(kTimeExpected)};
        return ClockLine{*time};
    }
    Understood understood = understand_command(raw, directory, arena);
    if (const auto* command = std::get_if<Command>(&understood)) {
        std::optional<Malformed> fault = check_size(*command);
        if (!fault) fault = check_all_new_ids(raw, *command, directory);
        if (fault) understood = *std::move(fault);
    }
    return understood;
}

}  // namespace vouch::command_handler
