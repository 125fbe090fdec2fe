#include "reconciler/reading/content_digest.h"

#include "events/entries/body_messages.h"

#include <cstring>
#include <utility>
#include <variant>

namespace vouch::reconciler {

void WordHash::add(std::string_view text) {
    add(std::uint64_t{text.size()});
    while (!text.empty()) {
        std::uint64_t word = 0;
        const std::size_t taken = text.size() < sizeof word ? text.size() : sizeof word;
        std::memcpy(&word, text.data(), taken);
        text.remove_prefix(taken);
        add(word);
    }
}

std::uint64_t text_digest(std::string_view text) {
    WordHash hash;
    hash.add(text);
    return hash.value();
}

namespace {

/// Takes the same calls as wire::Writer, and hashes what it would write: a message's values in
/// their order, and behind them which fields they were.
class FieldHash {
public:
    void varint(std::uint32_t number, std::uint64_t value) {
        if (value != 0) present_varint(number, value);
    }
    void present_varint(std::uint32_t number, std::uint64_t value) {
        hash_.add(value);
        given_ |= std::uint64_t{1} << number;
    }
    void fixed64(std::uint32_t number, std::uint64_t value) { varint(number, value); }
    void text(std::uint32_t number, std::string_view value) {
        if (!value.empty()) present_varint(number, text_digest(value));
    }
    template <class Fill>
    void message(std::uint32_t number, Fill&& fill) {
        const std::uint64_t outer = std::exchange(given_, 0);
        fill();
        hash_.add(given_);
        given_ = outer | std::uint64_t{1} << number;
    }
    std::uint64_t value() {
        hash_.add(given_);
        return hash_.value();
    }

private:
    WordHash hash_;
    std::uint64_t given_ = 0;  ///< bit n: field n of the message that is open
};

/// What is recorded of a body is its content, but for the account that a hold or entry is found by.
template <class Body>
std::uint64_t body_digest(const ContentDigest&, const Body& body) {
    FieldHash hash;
    if constexpr (requires { body.hold; } || requires { body.entry; }) {
        Body content = body;
        content.account = AccountId();
        wire::write_body(hash, content);
    } else {
        wire::write_body(hash, body);
    }
    return hash.value();
}

std::uint64_t body_digest(const ContentDigest& digest, const Group& body) {
    WordHash hash;
    for (const Command& member : body.members) {
        hash.add(member.id.high()), hash.add(member.id.low());
        hash.add(digest.of(member));
    }
    return hash.value();
}

}  // namespace

std::uint64_t ContentDigest::of(const Command& command) const {
    WordHash hash;
    const bool has_version = command.expected_version.has_value();
    hash.add(std::uint64_t{command.ledger.value()} << 32 | command.body.index() << 8 |
             std::uint64_t{has_version});
    hash.add(std::visit([&](const auto& body) { return body_digest(*this, body); }, command.body));
    if (has_version) hash.add(command.expected_version->value());
    // Mostly all empty: one word then stands for the eight of them, and one for kind and date.
    hash.add(std::uint64_t{command.context.size()} | std::uint64_t{command.actor_id.size()} << 8 |
             std::uint64_t{command.module.size()} << 16 |
             std::uint64_t{command.channel.size()} << 24 |
             std::uint64_t{command.reason.size()} << 32 |
             std::uint64_t{command.metadata.size()} << 40 |
             std::uint64_t{command.references.size()} << 48 |
             std::uint64_t{command.attachments.size()} << 56);
    hash.add(std::uint64_t{command.document_date.value()} << 8 |
             static_cast<std::uint64_t>(command.kind));
    for (const std::string_view text : {command.context, command.actor_id, command.module,
                                        command.channel, command.reason}) {
        if (!text.empty()) hash.add(text);
    }
    const std::uint64_t sets = of_sets(command);
    if (sets != 0) hash.add(sets);
    return hash.value();
}

std::uint64_t ContentDigest::of_sets(const Command& command) {
    // What counts in any order: the hashes are summed.
    enum Part : std::uint64_t { metadata = 1, reference, attachment };
    std::uint64_t sum = 0;
    for (const Metadata& pair : command.metadata) {
        WordHash each;
        each.add(std::uint64_t{metadata}), each.add(pair.key), each.add(pair.value);
        sum += each.value();
    }
    for (const vouch::Reference& pair : command.references) {
        WordHash each;
        each.add(std::uint64_t{reference}), each.add(static_cast<std::uint64_t>(pair.type));
        each.add(pair.value);
        sum += each.value();
    }
    for (const Attachment& one : command.attachments) {
        WordHash each;
        each.add(std::uint64_t{attachment});
        each.add({reinterpret_cast<const char*>(one.digest.data()), one.digest.size()});
        sum += each.value();
    }
    return sum;
}

}  // namespace vouch::reconciler
