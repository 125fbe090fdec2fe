#include "events/money/shard_of.h"
#include "events/money/text_ids.h"
#include "tests/specs/spec.h"
#include "tests/specs/spec_words.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace vouch::test {

namespace {

/// The line is no valid command, as the intake would say; not an error of the table.
struct Malformed {};

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

template <class T>
T must(std::optional<T> value, const std::string& what) {
    if (!value) fail(what);
    return *value;
}

std::uint64_t parse_number(const std::string& text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos)
        fail("no number: " + text);
    return std::stoull(text);
}

std::optional<Outcome> parse_outcome(const std::string& text) {
    for (std::uint64_t number = 0; number < 256; ++number) {
        const std::optional<Outcome> outcome = outcome_from_wire(number);
        if (outcome && to_text(*outcome) == text) return outcome;
    }
    return std::nullopt;
}

AccountId account_id(const std::string& name, LedgerId ledger) {
    const TextId id = must(parse_account_id(name, ledger), "no account id: " + name);
    return {id.high, id.low};
}

CommandId command_id(const std::string& name) {
    const TextId id = must(parse_command_id(name), "no command id: " + name);
    return {id.high, id.low};
}

/// What the intake would know from earlier lines: assets, who pays a hold, what an entry posted.
class SpecParser {
public:
    explicit SpecParser(std::uint32_t shards) : shards_(shards) {}

    std::vector<SpecStep> parse(std::string_view text);

private:
    struct KnownHold {
        AccountId payer;
        AccountId payee;
    };

    void parse_line(const std::string& line);
    CommandStep command_step(const std::string& kind, SpecWords& words);
    void add_member(const std::string& kind, SpecWords& words);
    void parse_envelope(SpecWords& words, OwnedCommand& command);
    void parse_body(const std::string& kind, SpecWords& words, CommandStep& step);
    Expected parse_expected(const SpecWords& words) const;
    ClaimStep claim_step(const std::string& kind, SpecWords& words);
    static DeliveryStep delivery_step(const std::string& kind, SpecWords& words);
    void remember(const OwnedCommand& command);

    OpenAccount open(SpecWords& words, OwnedCommand& command);
    UpdateAccount update(SpecWords& words);
    Transfer transfer(SpecWords& words);
    PlaceHold hold(SpecWords& words);
    CaptureHold capture(SpecWords& words);
    PostEntry entry(SpecWords& words, OwnedCommand& command);
    Refund refund(SpecWords& words);

    /// `alice@2` as the first of `alice@2`, `alice@2.1`, `alice@2.2`… that is of shard 2.
    std::string placed(const std::string& name) const;
    AccountId account(const std::string& name) const { return account_id(placed(name), ledger_); }
    AccountId account_option(SpecWords& words, const std::string& key) const {
        const auto name = words.option(key);
        return name ? account(*name) : AccountId();
    }
    /// The routing account: as given, none for `-`, else what earlier lines tell.
    AccountId routing(SpecWords& words, std::optional<AccountId> known);
    Amount amount(const std::string& text, std::optional<Asset> asset) const;
    /// An amount with its asset, of which either may tell the scale.
    Amount amount_and_asset(SpecWords& words, AccountId account);
    Limit limit(const std::string& text, Asset asset) const;
    Balancing balancing(SpecWords& words) const;
    std::optional<Asset> asset_of(AccountId account) const;
    Timestamp time(const std::string& text) const;

    std::uint32_t shards_;
    std::vector<SpecStep> steps_;
    Timestamp now_{kSpecStartUs};
    std::size_t line_ = 0;
    LedgerId ledger_;
    Scale scale_;
    std::map<std::pair<LedgerId, AccountId>, Asset> assets_;
    std::map<std::pair<LedgerId, CommandId>, KnownHold> holds_;
    std::map<std::pair<LedgerId, CommandId>, std::vector<Posting>> entries_;
};

std::string SpecParser::placed(const std::string& name) const {
    const std::size_t at = name.find('@');
    if (at == std::string::npos || shards_ == 1) return name;
    const ShardId shard(static_cast<std::uint32_t>(parse_number(name.substr(at + 1))) % shards_);
    std::string found = name;
    for (int i = 1; shard_of(account_id(found, ledger_), shards_) != shard; ++i) {
        found = name + "." + std::to_string(i);
    }
    return found;
}

