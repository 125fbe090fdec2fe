#include "tests/model/books.h"

#include "events/check.h"

#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace vouch::model {

namespace {

const Integer kTwoTo128 = Integer(1) << 128;

/// Text that cannot be mistaken for its neighbours: every part is written with its length.
class Text {
public:
    Text& add(std::string_view part) {
        text_ += std::to_string(part.size());
        text_ += ':';
        text_ += part;
        return *this;
    }
    Text& add(const Integer& number) { return add(number.str()); }
    Text& add(Amount amount) { return add(to_integer(amount)); }
    template <class Tag>
    Text& add(Id<Tag> id) {
        return add(std::to_string(id.high()) + "." + std::to_string(id.low()));
    }
    template <class Enum>
    requires std::is_enum_v<Enum> Text& add(Enum value) {
        return add(std::to_string(static_cast<unsigned>(value)));
    }
    Text& number(std::uint64_t value) { return add(std::to_string(value)); }
    template <class T>
    Text& maybe(const std::optional<T>& value) {
        return value ? add("given").add(*value) : add("absent");
    }
    Text& limit(const Limit& limit) {
        return limit.is_unlimited() ? add("unlimited") : add(limit.below_zero());
    }
    std::string take() { return std::move(text_); }

private:
    std::string text_;
};

struct BodyText {
    Text& text;

    void operator()(const OpenAccount& b) const {
        text.add("open").add(b.account).add(b.name).add(b.asset.text()).add(b.account_class);
        text.limit(b.limit).add(b.chart_code).add(b.owner).number(b.risk_class);
    }
    void operator()(const UpdateAccount& b) const {
        text.add("update").add(b.account);
        if (b.limit) text.add("limit").limit(*b.limit);
        if (b.risk_class) text.add("risk").number(*b.risk_class);
    }
    void operator()(const FreezeAccount& b) const {
        text.add("freeze").add(b.account).add(b.block);
    }
    void operator()(const UnfreezeAccount& b) const {
        text.add("unfreeze").add(b.account).add(b.block);
    }
    void operator()(const CloseAccount& b) const { text.add("close").add(b.account); }
    void operator()(const Transfer& b) const {
        text.add("transfer").add(b.debit).add(b.credit).add(b.amount).add(b.balancing);
    }
    void operator()(const PostEntry& b) const {
        text.add("entry");
        for (const Posting& p : b.postings) text.add(p.account).add(p.side).add(p.amount);
    }
    void operator()(const PlaceHold& b) const {
        text.add("hold").add(b.debit).add(b.credit).add(b.amount).add(b.balancing);
        text.number(b.expires_in_us);
    }
    // The account of a command on a hold or entry only routes it: it follows from the hold or
    // entry.
    void operator()(const CaptureHold& b) const {
        text.add("capture").add(b.hold).maybe(b.amount).number(b.keep_rest ? 1 : 0).add(b.credit);
    }
    void operator()(const ReleaseHold& b) const { text.add("release").add(b.hold); }
    void operator()(const ExtendHold& b) const {
        text.add("extend").add(b.hold).number(b.expires_in_us);
    }
    void operator()(const Reverse& b) const { text.add("reverse").add(b.entry); }
    void operator()(const Refund& b) const {
        text.add("refund").add(b.entry).maybe(b.amount).add(b.from);
        text.add(b.debit_posting ? std::to_string(*b.debit_posting) : "absent");
        text.add(b.credit_posting ? std::to_string(*b.credit_posting) : "absent");
    }
    void operator()(const Group& b) const {
        text.add("group");
        for (const Command& member : b.members) text.add(content_of(member));
    }
    void operator()(const SetClock& b) const {
        text.add("clock").add(std::to_string(b.time.value()));
    }
};

}  // namespace

Integer to_integer(Amount amount) { return (Integer(amount.high()) << 64) + Integer(amount.low()); }

Amount to_amount(const Integer& value) {
    VOUCH_ASSERT(value >= 0 && value < kTwoTo128);
    const Integer low_mask = (Integer(1) << 64) - 1;
    return Amount::from_halves(static_cast<std::uint64_t>(Integer(value >> 64)),
                               static_cast<std::uint64_t>(Integer(value & low_mask)));
}

std::optional<Integer> Account::available() const {
    if (!limit) return std::nullopt;
    return Integer(on(normal()).posted + *limit - on(lowering()).posted - on(lowering()).held);
}

bool Account::overflows() const {
    return debits.posted + debits.held >= kTwoTo128 || credits.posted + credits.held >= kTwoTo128;
}

std::string content_of(const Command& command) {
    Text text;
    text.add(command.id).number(command.ledger.value());
    std::visit(BodyText{text}, command.body);
    text.add(command.context).add(command.actor_id).add(command.module);
    text.add(command.channel).add(command.reason).add(command.kind);
    text.number(command.document_date.value());
    // In any order the same content.
    std::set<std::string> parts;
    for (const Reference& one : command.references)
        parts.insert(std::string(to_text(one.type)) + " " + std::string(one.value));
    for (const Attachment& one : command.attachments) {
        parts.emplace(reinterpret_cast<const char*>(one.digest.data()), one.digest.size());
    }
    text.number(parts.size());
    for (const std::string& part : parts) text.add(part);
    // Pairs in any order are the same content.
    std::map<std::string_view, std::string_view> pairs;
    for (const Metadata& pair : command.metadata) pairs.emplace(pair.key, pair.value);
    for (const auto& [key, value] : pairs) text.add(key).add(value);
    if (command.expected_version) text.add("version").number(command.expected_version->value());
    return text.take();
}

}  // namespace vouch::model
