#include "projector/queries/asked_command.h"

#include "events/entries/command_parts.h"
#include "projector/queries/command_outcome.h"
#include "projector/queries/found_event.h"
#include "projector/queries/shard_readers.h"

#include <algorithm>
#include <array>

namespace vouch::projector {
namespace {

/// Whole numbers of the longest unit that fits, as `expires_in` is sent.
std::string duration_text(std::uint64_t us) {
    struct Unit {
        std::uint64_t us;
        std::string_view word;
    };
    constexpr std::array kUnits = std::to_array<Unit>({{86'400'000'000, "d"},
                                                       {3'600'000'000, "h"},
                                                       {60'000'000, "m"},
                                                       {1'000'000, "s"},
                                                       {1'000, "ms"}});
    for (const auto& [unit, word] : kUnits) {
        if (us % unit == 0) return std::to_string(us / unit) + std::string(word);
    }
    return std::to_string(us) + "us";
}

std::string_view text_of(Balancing balancing) {
    switch (balancing) {
        case Balancing::none:
            return "";
        case Balancing::debit:
            return "debit";
        case Balancing::credit:
            return "credit";
        case Balancing::both:
            return "both";
    }
    return "";
}

/// `is_one_of_many`: what it is about is looked for on its group's shard alone, which nearly always
/// has it: 1,000 members look nowhere else.
Result<AskedCommand> write_asked(const ShardReaders& shards, const RecordedAt& at,
                                 std::span<const Command> before, bool is_one_of_many,
                                 const Command& command);

/// Writes the keys of a command's own object, each where the kind of command has it.
class KeyWriter {
public:
    KeyWriter(const ShardReaders& shards, const RecordedAt& at, std::span<const Command> before,
              bool is_one_of_many, const Command& command, AskedCommand& out)
        : shards_(shards),
          at_(at),
          before_(before),
          is_one_of_many_(is_one_of_many),
          command_(command),
          out_(out) {}

    template <class Body>
    Status write(const Body& body) {
        if constexpr (requires { body.hold; }) add_id("hold", body.hold);
        if constexpr (requires { body.entry; }) add_id("entry", body.entry);
        if constexpr (requires { body.name; }) {
            add_text("account", body.name.empty() ? shown(body.account) : std::string(body.name));
        } else if constexpr (requires { body.account; }) {
            add_account("account", body.account);
        }
        if constexpr (requires { body.debit; }) add_account("debit", body.debit);
        if constexpr (requires { body.credit; }) add_account("credit", body.credit);
        if constexpr (requires { body.from; }) add_account("from", body.from);
        if constexpr (requires { body.amount; }) add_amount(body);
        if constexpr (requires { body.balancing; }) add_text("balancing", text_of(body.balancing));
        if constexpr (requires { body.asset; }) add_text("asset", body.asset.text());
        if constexpr (requires { body.account_class; })
            add_text("class", to_text(body.account_class));
        if constexpr (requires { body.limit; }) add_limit(body);
        if constexpr (requires { body.chart_code; }) add_text("chart_code", body.chart_code);
        if constexpr (requires { body.owner; }) add_text("owner", body.owner);
        if constexpr (requires { body.risk_class; }) add_number("risk_class", body.risk_class);
        if constexpr (requires { body.block; }) add_text("block", to_text(body.block));
        if constexpr (requires { body.expires_in_us; }) {
            if (body.expires_in_us != 0) add_text("expires_in", duration_text(body.expires_in_us));
        }
        if constexpr (requires { body.keep_rest; }) {
            if (body.keep_rest) out_.keys.push_back({"keep_rest", true});
        }
        if constexpr (requires { body.debit_posting; }) {
            add_number("debit_posting", body.debit_posting);
            add_number("credit_posting", body.credit_posting);
        }
        if constexpr (requires { body.time; }) add_number("time_us", time_us(body.time));
        if constexpr (requires { body.postings; }) add_postings(body.postings);
        if constexpr (requires { body.members; }) add_members(body.members);
        return read_;
    }

private:
    /// What could not be read leaves no answer.
    template <class T>
    bool is_read(const Result<T>& result) {
        if (!result && read_) read_ = result.error();
        return result.has_value();
    }

    std::string shown(AccountId account) const {
        const std::optional<OwnOpening> own = opening_of(before_, account);
        if (own && !own->opening.name.empty()) return std::string(own->opening.name);
        return shards_.shown(command_.ledger, account);
    }
    static std::optional<std::uint64_t> time_us(Timestamp time) {
        return static_cast<std::uint64_t>(time.value());
    }

    void add_text(std::string_view name, std::string_view text) {
        if (!text.empty()) out_.keys.push_back({name, std::string(text)});
    }
    void add_account(std::string_view name, AccountId account) {
        if (!account.is_zero()) add_text(name, shown(account));
    }
    void add_number(std::string_view name, std::uint8_t number) {
        if (number != 0) out_.keys.push_back({name, std::uint64_t{number}});
    }
    template <class Number>
    void add_number(std::string_view name, const std::optional<Number>& number) {
        if (number) out_.keys.push_back({name, std::uint64_t{*number}});
    }
    void add_id(std::string_view name, CommandId id) {
        const Result<std::string> text =
            is_one_of_many_ ? sent_id(shards_.at(at_.shard), command_.ledger, id)
                            : sent_id(shards_, command_.ledger, id);
        if (is_read(text)) add_text(name, *text);
    }

    /// As the group's own opening of it says, in front of the command (stream_directory.h); else of
    /// an account that was open when the command was decided: what is opened later says nothing.
    std::optional<Scale> open_scale(AccountId account) {
        if (const auto own = opening_of(before_, account)) return own->opening.asset.scale();
        const Result<const AccountInfo*> info = shards_.find_account(command_.ledger, account);
        if (!is_read(info) || *info == nullptr || !was_open(**info)) return std::nullopt;
        return (*info)->asset.scale();
    }
    /// Shards' clocks differ. Who carries no decimals had every account's asset, or counted in
    /// smallest units: these may then be told by the asset of an account that was opened later.
    bool was_open(const AccountInfo& account) const {
        const RecordedAt& opened = account.opened;
        if (opened.shard == at_.shard) return opened.event < at_.event;
        return !command_.amount_decimals || opened.time < at_.time;
    }
    /// As the sender counted, or as the account's asset does. Of an account that nobody knew,
    /// smallest units.
    Scale scale_of(AccountId account) {
        if (command_.amount_decimals) return *command_.amount_decimals;
        return open_scale(account).value_or(Scale(0));
    }
    /// The payee's account says it where nobody knew the payer.
    Scale scale_between(AccountId debit, AccountId credit) {
        if (command_.amount_decimals || open_scale(debit)) return scale_of(debit);
        return scale_of(credit);
    }
    template <class Body>
    void add_amount(const Body& body) {
        const std::optional<Amount> amount = body.amount;
        if (!amount) return;
        Scale scale = scale_of(deciding_account(command_));
        if constexpr (requires { body.debit; }) scale = scale_between(body.debit, body.credit);
        add_text("amount", to_text(*amount, scale));
    }
    void add_limit(const OpenAccount& body) {
        if (body.limit != Limit{}) add_text("limit", limit_text(body.limit, body.asset.scale()));
    }
    void add_limit(const UpdateAccount& body) {
        if (body.limit) add_text("limit", limit_text(*body.limit, scale_of(body.account)));
    }
    void add_postings(std::span<const Posting> postings) {
        // What a command carries is the scale of those whom nobody knew, if there are such.
        const bool knows_all = std::ranges::all_of(
            postings, [&](const Posting& one) { return open_scale(one.account).has_value(); });
        for (const Posting& one : postings) {
            const std::optional<Scale> own = knows_all ? std::nullopt : open_scale(one.account);
            out_.postings.push_back({shown(one.account), one.side,
                                     to_text(one.amount, own.value_or(scale_of(one.account)))});
        }
    }
    void add_members(std::span<const Command> members) {
        for (std::size_t i = 0; i < members.size() && read_; ++i) {
            Result<AskedCommand> asked =
                write_asked(shards_, at_, members.first(i), true, members[i]);
            if (is_read(asked)) out_.members.push_back(*std::move(asked));
        }
    }

    const ShardReaders& shards_;
    const RecordedAt& at_;
    std::span<const Command> before_;
    bool is_one_of_many_;
    const Command& command_;
    AskedCommand& out_;
    Status read_;  ///< the first fault of reading
};

/// Empty when the shard does not know the id.
Result<std::optional<std::string>> find_sent_id(ShardReader& shard, LedgerId ledger, CommandId id) {
    const Result<std::unique_ptr<FoundEvent>> found = find_event_on(shard, ledger, id);
    if (!found) return found.error();
    if (!*found) return std::optional<std::string>();
    return std::optional(shown_id(id, (*found)->own_command()->id_text));
}

}  // namespace

Result<std::string> sent_id(ShardReader& shard, LedgerId ledger, CommandId id) {
    const Result<std::optional<std::string>> text = find_sent_id(shard, ledger, id);
    if (!text) return text.error();
    return text->value_or(id_text(id));
}

Result<std::string> sent_id(const ShardReaders& shards, LedgerId ledger, CommandId id) {
    for (const auto& shard : shards) {
        Result<std::optional<std::string>> text = find_sent_id(*shard, ledger, id);
        if (!text) return text.error();
        if (*text) return **std::move(text);
    }
    return id_text(id);
}

ShownVoucher voucher_of(const Command& command) {
    ShownVoucher out;
    out.context = command.context;
    out.actor_id = command.actor_id;
    out.actor_address = command.actor_address;
    out.actor_device = command.actor_device;
    out.module = command.module;
    out.ticket = command.ticket;
    out.channel = command.channel;
    out.reason = command.reason;
    out.kind = command.kind;
    out.document_date = command.document_date;
    out.trace = command.trace;
    for (const Reference& one : command.references)
        out.references.emplace_back(one.type, one.value);
    for (const Attachment& one : command.attachments)
        out.attachments.push_back({digest_text(one.digest), std::string(one.media_type), one.size});
    for (const Metadata& pair : command.metadata) out.metadata.emplace_back(pair.key, pair.value);
    return out;
}

namespace {

Result<AskedCommand> write_asked(const ShardReaders& shards, const RecordedAt& at,
                                 std::span<const Command> before, bool is_one_of_many,
                                 const Command& command) {
    AskedCommand out;
    out.id = shown_id(command.id, command.id_text);
    out.ledger = command.ledger;
    out.kind = kind_name(command.body);
    out.expected_version = command.expected_version;
    out.expires_at = command.expires_at;
    out.voucher = voucher_of(command);
    KeyWriter keys(shards, at, before, is_one_of_many, command, out);
    const Status written = std::visit([&](const auto& body) { return keys.write(body); },
                                      command.body);
    if (!written) return written.error();
    return out;
}

}  // namespace

Result<AskedCommand> asked_of(const ShardReaders& shards, const RecordedAt& at,
                              const Command& command, std::span<const Command> before) {
    return write_asked(shards, at, before, false, command);
}

}  // namespace vouch::projector