std::optional<Asset> SpecParser::asset_of(AccountId id) const {
    const auto found = assets_.find({ledger_, id});
    if (found == assets_.end()) return std::nullopt;
    return found->second;
}

Amount SpecParser::amount(const std::string& text, std::optional<Asset> asset) const {
    const ParsedAmount parsed = parse_amount(text, asset ? asset->scale() : Scale(0));
    if (!parsed.amount) throw Malformed();
    return *parsed.amount;
}

Amount SpecParser::amount_and_asset(SpecWords& words, AccountId id) {
    const std::string text = words.take();
    std::optional<Asset> asset = asset_of(id);
    const auto next = words.peek();
    if (next && next->front() >= 'A' && next->front() <= 'Z')
        asset = must(Asset::parse(words.take()), "no asset");
    if (asset) scale_ = asset->scale();
    return amount(text, asset);
}

Limit SpecParser::limit(const std::string& text, Asset asset) const {
    return text == "unlimited" ? Limit::unlimited() : Limit(amount(text, asset));
}

Balancing SpecParser::balancing(SpecWords& words) const {
    const auto text = words.option("balancing");
    if (!text) return Balancing::none;
    if (*text == "debit") return Balancing::debit;
    if (*text == "credit") return Balancing::credit;
    if (*text == "both") return Balancing::both;
    fail("no balancing: " + *text);
}

AccountId SpecParser::routing(SpecWords& words, std::optional<AccountId> known) {
    const auto given = words.option("account");
    if (given) known = *given == "-" ? AccountId() : account(*given);
    const AccountId id = must(known, "account= is needed: no earlier line tells it");
    if (const auto asset = asset_of(id)) scale_ = asset->scale();
    return id;
}

Timestamp SpecParser::time(const std::string& text) const {
    if (text.starts_with('+')) return Timestamp(now_.value() + parse_duration(text.substr(1)));
    return Timestamp(static_cast<std::int64_t>(parse_number(text)));
}

// --- Commands ---------------------------------------------------------------------------------

OpenAccount SpecParser::open(SpecWords& words, OwnedCommand& command) {
    const std::string name = placed(words.take());
    OpenAccount body;
    body.account = account_id(name, ledger_);
    body.asset = must(Asset::parse(words.take()), "no asset");
    const TextId id = must(parse_account_id(name, ledger_), "no account id");
    if (id.is_name) command.account_name = name;
    const std::string kind = words.take();
    body.account_class = kind == "debit-normal" ? AccountClass::asset
                         : kind == "credit-normal"
                             ? AccountClass::liability
                             : must(parse_account_class(kind), "no class: " + kind);
    scale_ = body.asset.scale();
    if (const auto text = words.option("limit")) body.limit = limit(*text, body.asset);
    return body;
}

UpdateAccount SpecParser::update(SpecWords& words) {
    UpdateAccount body;
    body.account = account(words.take());
    const Asset asset = asset_of(body.account).value_or(Asset());
    scale_ = asset.scale();
    if (const auto text = words.option("limit")) body.limit = limit(*text, asset);
    if (const auto text = words.option("risk"))
        body.risk_class = static_cast<std::uint8_t>(parse_number(*text));
    return body;
}

Transfer SpecParser::transfer(SpecWords& words) {
    Transfer body;
    body.debit = account(words.take());
    if (!words.accept("->")) fail("-> is missing");
    body.credit = account(words.take());
    body.amount = amount_and_asset(words, body.debit);
    body.balancing = balancing(words);
    return body;
}

PlaceHold SpecParser::hold(SpecWords& words) {
    PlaceHold body;
    body.debit = account(words.take());
    if (!words.accept("->")) fail("-> is missing");
    if (!words.accept("-")) body.credit = account(words.take());
    body.amount = amount_and_asset(words, body.debit);
    if (words.peek()) body.expires_in_us = static_cast<std::uint64_t>(parse_duration(words.take()));
    body.balancing = balancing(words);
    return body;
}

