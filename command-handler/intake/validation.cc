#include "command-handler/intake/validation.h"

#include "command-handler/intake/amount_scale.h"
#include "command-handler/intake/time_text.h"
#include "events/check.h"
#include "events/entries/codec.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vouch::command_handler {

namespace {

constexpr std::string_view kIdExpected =
    "expected 1 to 255 bytes, or an id of 128 bits that is not all zeros or ones";

std::string at_most_bytes(std::size_t bytes) {
    return "at most " + std::to_string(bytes) + " bytes";
}

std::optional<Balancing> parse_balancing(std::string_view text) {
    if (text == "debit") return Balancing::debit;
    if (text == "credit") return Balancing::credit;
    if (text == "both") return Balancing::both;
    return std::nullopt;
}

/// Writes down one command, alone or a member of a group. Each step returns false after it has said
/// why in `fault`, or that the line must wait.
class LineWriter {
public:
    LineWriter(const RawLine& line, const RawCommand& raw, LedgerId ledger,
               StreamDirectory& directory, Arena& arena)
        : line_(line), raw_(raw), directory_(directory), arena_(arena) {
        command_.ledger = ledger;
    }

    bool write_envelope();
    bool write_body();
    Command& command() { return command_; }

    /// Why a step failed: empty when the line must wait.
    std::optional<Malformed> fault() && { return std::move(fault_); }

private:
    bool fail(std::string field, std::string detail, Outcome outcome = Outcome::malformed) {
        fault_ = Malformed{outcome, std::move(field), std::move(detail)};
        return false;
    }
    bool fail(Field field, std::string detail) {
        return fail(std::string(to_text(field)), std::move(detail));
    }

    bool text(Field field, std::size_t bytes_max, std::string_view& out) {
        out = raw_.text(field);
        return out.size() <= bytes_max || fail(field, at_most_bytes(bytes_max));
    }
    /// Leaves `out` zero when the key was not given.
    bool account(Field field, AccountId& out) {
        if (!raw_.has(field)) return true;
        const std::optional<TextId> id = parse_account_id(raw_.text(field), command_.ledger);
        if (!id) return fail(field, std::string(kIdExpected));
        out = AccountId(id->high, id->low);
        return true;
    }
    bool command_id(Field field, CommandId& out) {
        const std::optional<TextId> id = parse_command_id(raw_.text(field));
        if (!id) return fail(field, std::string(kIdExpected));
        out = CommandId(id->high, id->low);
        return true;
    }
    bool expires_in(std::uint64_t& out) {
        if (!raw_.has(Field::expires_in)) return true;
        const std::optional<std::uint64_t> duration = parse_duration(raw_.text(Field::expires_in));
        if (!duration)
            return fail(Field::expires_in, "expected a duration such as 250ms, 60s, 5m, 2h or 7d");
        out = *duration;
        return true;
    }
    bool balancing(Balancing& out) {
        if (!raw_.has(Field::balancing)) return true;
        const std::optional<Balancing> parsed = parse_balancing(raw_.text(Field::balancing));
        if (!parsed) return fail(Field::balancing, "expected debit, credit or both");
        out = *parsed;
        return true;
    }
    bool kind() {
        if (!raw_.has(Field::voucher_kind)) return true;
        const auto parsed = parse_voucher_kind(raw_.text(Field::voucher_kind));
        if (!parsed) {
            return fail(Field::voucher_kind,
                        "expected payment, top_up, withdrawal, refund, settlement, transfer, fee, "
                        "fx, adjustment, chargeback, correction or closing");
        }
        command_.kind = *parsed;
        return true;
    }
    bool small_number(Field field, std::uint64_t max, std::uint64_t& out) {
        out = raw_.number(field);
        return out <= max || fail(field, "expected a number up to " + std::to_string(max));
    }
    /// Reads the text of `field` as an amount for an account of which `fact` is known.
    bool amount(Field field, const AccountFact& fact, Amount& out);
    bool limit(const AccountFact& fact, Limit& out);
    bool metadata();
    bool trace();
    bool document_date();
    bool references();
    bool attachments();
    AccountFact account_fact(AccountId account) {
        return directory_.account(command_.ledger, account);
    }
    /// That of the first known one: both must have the same asset, or the command is refused.
    AccountFact either_fact(AccountId first, AccountId second) {
        const AccountFact fact = account_fact(first);
        if (fact.certainty != Certainty::unknown || second.is_zero()) return fact;
        return account_fact(second);
    }
    /// Finds the hold's payer, and what is known of its asset. False: the line must wait.
    bool fill_hold(CommandId hold, AccountId& account, AccountFact& fact);

