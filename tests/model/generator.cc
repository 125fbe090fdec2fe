#include "tests/model/generator.h"

#include "tests/model/model.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <variant>

namespace vouch::test {

namespace {

constexpr std::size_t kAccounts = 8;
constexpr std::array<std::string_view, kAccounts> kAssets = {"EUR/2", "EUR/2", "EUR/2", "EUR/2",
                                                             "EUR/2", "EUR/2", "JPY/0", "EUR/4"};
constexpr std::array<std::uint64_t, 7> kDurationsUs = {0, 0, 1, 500, 1'000, 1'000'000, 60'000'000};
constexpr std::array<std::int64_t, 8> kPausesUs = {0, 0, 0, 0, 1, 400, 600, 200'000};
constexpr std::size_t kMembersMax = 5;
constexpr LedgerId kOtherBooks{1};

struct KnownHold {
    CommandId id;
    AccountId payer;
    AccountId payee;
};

struct KnownEntry {
    CommandId id;
    std::vector<Posting> postings;
};

class Generator {
public:
    Generator(std::uint64_t seed, const GeneratorOptions& options)
        : random_(seed), guide_(options.shards), options_(options) {
        scenario_.seed = seed;
        scenario_.shards = options.shards;
        for (std::size_t i = 0; i < kAccounts; ++i) {
            const AccountId id = scenario_.names.account("a" + std::to_string(i));
            scenario_.names.assets[id] = *Asset::parse(kAssets[i]);
            accounts_.push_back(id);
        }
    }

    Scenario make() {
        std::size_t made = 0;
        add_first_accounts();
        while (made < options_.commands) {
            ScenarioBatch batch;
            batch.after_us = kPausesUs[below(kPausesUs.size())];
            batch.restart_first = chance(3);
            now_us_ += batch.after_us;
            const std::size_t size = 1 + below(options_.batch_max);
            guide_.begin_record(Timestamp(now_us_));
            for (std::size_t i = 0; i < size; ++i) {
                batch.commands.push_back(next_command());
                learn(batch.commands.back());
            }
            made += size;
            scenario_.batches.push_back(std::move(batch));
        }
        return std::move(scenario_);
    }

private:
    /// std::uniform_int_distribution differs between libraries; the remainder's bias is no matter.
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }
    bool chance(std::size_t percent) { return below(100) < percent; }

    /// Somewhere to begin: an account without limit that funds others. Not always all of them.
    void add_first_accounts() {
        ScenarioBatch batch;
        guide_.begin_record(Timestamp(now_us_));
        const auto add = [&](OwnedCommand command) {
            command.head.id = scenario_.names.command("c" + std::to_string(++last_id_));
            sent_.push_back(command);
            batch.commands.push_back(std::move(command));
            learn(batch.commands.back());
        };
        for (std::size_t i = 0; i < kAccounts; ++i) {
            if (chance(10)) continue;
            OwnedCommand command;
            OpenAccount body;
            body.account = accounts_[i];
            body.asset = *Asset::parse(kAssets[i]);
            body.account_class =
                i == 0 ? AccountClass::asset : static_cast<AccountClass>(1 + below(5));
            body.limit = i == 0 ? Limit::unlimited() : any_limit();
            command.head.body = body;
            add(command);
        }
        for (std::size_t i = 1; i < 4; ++i) {
            OwnedCommand command;
            command.head.body =
                Transfer{accounts_[0], accounts_[i], Amount(10 + below(50)), Balancing::none};
            add(command);
        }
        scenario_.batches.push_back(std::move(batch));
    }

    /// The model tells which holds and entries there are, so that later commands find some.
    void learn(const OwnedCommand& command) {
        const model::Verdict verdict = guide_.decide(command.view());
        if (!is_accepted(verdict.outcome) || verdict.repeated) return;
        learn_accepted(command);
        for (const OwnedCommand& member : command.members) learn_accepted(member);
    }

    void learn_accepted(const OwnedCommand& command) {
        const auto key = std::pair{command.head.ledger, command.head.id};
        const auto hold = guide_.books().holds.find(key);
        if (hold != guide_.books().holds.end()) {
            holds_.push_back(
                {key.second, hold->second.payer, hold->second.payee.value_or(AccountId())});
        }
        const auto entry = guide_.books().entries.find(key);
        if (entry == guide_.books().entries.end()) return;
        KnownEntry known{key.second, {}};
        for (const model::EntryPosting& p : entry->second.postings) {
            known.postings.push_back({p.account, p.side, model::to_amount(p.amount)});
        }
        entries_.push_back(known);
    }

    OwnedCommand next_command() {
        OwnedCommand command;
        if (!sent_.empty() && chance(8)) {
            command = any_sent();
            if (chance(40)) command.ticket = "again";
            if (chance(40)) command.head.expires_at = Timestamp(now_us_);
        } else if (!sent_.empty() && chance(4)) {
            const OwnedCommand earlier = any_sent();
            command = new_command(chance(20));
            const bool is_member = std::any_of(
                command.members.begin(), command.members.end(),
                [&](const OwnedCommand& member) { return member.head.id == earlier.head.id; });
            // A group that is a member of itself is malformed.
            if (!is_member) command.head.id = earlier.head.id;
        } else {
            command = new_command(chance(10));
        }
        sent_.push_back(command);
        return command;
    }

    OwnedCommand any_sent() { return sent_[below(sent_.size())]; }

    OwnedCommand new_command(bool is_group) {
        OwnedCommand command;
        command.head.id = scenario_.names.command("c" + std::to_string(++last_id_));
        command.head.ledger = chance(2) ? kOtherBooks : LedgerId(0);
        if (is_group) {
            command.head.body = Group{};
            add_members(command);
        } else {
            fill_body(command);
        }
        add_envelope(command);
        return command;
    }

    void add_members(OwnedCommand& group) {
        const LedgerId ledger = group.head.ledger;
        const std::size_t size = 1 + below(kMembersMax);
        for (std::size_t i = 0; i < size; ++i) {
            OwnedCommand member;
            const bool is_known = !sent_.empty() && chance(12);
            if (is_known) member = any_sent();
            const bool is_group = std::holds_alternative<Group>(member.head.body);
            if (!is_known || is_group || member.head.ledger != ledger) {
                member = OwnedCommand();
                member.head.id = scenario_.names.command("c" + std::to_string(++last_id_));
                member.head.ledger = ledger;
                fill_body(member);
                add_envelope(member);
            } else if (chance(20)) {
                member.context = "changed";
            }
            group.members.push_back(member);
            if (chance(6)) group.members.push_back(member);
            // So that they are also sent alone.
            sent_.push_back(member);
        }
    }

    void fill_body(OwnedCommand& command) {
        const std::size_t kind = below(100);
        if (kind < 5) {
            open(command);
        } else if (kind < 30) {
            transfer(command);
        } else if (kind < 40) {
            entry(command);
        } else if (kind < 52) {
            hold(command);
        } else if (kind < 64) {
            capture(command);
        } else if (kind < 69) {
            const KnownHold known = any_hold();
            command.head.body = ReleaseHold{known.id, routing(known.payer)};
        } else if (kind < 73) {
            const KnownHold known = any_hold();
            command.head.body =
                ExtendHold{known.id, routing(known.payer), kDurationsUs[2 + below(5)]};
        } else if (kind < 79) {
            reverse(command);
        } else if (kind < 87) {
            refund(command);
        } else if (kind < 90) {
            update(command);
        } else if (kind < 92) {
            command.head.body = FreezeAccount{any_account(), any_block()};
        } else if (kind < 98) {
            command.head.body = UnfreezeAccount{any_account(), any_block()};
        } else {
            command.head.body = CloseAccount{any_account()};
        }
    }

    void add_envelope(OwnedCommand& command) {
        if (chance(6)) {
            command.head.expected_version = Version(below(9));
        }
        if (chance(5)) command.head.amount_decimals = Scale(chance(85) ? 2 : 0);
        if (chance(4)) {
            constexpr std::array<std::int64_t, 4> kIn = {0, 1, 1'000'000, 90'000'000};
            command.head.expires_at = Timestamp(now_us_ + kIn[below(kIn.size())]);
        }
        if (chance(5)) command.context = "order-" + std::to_string(below(2));
        if (chance(5)) command.actor_id = "ops-" + std::to_string(below(2));
        if (chance(3)) command.metadata.emplace_back("note", "n" + std::to_string(below(2)));
    }

    // --- Bodies ---------------------------------------------------------------------------------

    void open(OwnedCommand& command) {
        OpenAccount body;
        const std::size_t index = below(kAccounts);
        body.account = accounts_[index];
        body.asset = *Asset::parse(kAssets[index]);
        body.account_class = static_cast<AccountClass>(1 + below(5));
        body.limit = any_limit();
        // A name belongs to its ledger; elsewhere the account is opened by number.
        if (command.head.ledger == LedgerId(0) && chance(50))
            command.account_name = scenario_.names.text(body.account);
        command.head.body = body;
    }

    void update(OwnedCommand& command) {
        UpdateAccount body;
        body.account = any_account();
        if (chance(80)) body.limit = any_limit();
        if (chance(40)) body.risk_class = static_cast<std::uint8_t>(below(256));
        command.head.body = body;
    }

    void transfer(OwnedCommand& command) {
        Transfer body;
        body.debit = any_account();
        body.credit = any_other(body.debit);
        body.amount = any_amount();
        if (chance(25)) body.balancing = static_cast<Balancing>(1 + below(3));
        command.head.body = body;
    }

    void entry(OwnedCommand& command) {
        // Mostly pairs that balance, put in any order; sometimes one amount is spoiled.
        const std::size_t pairs = 1 + below(3);
        for (std::size_t i = 0; i < pairs; ++i) {
            const Amount amount = any_amount();
            command.postings.push_back({any_account(), Side::debit, amount});
            command.postings.push_back({any_account(), Side::credit, amount});
        }
        for (std::size_t i = command.postings.size(); i > 1; --i) {
            std::swap(command.postings[i - 1], command.postings[below(i)]);
        }
        if (chance(10)) command.postings[below(command.postings.size())].amount = any_amount();
        if (chance(10)) {
            const std::size_t at = below(command.postings.size() + 1);
            const Side side = chance(50) ? Side::debit : Side::credit;
            command.postings.insert(command.postings.begin() + static_cast<std::ptrdiff_t>(at),
                                    {any_account(), side, Amount()});
        }
        command.head.body = PostEntry{};
    }

    void hold(OwnedCommand& command) {
        PlaceHold body;
        body.debit = any_account();
        if (!chance(25)) body.credit = any_other(body.debit);
        body.amount = any_amount();
        if (chance(20)) body.balancing = static_cast<Balancing>(1 + below(3));
        if (body.credit.is_zero() && body.balancing != Balancing::none)
            body.balancing = Balancing::debit;
        body.expires_in_us = kDurationsUs[below(kDurationsUs.size())];
        command.head.body = body;
    }

    void capture(OwnedCommand& command) {
        const KnownHold known = any_hold();
        CaptureHold body;
        body.hold = known.id;
        body.account = routing(known.payer);
        if (chance(70)) body.amount = any_amount();
        body.keep_rest = chance(50);
        if (chance(known.payee.is_zero() ? 90 : 6)) body.credit = any_account();
        command.head.body = body;
    }

    void reverse(OwnedCommand& command) {
        const KnownEntry known = any_entry();
        AccountId account;
        for (auto p = known.postings.rbegin(); p != known.postings.rend(); ++p) {
            if (p->side == Side::credit) account = p->account;
        }
        command.head.body = Reverse{known.id, routing(account)};
    }

    void refund(OwnedCommand& command) {
        const KnownEntry known = any_entry();
        Refund body;
        body.entry = known.id;
        if (chance(70)) body.amount = any_amount();
        std::size_t debit = 0;
        std::size_t credit = 0;
        // The last ones that fit in a random rotation: any pair may be named.
        const std::size_t turn = below(known.postings.size());
        for (std::size_t i = 0; i < known.postings.size(); ++i) {
            const std::size_t at = (i + turn) % known.postings.size();
            (known.postings[at].side == Side::debit ? debit : credit) = at;
        }
        if (known.postings.size() > 2 || chance(10)) {
            if (!chance(10)) body.debit_posting = static_cast<std::uint32_t>(debit);
            if (!chance(10)) body.credit_posting = static_cast<std::uint32_t>(credit);
            if (chance(5)) body.credit_posting = static_cast<std::uint32_t>(below(8));
        }
        if (chance(25)) body.from = any_account();
        body.account = routing(body.from.is_zero() ? known.postings[credit].account : body.from);
        command.head.body = body;
    }

    // --- Pieces ---------------------------------------------------------------------------------

    /// Two thirds of the time one of the first three, which so get in each other's way.
    AccountId any_account() {
        return accounts_[chance(65) ? below(3) : below(chance(80) ? 6 : kAccounts)];
    }
    /// Mostly not `account` itself.
    AccountId any_other(AccountId account) {
        AccountId other = any_account();
        for (int i = 0; i < 3 && other == account; ++i) other = any_account();
        return other;
    }

    AccountId routing(AccountId known) {
        if (chance(3)) return AccountId();
        // What is routed to another shard by its account does not come here.
        return chance(6) && options_.shards == 1 ? any_account() : known;
    }

    Block any_block() { return static_cast<Block>(1 + below(3)); }

    Limit any_limit() {
        if (chance(30)) return Limit::unlimited();
        if (chance(50)) return Limit();
        return Limit(any_amount());
    }

    Amount any_amount() {
        const std::size_t kind = below(100);
        const Amount small(below(20) + 1);
        if (kind < 3) return Amount();
        if (kind < 6) return *Amount::max().minus(Amount(below(3)));
        if (kind < 8) return Amount::from_halves(std::uint64_t{1} << 63, below(2));
        if (kind < 10) return Amount::from_halves(below(2), ~std::uint64_t{0});
        return small;
    }

    /// The newest more often: what is old has mostly been closed.
    template <class T>
    std::size_t recent(const std::vector<T>& values) {
        const std::size_t window =
            chance(70) ? std::min<std::size_t>(values.size(), 6) : values.size();
        return values.size() - 1 - below(window);
    }

    KnownHold any_hold() {
        if (holds_.empty() || chance(2))
            return {scenario_.names.command("none"), any_account(), any_account()};
        return holds_[recent(holds_)];
    }

    KnownEntry any_entry() {
        if (entries_.empty() || chance(2)) {
            return {
                scenario_.names.command("none"),
                {{any_account(), Side::debit, Amount()}, {any_account(), Side::credit, Amount()}}};
        }
        return entries_[recent(entries_)];
    }

    std::mt19937_64 random_;
    model::Model guide_;
    GeneratorOptions options_;
    Scenario scenario_;
    std::vector<AccountId> accounts_;
    std::vector<KnownHold> holds_;
    std::vector<KnownEntry> entries_;
    std::vector<OwnedCommand> sent_;
    std::int64_t now_us_ = kSpecStartUs;
    std::uint64_t last_id_ = 0;
};

}  // namespace

Scenario make_scenario(std::uint64_t seed, const GeneratorOptions& options) {
    return Generator(seed, options).make();
}

std::string to_spec(const Scenario& scenario) {
    std::string text;
    std::int64_t now = kSpecStartUs;
    for (const ScenarioBatch& batch : scenario.batches) {
        now += batch.after_us;
        if (batch.after_us != 0) text += "clock +" + std::to_string(batch.after_us) + "us\n";
        if (batch.restart_first) text += "restart\n";
        if (batch.commands.size() > 1)
            text += "# one batch of " + std::to_string(batch.commands.size()) + "\n";
        for (const OwnedCommand& command : batch.commands) {
            text += to_spec(command, scenario.names, Timestamp(now)) + "\n";
        }
    }
    return text;
}

}  // namespace vouch::test