CaptureHold SpecParser::capture(SpecWords& words) {
    CaptureHold body;
    body.hold = command_id(words.take());
    const auto known = holds_.find({ledger_, body.hold});
    body.account =
        routing(words, known == holds_.end() ? std::optional<AccountId>() : known->second.payer);
    body.keep_rest = words.accept("keep");
    if (words.peek()) body.amount = amount_and_asset(words, body.account);
    body.keep_rest = words.accept("keep") || body.keep_rest;
    body.credit = account_option(words, "credit");
    return body;
}

PostEntry SpecParser::entry(SpecWords& words, OwnedCommand& command) {
    while (words.peek()) {
        const std::string side = words.take();
        if (side != "dr" && side != "cr") fail("dr or cr is missing before " + side);
        Posting posting;
        posting.side = side == "dr" ? Side::debit : Side::credit;
        posting.account = account(words.take());
        posting.amount = amount_and_asset(words, posting.account);
        command.postings.push_back(posting);
    }
    return PostEntry{};
}

Refund SpecParser::refund(SpecWords& words) {
    Refund body;
    body.entry = command_id(words.take());
    body.from = account_option(words, "from");
    if (const auto text = words.option("postings")) {
        const std::size_t comma = text->find(',');
        if (comma == std::string::npos) fail("postings=DEBIT,CREDIT");
        const std::string debit = text->substr(0, comma);
        const std::string credit = text->substr(comma + 1);
        if (debit != "-") body.debit_posting = static_cast<std::uint32_t>(parse_number(debit));
        if (credit != "-") body.credit_posting = static_cast<std::uint32_t>(parse_number(credit));
    }
    std::optional<AccountId> known;
    const auto entry = entries_.find({ledger_, body.entry});
    if (!body.from.is_zero()) {
        known = body.from;
    } else if (entry != entries_.end()) {
        for (std::size_t i = 0; i < entry->second.size(); ++i) {
            const bool is_named = !body.credit_posting || *body.credit_posting == i;
            if (entry->second[i].side == Side::credit && is_named && !known)
                known = entry->second[i].account;
        }
    }
    body.account = routing(words, known);
    if (words.peek()) body.amount = amount_and_asset(words, body.account);
    return body;
}

void SpecParser::parse_body(const std::string& kind, SpecWords& words, CommandStep& step) {
    OwnedCommand& command = step.command;
    const auto known_payer = [&](CommandId id) -> std::optional<AccountId> {
        const auto known = holds_.find({ledger_, id});
        if (known == holds_.end()) return std::nullopt;
        return known->second.payer;
    };
    const auto block = [&] { return must(parse_block(words.take()), "no block"); };
    const auto whole_account = [&] {
        const AccountId id = account(words.take());
        if (const auto asset = asset_of(id)) scale_ = asset->scale();
        return id;
    };
    if (kind == "open") {
        command.head.body = open(words, command);
    } else if (kind == "update") {
        command.head.body = update(words);
    } else if (kind == "freeze") {
        const AccountId id = whole_account();
        command.head.body = FreezeAccount{id, block()};
    } else if (kind == "unfreeze") {
        const AccountId id = whole_account();
        command.head.body = UnfreezeAccount{id, block()};
    } else if (kind == "close") {
        command.head.body = CloseAccount{whole_account()};
    } else if (kind == "transfer") {
        command.head.body = transfer(words);
    } else if (kind == "entry") {
        command.head.body = entry(words, command);
    } else if (kind == "hold") {
        command.head.body = hold(words);
    } else if (kind == "capture") {
        command.head.body = capture(words);
    } else if (kind == "release") {
        const CommandId id = command_id(words.take());
        command.head.body = ReleaseHold{id, routing(words, known_payer(id))};
    } else if (kind == "extend") {
        const CommandId id = command_id(words.take());
        const auto duration = static_cast<std::uint64_t>(parse_duration(words.take()));
        command.head.body = ExtendHold{id, routing(words, known_payer(id)), duration};
    } else if (kind == "reverse") {
        const CommandId id = command_id(words.take());
        const auto entry = entries_.find({ledger_, id});
        std::optional<AccountId> known;
        if (entry != entries_.end()) {
            const auto credit =
                std::find_if(entry->second.begin(), entry->second.end(),
                             [](const Posting& p) { return p.side == Side::credit; });
            if (credit != entry->second.end()) known = credit->account;
        }
        command.head.body = Reverse{id, routing(words, known)};
    } else if (kind == "refund") {
        command.head.body = refund(words);
    } else if (kind == "group") {
        command.head.body = Group{};
    } else if (kind == "set_clock") {
        command.head.body = SetClock{time(words.take())};
    } else {
        fail("no such command: " + kind);
    }
}