    bool block(AccountId& account, Block& out);

    bool body(OpenAccount& body);
    bool body(UpdateAccount& body);
    bool body(FreezeAccount& body) { return block(body.account, body.block); }
    bool body(UnfreezeAccount& body) { return block(body.account, body.block); }
    bool body(CloseAccount& body) { return account(Field::account, body.account); }
    bool body(Transfer& body);
    bool body(PostEntry& body);
    bool body(PlaceHold& body);
    bool body(CaptureHold& body);
    bool body(ReleaseHold& body);
    bool body(ExtendHold& body);
    bool body(Reverse& body);
    bool body(Refund& body);
    // Written by understand_group, and by nobody: a line of its own sets the clock.
    bool body(Group&) { VOUCH_ASSERT(false); }
    bool body(SetClock&) { VOUCH_ASSERT(false); }

    const RawLine& line_;
    const RawCommand& raw_;
    StreamDirectory& directory_;
    Arena& arena_;
    Command command_;
    std::optional<Malformed> fault_;
};

bool LineWriter::write_envelope() {
    if (!command_id(Field::id, command_.id) ||
        !text(Field::context, kLongTextMax, command_.context) ||
        !text(Field::actor_id, kShortTextMax, command_.actor_id) ||
        !text(Field::actor_address, kShortTextMax, command_.actor_address) ||
        !text(Field::actor_device, kShortTextMax, command_.actor_device) ||
        !text(Field::module, kShortTextMax, command_.module) ||
        !text(Field::ticket, kLongTextMax, command_.ticket) ||
        !text(Field::channel, kShortTextMax, command_.channel) ||
        !text(Field::reason, kLongTextMax, command_.reason) || !kind() || !trace() ||
        !document_date() || !metadata() || !references() || !attachments()) {
        return false;
    }
    // 32 hex digits are what is shown of an id without text.
    if (raw_.text(Field::id) != id_text(command_.id)) command_.id_text = raw_.text(Field::id);
    if (raw_.has(Field::expected_version)) {
        command_.expected_version = Version(raw_.number(Field::expected_version));
    }
    if (raw_.has(Field::expires_at)) {
        const std::optional<Timestamp> time = parse_time(raw_.text(Field::expires_at));
        if (!time) return fail(Field::expires_at, "expected a time such as 2026-01-31T23:59:59Z");
        command_.expires_at = *time;
    }
    return true;
}

bool LineWriter::metadata() {
    const std::span<Metadata> pairs =
        arena_.make<Metadata>(raw_.metadata.end - raw_.metadata.begin);
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const RawMetadata& pair = line_.metadata[raw_.metadata.begin + i];
        if (pair.value.size() > kLongTextMax) {
            return fail("metadata." + std::string(pair.key), at_most_bytes(kLongTextMax));
        }
        pairs[i] = {pair.key, pair.value};
    }
    command_.metadata = pairs;
    return true;
}

bool LineWriter::trace() {
    if (!raw_.has(Field::trace)) return true;
    const std::optional<Trace> parsed = parse_trace(raw_.text(Field::trace));
    if (!parsed) {
        return fail(Field::trace,
                    "expected a traceparent of version 00, "
                    "00-<32 hex digits>-<16 hex digits>-<2 hex digits>, its ids not zero");
    }
    command_.trace = *parsed;
    return true;
}

bool LineWriter::document_date() {
    if (!raw_.has(Field::document_date)) return true;
    const std::optional<Day> day = parse_day(raw_.text(Field::document_date));
    if (!day) return fail(Field::document_date, "expected a day such as 2026-01-31");
    command_.document_date = *day;
    return true;
}

bool LineWriter::references() {
    const std::span<Reference> made =
        arena_.make<Reference>(raw_.references.end - raw_.references.begin);
    for (std::size_t i = 0; i < made.size(); ++i) {
        const auto& [type, value] = line_.items[raw_.references.begin + i].texts;
        const std::string path = "references[" + std::to_string(i) + "]";
        const std::optional<ReferenceType> parsed = parse_reference_type(type);
        if (!parsed) {
            return fail(path + ".type",
                        "expected order, intent, attempt, settlement, channel or statement");
        }
        if (value.empty() || value.size() > kLongTextMax) {
            return fail(path + ".value", "expected 1 to 255 bytes");
        }
        made[i] = {*parsed, value};
        const auto before = made.first(i);
        if (std::ranges::find(before, made[i]) != before.end()) return fail(path, "repeated");
    }
    command_.references = made;
    return true;
}

