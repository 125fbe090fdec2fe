// Batches of commands, of events and of steps: the outermost messages, whose only field is the
// repeated 1.
#include "events/entries/codec.h"

#include "events/entries/read_command.h"
#include "events/entries/read_step.h"
#include "events/entries/write_command.h"
#include "events/entries/write_step.h"

#include <new>
#include <string>

namespace vouch {

std::optional<CommandFault> split_batch(std::span<const std::byte> batch,
                                        std::vector<CommandBytes>& members) {
    constexpr std::uint32_t kAuthorisation = 2;
    members.clear();
    if (batch.size() > kBatchBytesMax) return CommandFault{};
    wire::Reader<false> in(batch.data(), batch.size());
    while (!in.at_end()) {
        std::uint64_t tag = 0;
        wire::Reader<false> member;
        if (!in.varint(tag)) return CommandFault{};
        if (tag == wire::bytes_tag(kAuthorisation))
            return CommandFault{Outcome::malformed, "authorisation: not supported yet"};
        if (tag != wire::bytes_tag(1) || !in.bytes(member)) return CommandFault{};
        if (members.size() == kBatchCommandsMax) return CommandFault{};
        members.emplace_back(member.position(), member.size());
    }
    return std::nullopt;
}

std::optional<CommandFault> decode_command(CommandBytes bytes, Arena& arena, Command& command) {
    if (bytes.size() > kCommandBytesMax) return CommandFault{Outcome::too_large, "command"};
    // In place: assigning a new Command would write it twice.
    ::new (static_cast<void*>(&command)) Command;
    CommandFault fault;
    const wire::Reader<false> in(bytes.data(), bytes.size());
    if (wire::read_command<wire::WireForm::any>(in, arena, command, fault)) return std::nullopt;
    return fault;
}

void append_to_batch(const Command& command, std::vector<std::byte>& batch) {
    constexpr std::size_t kTagAndLengthMax = 6;
    const std::size_t before = batch.size();
    batch.resize(before + kTagAndLengthMax + wire::command_size_bound(command));
    wire::Writer writer(batch.data() + before);
    writer.message(1, [&] { wire::write_command(writer, command); });
    batch.resize(static_cast<std::size_t>(writer.at() - batch.data()));
}

std::size_t encoded_size(const Command& command) {
    wire::Counter counter;
    wire::write_command(counter, command);
    return counter.size();
}

Result<std::optional<std::span<const std::byte>>> EventReader::next() {
    wire::Reader<true> in(body_.data() + position_, body_.size() - position_);
    if (in.at_end()) return std::optional<std::span<const std::byte>>();
    std::uint64_t tag = 0;
    wire::Reader<true> event;
    if (!in.varint(tag) || tag != wire::bytes_tag(1) || !in.bytes(event)) {
        return Fault{FaultCode::corrupt,
                     "expected an event at byte " + std::to_string(position_) + " of the body"};
    }
    position_ = static_cast<std::size_t>(in.position() - body_.data());
    return std::optional(std::span(event.position(), event.size()));
}

void append_to_steps(const Step& step, std::vector<std::byte>& steps) {
    const std::size_t before = steps.size();
    steps.resize(before + wire::step_size_bound(step));
    wire::Writer writer(steps.data() + before);
    writer.message(1, [&] { wire::write_step(writer, step); });
    steps.resize(static_cast<std::size_t>(writer.at() - steps.data()));
}

Result<std::optional<Step>> StepReader::next(Arena& arena) {
    wire::Reader<true> in(steps_.data(), steps_.size());
    if (in.at_end()) return std::optional<Step>();
    std::uint64_t tag = 0;
    wire::Reader<true> content;
    if (!in.varint(tag) || tag != wire::bytes_tag(1) || !in.bytes(content)) {
        return Fault{FaultCode::corrupt, "expected a step, " + std::to_string(steps_.size()) +
                                             " bytes before the end of the list"};
    }
    std::optional<Step> step(std::in_place);
    CommandFault fault;
    if (!wire::read_step(content, arena, *step, fault)) {
        return Fault{FaultCode::corrupt, "expected a canonical step, found a fault in the field '" +
                                             std::string(fault.field) + "'"};
    }
    steps_ = steps_.last(in.size());
    return step;
}

}  // namespace vouch