void SpecParser::parse_envelope(SpecWords& words, OwnedCommand& command) {
    if (const auto text = words.option("context")) command.context = *text;
    if (const auto text = words.option("actor")) command.actor_id = *text;
    if (const auto text = words.option("module")) command.module = *text;
    if (const auto text = words.option("ticket")) command.ticket = *text;
    if (const auto text = words.option("note")) command.metadata.emplace_back("note", *text);
    if (const auto text = words.option("version"))
        command.head.expected_version = Version(parse_number(*text));
    if (const auto text = words.option("decimals")) {
        command.head.amount_decimals = Scale(static_cast<std::uint8_t>(parse_number(*text)));
    }
    if (const auto text = words.option("expires")) command.head.expires_at = time(*text);
}

Expected SpecParser::parse_expected(const SpecWords& words) const {
    Expected expected;
    if (words.last() == "in_transit") {
        expected.stage = Told::Stage::in_transit;
    } else if (words.last() == "forwarded") {
        expected.stage = Told::Stage::forwarded;
    } else {
        expected.outcome = must(parse_outcome(words.last()), "no outcome: " + words.last());
    }
    std::istringstream in(words.bracket());
    for (std::string key; in >> key;) {
        if (key == "repeated") {
            expected.repeated = true;
            continue;
        }
        std::string value;
        if (!(in >> value)) fail("no value for " + key);
        if (key == "account" && value != "-") value = id_text(account(value));
        expected.facts[key] = value;
    }
    return expected;
}

/// What later lines may refer to. Whether the ledger accepts it is not known here.
void SpecParser::remember(const OwnedCommand& command) {
    const std::pair key{ledger_, command.head.id};
    if (const auto* open = std::get_if<OpenAccount>(&command.head.body)) {
        assets_.emplace(std::pair{ledger_, open->account}, open->asset);
    } else if (const auto* place = std::get_if<PlaceHold>(&command.head.body)) {
        holds_.emplace(key, KnownHold{place->debit, place->credit});
    } else if (const auto* transfer = std::get_if<Transfer>(&command.head.body)) {
        entries_.emplace(key,
                         std::vector{Posting{transfer->debit, Side::debit, transfer->amount},
                                     Posting{transfer->credit, Side::credit, transfer->amount}});
    } else if (std::holds_alternative<PostEntry>(command.head.body)) {
        entries_.emplace(key, command.postings);
    } else if (const auto* capture = std::get_if<CaptureHold>(&command.head.body)) {
        const auto hold = holds_.find({ledger_, capture->hold});
        const AccountId payee = hold != holds_.end() && capture->credit.is_zero()
                                    ? hold->second.payee
                                    : capture->credit;
        entries_.emplace(key, std::vector{Posting{capture->account, Side::debit, Amount()},
                                          Posting{payee, Side::credit, Amount()}});
    }
}

CommandStep SpecParser::command_step(const std::string& kind, SpecWords& words) {
    CommandStep step;
    step.expected = parse_expected(words);
    ledger_ =
        LedgerId(static_cast<std::uint32_t>(parse_number(words.option("ledger").value_or("0"))));
    if (const auto text = words.option("times"))
        step.times = static_cast<std::uint32_t>(parse_number(*text));
    if (const auto text = words.option("at"))
        step.at = ShardId(static_cast<std::uint32_t>(parse_number(*text)));
    // What others refer to by its id is written id first; the rest may have one.
    const bool has_id_first =
        kind == "transfer" || kind == "entry" || kind == "hold" || kind == "group";
    const std::string id =
        has_id_first ? words.take() : words.option("id").value_or("line " + std::to_string(line_));
    step.command.head.id = command_id(id);
    step.command.head.ledger = ledger_;
    parse_envelope(words, step.command);
    scale_ = Scale(0);
    try {
        parse_body(kind, words, step);
        words.expect_end();
        remember(step.command);
    } catch (const Malformed&) {
        step.is_malformed = true;
    }
    step.scale = scale_;
    return step;
}