bool LineWriter::attachments() {
    const std::span<Attachment> made =
        arena_.make<Attachment>(raw_.attachments.end - raw_.attachments.begin);
    for (std::size_t i = 0; i < made.size(); ++i) {
        const RawItem& item = line_.items[raw_.attachments.begin + i];
        const auto& [digest, media_type] = item.texts;
        const std::string path = "attachments[" + std::to_string(i) + "].";
        const std::optional<AttachmentDigest> parsed = parse_digest(digest);
        if (!parsed) {
            return fail(path + "digest", "expected 64 lower-case hex digits: the SHA-256");
        }
        if (media_type.size() > kShortTextMax) {
            return fail(path + "media_type", at_most_bytes(kShortTextMax));
        }
        if (item.number > Attachment::kSizeMax) {
            return fail(path + "size",
                        "expected a number up to " + std::to_string(Attachment::kSizeMax));
        }
        made[i] = {*parsed, media_type, item.number};
        const auto before = made.first(i);
        if (std::ranges::find(before, *parsed, &Attachment::digest) != before.end()) {
            return fail(path + "digest", "repeated");
        }
    }
    command_.attachments = made;
    return true;
}

bool LineWriter::write_body() {
    command_.body = raw_.kind->empty();
    return std::visit([this](auto& made) { return body(made); }, command_.body);
}

bool LineWriter::amount(Field field, const AccountFact& fact, Amount& out) {
    WrittenAmount written{.text = raw_.text(field), .account = fact, .amount = {}};
    const auto read = read_amounts({&written, 1});
    if (std::holds_alternative<AmountsUncertain>(read)) return false;
    if (const auto* wrong = std::get_if<AmountWrong>(&read)) return fail(field, wrong->detail);
    command_.amount_decimals = std::get<AmountsRead>(read).decimals;
    out = written.amount;
    return true;
}

bool LineWriter::limit(const AccountFact& fact, Limit& out) {
    if (raw_.text(Field::limit) == "unlimited") {
        out = Limit::unlimited();
        return true;
    }
    Amount below_zero;
    if (!amount(Field::limit, fact, below_zero)) return false;
    out = Limit(below_zero);
    return true;
}

bool LineWriter::body(PostEntry& body) {
    const std::span<const RawPosting> written =
        std::span(line_.postings)
            .subspan(raw_.postings.begin, raw_.postings.end - raw_.postings.begin);
    const std::span<Posting> made = arena_.make<Posting>(written.size());
    const std::span<WrittenAmount> amounts = arena_.make<WrittenAmount>(written.size());
    const auto path = [&](std::size_t i) { return "postings[" + std::to_string(i) + "]."; };
    for (std::size_t i = 0; i < written.size(); ++i) {
        const std::optional<TextId> id = parse_account_id(written[i].account, command_.ledger);
        if (!id) return fail(path(i) + "account", std::string(kIdExpected));
        made[i].account = AccountId(id->high, id->low);
        made[i].side = written[i].side;
        amounts[i] = {
            .text = written[i].amount, .account = account_fact(made[i].account), .amount = {}};
    }
    const auto read = read_amounts(amounts);
    if (std::holds_alternative<AmountsUncertain>(read)) return false;
    if (const auto* wrong = std::get_if<AmountWrong>(&read)) {
        const bool is_debit = written[wrong->position].side == Side::debit;
        return fail(path(wrong->position) + (is_debit ? "debit" : "credit"), wrong->detail);
    }
    for (std::size_t i = 0; i < made.size(); ++i) made[i].amount = amounts[i].amount;
    command_.amount_decimals = std::get<AmountsRead>(read).decimals;
    body.postings = made;
    return true;
}

bool LineWriter::body(OpenAccount& body) {
    if (!account(Field::account, body.account)) return false;
    const std::optional<TextId> id = parse_account_id(raw_.text(Field::account), command_.ledger);
    if (id && id->is_name) body.name = raw_.text(Field::account);
    const std::optional<Asset> asset = Asset::parse(raw_.text(Field::asset));
    if (!asset)
        return fail(Field::asset,
                    "expected a code and decimals such as EUR/2, or an ISO 4217 code");
    body.asset = *asset;
    const auto account_class = parse_account_class(raw_.text(Field::account_class));
    if (!account_class) {
        return fail(Field::account_class, "expected asset, liability, equity, income or expense");
    }
    body.account_class = *account_class;
    std::uint64_t risk_class = 0;
    if (!text(Field::chart_code, kShortTextMax, body.chart_code) ||
        !text(Field::owner, kShortTextMax, body.owner) ||
        !small_number(Field::risk_class, 255, risk_class)) {
        return false;
    }
    body.risk_class = static_cast<std::uint8_t>(risk_class);
    if (!raw_.has(Field::limit)) return true;
    return limit({.certainty = Certainty::certain, .asset = *asset}, body.limit);
}

