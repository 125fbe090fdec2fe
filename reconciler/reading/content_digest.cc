#include "reconciler/reading/content_digest.h"

#include <cstring>

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

/// What same_content compares of each body; the routing account of a hold or entry is not content.
struct AddBody {
    WordHash& hash;
    const ContentDigest& digest;

    void add(AccountId id) const { hash.add(id.high()), hash.add(id.low()); }
    void add(CommandId id) const { hash.add(id.high()), hash.add(id.low()); }
    void add(const std::optional<Amount>& amount) const {
        hash.add(std::uint64_t{amount.has_value()});
        hash.add(amount.value_or(Amount()));
    }
    void add(const Limit& limit) const {
        hash.add(std::uint64_t{limit.is_unlimited()});
        hash.add(limit.below_zero());
    }
    void operator()(const Transfer& c) const {
        add(c.debit), add(c.credit), hash.add(c.amount),
            hash.add(static_cast<std::uint64_t>(c.balancing));
    }
    void operator()(const PlaceHold& c) const {
        add(c.debit), add(c.credit), hash.add(c.amount),
            hash.add(static_cast<std::uint64_t>(c.balancing));
        hash.add(c.expires_in_us);
    }
    void operator()(const CaptureHold& c) const {
        add(c.hold), add(c.amount), hash.add(std::uint64_t{c.keep_rest}), add(c.credit);
    }
    void operator()(const ReleaseHold& c) const { add(c.hold); }
    void operator()(const PostEntry& c) const {
        hash.add(std::uint64_t{c.postings.size()});
        for (const Posting& posting : c.postings) {
            add(posting.account), hash.add(static_cast<std::uint64_t>(posting.side)),
                hash.add(posting.amount);
        }
    }
    void operator()(const OpenAccount& c) const {
        add(c.account), hash.add(c.name), hash.add(c.asset.high()), hash.add(c.asset.low());
        hash.add(static_cast<std::uint64_t>(c.account_class)), add(c.limit), hash.add(c.chart_code);
        hash.add(c.owner), hash.add(std::uint64_t{c.risk_class});
    }
    void operator()(const UpdateAccount& c) const {
        add(c.account), hash.add(std::uint64_t{c.limit.has_value()}),
            add(c.limit.value_or(Limit{}));
        hash.add(c.risk_class ? std::uint64_t{*c.risk_class} + 1 : 0);
    }
    void operator()(const FreezeAccount& c) const {
        add(c.account), hash.add(static_cast<std::uint64_t>(c.block));
    }
    void operator()(const UnfreezeAccount& c) const {
        add(c.account), hash.add(static_cast<std::uint64_t>(c.block));
    }
    void operator()(const CloseAccount& c) const { add(c.account); }
    void operator()(const ExtendHold& c) const { add(c.hold), hash.add(c.expires_in_us); }
    void operator()(const Reverse& c) const { add(c.entry); }
    void operator()(const Refund& c) const {
        add(c.entry), add(c.amount), add(c.from);
        hash.add(c.debit_posting ? std::uint64_t{*c.debit_posting} + 1 : 0);
        hash.add(c.credit_posting ? std::uint64_t{*c.credit_posting} + 1 : 0);
    }
    void operator()(const Group& c) const {
        hash.add(std::uint64_t{c.members.size()});
        for (const Command& member : c.members) add(member.id), hash.add(digest.of(member));
    }
    void operator()(const SetClock& c) const {
        hash.add(static_cast<std::uint64_t>(c.time.value()));
    }
};

}  // namespace

std::uint64_t ContentDigest::of(const Command& command) const {
    WordHash hash;
    const bool has_version = command.expected_version.has_value();
    hash.add(std::uint64_t{command.ledger.value()} << 32 | command.body.index() << 8 |
             std::uint64_t{has_version});
    std::visit(AddBody{hash, *this}, command.body);
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
    for (const Reference& pair : command.references) {
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
