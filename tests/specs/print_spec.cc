#include "tests/specs/spec.h"

#include "events/money/text_ids.h"

#include <stdexcept>
#include <variant>

namespace vouch::test {

namespace {

std::string block_word(Block block) { return std::string(to_text(block)); }

/// The body of a command in the words of a table.
class Printer {
public:
    Printer(const OwnedCommand& command, const NameBook& names)
        : command_(command), names_(names) {}

    std::string operator()(const OpenAccount& b) const {
        std::string text = "open " + names_.text(b.account) + " " + b.asset.text() + " " +
                           std::string(to_text(b.account_class));
        if (b.limit != Limit()) text += " limit=" + limit(b.limit, b.asset.scale());
        return text + id();
    }
    std::string operator()(const UpdateAccount& b) const {
        std::string text = "update " + names_.text(b.account);
        if (b.limit) text += " limit=" + limit(*b.limit, scale(b.account));
        if (b.risk_class) text += " risk=" + std::to_string(*b.risk_class);
        return text + id();
    }
    std::string operator()(const FreezeAccount& b) const {
        return "freeze " + names_.text(b.account) + " " + block_word(b.block) + id();
    }
    std::string operator()(const UnfreezeAccount& b) const {
        return "unfreeze " + names_.text(b.account) + " " + block_word(b.block) + id();
    }
    std::string operator()(const CloseAccount& b) const {
        return "close " + names_.text(b.account) + id();
    }
    std::string operator()(const Transfer& b) const {
        return "transfer " + own_name() + " " + names_.text(b.debit) + " -> " +
               names_.text(b.credit) + " " + amount(b.amount, b.debit) + balancing(b.balancing);
    }
    std::string operator()(const PostEntry&) const {
        std::string text = "entry " + own_name();
        for (const Posting& p : command_.postings) {
            text += p.side == Side::debit ? " dr " : " cr ";
            text += names_.text(p.account) + " " + amount(p.amount, p.account);
        }
        return text;
    }
    std::string operator()(const PlaceHold& b) const {
        std::string text = "hold " + own_name() + " " + names_.text(b.debit) + " -> ";
        text += b.credit.is_zero() ? "-" : names_.text(b.credit);
        text += " " + amount(b.amount, b.debit);
        if (b.expires_in_us != 0) text += " " + std::to_string(b.expires_in_us) + "us";
        return text + balancing(b.balancing);
    }
    std::string operator()(const CaptureHold& b) const {
        std::string text = "capture " + names_.text(b.hold);
        if (b.amount) text += " " + amount(*b.amount, b.account);
        if (b.keep_rest) text += " keep";
        if (!b.credit.is_zero()) text += " credit=" + names_.text(b.credit);
        return text + routing(b.account) + id();
    }
    std::string operator()(const ReleaseHold& b) const {
        return "release " + names_.text(b.hold) + routing(b.account) + id();
    }
    std::string operator()(const ExtendHold& b) const {
        return "extend " + names_.text(b.hold) + " " + std::to_string(b.expires_in_us) + "us" +
               routing(b.account) + id();
    }
    std::string operator()(const Reverse& b) const {
        return "reverse " + names_.text(b.entry) + routing(b.account) + id();
    }
    std::string operator()(const Refund& b) const {
        std::string text = "refund " + names_.text(b.entry);
        if (b.amount) text += " " + amount(*b.amount, b.account);
        if (!b.from.is_zero()) text += " from=" + names_.text(b.from);
        if (b.debit_posting || b.credit_posting) {
            text += " postings=" + (b.debit_posting ? std::to_string(*b.debit_posting) : "-") + ",";
            text += b.credit_posting ? std::to_string(*b.credit_posting) : "-";
        }
        return text + routing(b.account) + id();
    }
    std::string operator()(const Group&) const { return "group " + own_name(); }
    std::string operator()(const SetClock& b) const {
        return "set_clock " + std::to_string(b.time.value()) + id();
    }

private:
    Scale scale(AccountId account) const {
        const auto found = names_.assets.find(account);
        return found == names_.assets.end() ? Scale(0) : found->second.scale();
    }
    /// With the asset, as the account may be unknown to the table's reader.
    std::string amount(Amount value, AccountId account) const {
        const auto found = names_.assets.find(account);
        if (found == names_.assets.end()) return to_text(value, Scale(0));
        return to_text(value, found->second.scale()) + " " + found->second.text();
    }
    static std::string limit(const Limit& limit, Scale scale) {
        return limit.is_unlimited() ? "unlimited" : to_text(limit.below_zero(), scale);
    }
    static std::string balancing(Balancing balancing) {
        switch (balancing) {
            case Balancing::none:
                return "";
            case Balancing::debit:
                return " balancing=debit";
            case Balancing::credit:
                return " balancing=credit";
            case Balancing::both:
                return " balancing=both";
        }
        return "";
    }
    std::string routing(AccountId account) const {
        return " account=" + (account.is_zero() ? "-" : names_.text(account));
    }
    std::string own_name() const { return names_.text(command_.head.id); }
    std::string id() const { return " id=" + own_name(); }

    const OwnedCommand& command_;
    const NameBook& names_;
};

}  // namespace

AccountId NameBook::account(std::string_view name, LedgerId ledger) {
    const std::optional<TextId> text = parse_account_id(name, ledger);
    if (!text) throw std::runtime_error("no account id: " + std::string(name));
    const AccountId id(text->high, text->low);
    accounts[id] = name;
    return id;
}

CommandId NameBook::command(std::string_view name) {
    const std::optional<TextId> text = parse_command_id(name);
    if (!text) throw std::runtime_error("no command id: " + std::string(name));
    const CommandId id(text->high, text->low);
    commands[id] = name;
    return id;
}

std::string NameBook::text(AccountId id) const {
    const auto found = accounts.find(id);
    return found == accounts.end() ? id_text(id) : found->second;
}

std::string NameBook::text(CommandId id) const {
    const auto found = commands.find(id);
    return found == commands.end() ? id_text(id) : found->second;
}

std::string to_spec(const OwnedCommand& command, const NameBook& names, Timestamp now,
                    std::string_view indent) {
    std::string text(indent);
    text += std::visit(Printer(command, names), command.head.body);
    if (command.head.ledger != LedgerId(0))
        text += " ledger=" + std::to_string(command.head.ledger.value());
    if (!command.context.empty()) text += " context=" + command.context;
    if (!command.actor_id.empty()) text += " actor=" + command.actor_id;
    if (!command.module.empty()) text += " module=" + command.module;
    if (!command.ticket.empty()) text += " ticket=" + command.ticket;
    for (const auto& [key, value] : command.metadata) text += " " + key + "=" + value;
    if (command.head.amount_decimals)
        text += " decimals=" + std::to_string(command.head.amount_decimals->value());
    if (command.head.expected_version)
        text += " version=" + std::to_string(command.head.expected_version->value());
    if (command.head.expires_at.value() != 0) {
        const std::int64_t in = command.head.expires_at.value() - now.value();
        text += " expires=" + (in >= 0 ? "+" + std::to_string(in) + "us"
                                       : std::to_string(command.head.expires_at.value()));
    }
    for (const OwnedCommand& member : command.members)
        text += "\n" + to_spec(member, names, now, "  ");
    return text;
}

}  // namespace vouch::test