bool LineWriter::body(UpdateAccount& body) {
    std::uint64_t risk_class = 0;
    if (!account(Field::account, body.account) || !small_number(Field::risk_class, 255, risk_class))
        return false;
    if (raw_.has(Field::risk_class)) body.risk_class = static_cast<std::uint8_t>(risk_class);
    if (!raw_.has(Field::limit)) return true;
    body.limit.emplace();
    const bool needs_asset = raw_.text(Field::limit) != "unlimited";
    return limit(needs_asset ? account_fact(body.account) : AccountFact{}, *body.limit);
}

bool LineWriter::block(AccountId& account_out, Block& out) {
    if (!account(Field::account, account_out)) return false;
    const std::optional<Block> parsed = parse_block(raw_.text(Field::block));
    if (!parsed || *parsed == Block::none)
        return fail(Field::block, "expected debits, credits or both");
    out = *parsed;
    return true;
}

bool LineWriter::body(Transfer& body) {
    return account(Field::debit, body.debit) && account(Field::credit, body.credit) &&
           balancing(body.balancing) &&
           amount(Field::amount, either_fact(body.debit, body.credit), body.amount);
}

bool LineWriter::body(PlaceHold& body) {
    return account(Field::debit, body.debit) && account(Field::credit, body.credit) &&
           balancing(body.balancing) && expires_in(body.expires_in_us) &&
           amount(Field::amount, either_fact(body.debit, body.credit), body.amount);
}

bool LineWriter::fill_hold(CommandId hold, AccountId& account, AccountFact& fact) {
    const bool is_given = !account.is_zero();
    if (is_given) fact = account_fact(account);
    if (is_given && !directory_.orders_lines()) return true;
    const HoldFact known = directory_.hold(command_.ledger, hold);
    if (known.certainty == Certainty::pending) return false;
    if (is_given) return true;
    account = known.payer;
    if (known.asset) {
        fact = {.certainty = known.certainty, .asset = *known.asset};
    } else if (!account.is_zero()) {
        fact = account_fact(account);
    }
    return true;
}

bool LineWriter::body(CaptureHold& body) {
    body.keep_rest = raw_.number(Field::keep_rest) != 0;
    AccountFact fact;
    if (!command_id(Field::hold, body.hold) || !account(Field::account, body.account) ||
        !account(Field::credit, body.credit) || !fill_hold(body.hold, body.account, fact)) {
        return false;
    }
    if (!raw_.has(Field::amount)) return true;
    return amount(Field::amount, fact, body.amount.emplace());
}

bool LineWriter::body(ReleaseHold& body) {
    AccountFact fact;
    return command_id(Field::hold, body.hold) && account(Field::account, body.account) &&
           fill_hold(body.hold, body.account, fact);
}

bool LineWriter::body(ExtendHold& body) {
    AccountFact fact;
    return command_id(Field::hold, body.hold) && account(Field::account, body.account) &&
           expires_in(body.expires_in_us) && fill_hold(body.hold, body.account, fact);
}

/// The position of the posting that a reversal or refund debits: the one named, else the first
/// credit.
std::optional<std::size_t> debited_posting(const EntryFact& entry,
                                           std::optional<std::uint32_t> named) {
    if (named)
        return *named < entry.postings.size() ? std::optional<std::size_t>(*named) : std::nullopt;
    for (std::size_t i = 0; i < entry.postings.size(); ++i) {
        if (entry.postings[i].side == Side::credit) return i;
    }
    return std::nullopt;
}

bool LineWriter::body(Reverse& body) {
    if (!command_id(Field::entry, body.entry) || !account(Field::account, body.account))
        return false;
    const bool is_given = !body.account.is_zero();
    if (is_given && !directory_.orders_lines()) return true;
    const EntryFact entry = directory_.entry(command_.ledger, body.entry);
    if (entry.certainty == Certainty::pending) return false;
    if (is_given) return true;
    if (const auto position = debited_posting(entry, {}))
        body.account = entry.postings[*position].account;
    return true;
}