void SpecParser::add_member(const std::string& kind, SpecWords& words) {
    if (steps_.empty() || !steps_.back().command) fail("an indented line follows its group");
    CommandStep& group = *steps_.back().command;
    const CommandStep member = command_step(kind, words);
    if (member.is_malformed) fail("a malformed member makes the whole group malformed");
    group.command.members.push_back(member.command);
    group.members.push_back(member.expected);
    group.scale = member.scale;
}

ClaimStep SpecParser::claim_step(const std::string& kind, SpecWords& words) {
    words.no_last_column();
    ClaimStep step;
    ledger_ =
        LedgerId(static_cast<std::uint32_t>(parse_number(words.option("ledger").value_or("0"))));
    step.ledger = ledger_;
    if (kind == "balance") {
        step.account = account(words.take());
    } else if (kind == "hold_state") {
        step.kind = ClaimStep::Kind::hold_state;
        step.hold = command_id(words.take());
        step.claims["status"] = words.take();
        const auto known = holds_.find({ledger_, step.hold});
        if (known != holds_.end()) step.asset = asset_of(known->second.payer);
    } else {
        step.kind = ClaimStep::Kind::trial;
        const auto next = words.peek();
        if (next && next->front() >= 'A' && next->front() <= 'Z')
            step.asset = Asset::parse(words.take());
    }
    while (words.peek()) {
        const std::string key = words.take();
        step.claims[key] = words.take();
    }
    words.expect_end();
    return step;
}

DeliveryStep SpecParser::delivery_step(const std::string& kind, SpecWords& words) {
    words.no_last_column();
    DeliveryStep step;
    if (kind == "hold_back") step.kind = DeliveryStep::Kind::hold_back;
    if (kind == "at_once") step.kind = DeliveryStep::Kind::at_once;
    if (kind == "deliver") step.count = words.peek() ? parse_number(words.take()) : kAllSteps;
    words.expect_end();
    return step;
}

void SpecParser::parse_line(const std::string& line) {
    SpecWords words(line);
    if (words.empty()) return;
    if (!words.peek()) words.no_last_column();
    const std::string kind = words.take();
    if (words.is_indented()) {
        add_member(kind, words);
        return;
    }
    SpecStep step;
    step.line = line_;
    step.text = line;
    step.now = now_;
    if (kind == "clock") {
        words.no_last_column();
        now_ = time(words.take());
        return;
    }
    if (kind == "restart") {
        step.restart = true;
    } else if (kind == "hold_back" || kind == "deliver" || kind == "at_once") {
        step.delivery = delivery_step(kind, words);
    } else if (kind == "balance" || kind == "hold_state" || kind == "trial") {
        step.claim = claim_step(kind, words);
    } else {
        step.command = command_step(kind, words);
    }
    steps_.push_back(std::move(step));
}

std::vector<SpecStep> SpecParser::parse(std::string_view text) {
    std::istringstream in{std::string(text)};
    for (std::string line; std::getline(in, line);) {
        ++line_;
        try {
            parse_line(line);
        } catch (const std::runtime_error& error) {
            fail("line " + std::to_string(line_) + ": " + error.what() + " in: " + line);
        }
    }
    return std::move(steps_);
}

}  // namespace

std::int64_t parse_duration(std::string_view text) {
    const std::size_t unit_at = text.find_first_not_of("0123456789");
    if (unit_at == 0 || unit_at == std::string_view::npos)
        fail("no duration: " + std::string(text));
    const std::int64_t count = std::stoll(std::string(text.substr(0, unit_at)));
    const std::string_view unit = text.substr(unit_at);
    if (unit == "us") return count;
    if (unit == "ms") return count * 1'000;
    if (unit == "s") return count * 1'000'000;
    if (unit == "m") return count * 60'000'000;
    fail("no duration: " + std::string(text));
}

std::vector<SpecStep> parse_spec(std::string_view text, std::uint32_t shards) {
    return SpecParser(shards).parse(text);
}

}  // namespace vouch::test