bool LineWriter::body(Refund& body) {
    if (!command_id(Field::entry, body.entry) || !account(Field::account, body.account) ||
        !account(Field::from, body.from)) {
        return false;
    }
    for (const auto& [field, out] : {std::pair{Field::debit_posting, &body.debit_posting},
                                     std::pair{Field::credit_posting, &body.credit_posting}}) {
        std::uint64_t position = 0;
        if (!small_number(field, kPostingsMax - 1, position)) return false;
        if (raw_.has(field)) *out = static_cast<std::uint32_t>(position);
    }
    if (body.account.is_zero()) body.account = body.from;
    AccountFact fact;
    const bool is_given = !body.account.is_zero();
    if (!is_given || directory_.orders_lines()) {
        const EntryFact entry = directory_.entry(command_.ledger, body.entry);
        if (entry.certainty == Certainty::pending) return false;
        const auto position = debited_posting(entry, body.credit_posting);
        if (!is_given && position) {
            const PostingFact& posting = entry.postings[*position];
            body.account = posting.account;
            if (posting.asset) fact = {.certainty = entry.certainty, .asset = *posting.asset};
        }
    }
    if (!raw_.has(Field::amount)) return true;
    if (fact.certainty == Certainty::unknown && !body.account.is_zero())
        fact = account_fact(body.account);
    return amount(Field::amount, fact, body.amount.emplace());
}

std::optional<Malformed> check_size(const Command& command) {
    if (encoded_size(command) <= kCommandBytesMax) return std::nullopt;
    return Malformed{Outcome::too_large, "", "at most 65,536 bytes when encoded"};
}

/// A member's fault names the member.
Malformed within(std::size_t member, Malformed fault) {
    std::string path = "group[" + std::to_string(member) + "]";
    fault.field = fault.field.empty() ? path : path + "." + fault.field;
    return fault;
}

Understood understand_group(const RawLine& raw, LineWriter& writer, StreamDirectory& directory,
                            Arena& arena) {
    const std::span<Command> members = arena.make<Command>(raw.members.size());
    if (raw.postings.size() > kPostingsMax) {
        return Malformed{Outcome::too_large, "group", "at most 1000 postings in an entry or group"};
    }
    for (std::size_t i = 0; i < members.size(); ++i) {
        const RawCommand& member = raw.members[i];
        const LedgerId ledger = writer.command().ledger;
        if (member.has(Field::ledger) && member.number(Field::ledger) != ledger.value()) {
            return within(i, {Outcome::malformed, "ledger", "expected the group's ledger"});
        }
        LineWriter member_writer(raw, member, ledger, directory, arena);
        if (!member_writer.write_envelope() || !member_writer.write_body()) {
            std::optional<Malformed> fault = std::move(member_writer).fault();
            if (!fault) return MustWait{};
            return within(i, std::move(*fault));
        }
        members[i] = member_writer.command();
        directory.learn(members[i]);
    }
    writer.command().body = Group{members};
    return writer.command();
}

Understood understand_command(const RawLine& raw, StreamDirectory& directory, Arena& arena) {
    const std::uint64_t ledger = raw.command.number(Field::ledger);
    if (ledger > std::numeric_limits<std::uint32_t>::max()) {
        return Malformed{Outcome::malformed, "ledger", "expected a number up to 4294967295"};
    }
    LineWriter writer(raw, raw.command, LedgerId(static_cast<std::uint32_t>(ledger)), directory,
                      arena);
    if (!writer.write_envelope()) return std::move(writer).fault().value();
    if (raw.command.kind == &kCommandKind<Group>)
        return understand_group(raw, writer, directory, arena);
    if (!writer.write_body()) {
        std::optional<Malformed> fault = std::move(writer).fault();
        if (!fault) return MustWait{};
        return std::move(*fault);
    }
    directory.learn(writer.command());
    return writer.command();
}

}  // namespace

Understood understand(const RawLine& raw, std::uint64_t line, StreamDirectory& directory,
                      Arena& arena) {
    if (raw.is_wait()) return WaitLine{};
    if (raw.is_clock()) {
        const std::optional<Timestamp> time = parse_time(raw.command.text(Field::clock));
        if (!time)
            return Malformed{Outcome::malformed, "clock",
                             "expected a time such as 2026-01-31T23:59:59Z"};
        return ClockLine{*time};
    }
    directory.start_line(line);
    Understood understood = understand_command(raw, directory, arena);
    if (const auto* command = std::get_if<Command>(&understood)) {
        if (std::optional<Malformed> fault = check_size(*command)) understood = std::move(*fault);
    }
    if (!std::holds_alternative<Command>(understood)) directory.withdraw(line);
    return understood;
}

}  // namespace vouch::command_handler
