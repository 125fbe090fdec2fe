#include "tests/model/accepted_model.h"

#include "tests/model/model.h"
#include "tests/support/ledger.h"

#include <map>
#include <set>
#include <variant>

namespace vouch::test {

using model::Integer;
using model::to_integer;

namespace {

class AcceptedPlay {
public:
    explicit AcceptedPlay(const ShardBooks& shards) : shards_(shards) {
        model_.begin_record(Timestamp(1));  // no hold expires: its shard has said when
        model_.lift_range();
    }

    std::optional<std::string> run() {
        for (const auto& each : shards_.accepted()) {
            if (std::holds_alternative<OpenAccount>(each.command.head.body)) play(each.command);
        }
        find_captures();
        for (std::size_t i = 0; i < shards_.accepted().size(); ++i) {
            if (difference_) return difference_;
            const auto& each = shards_.accepted()[i];
            if (!each.outcome || !is_accepted(*each.outcome)) continue;
            play_accepted(each);
            const auto* capture = std::get_if<CaptureHold>(&each.command.head.body);
            if (capture == nullptr) continue;
            const model::Keyed<CommandId> hold{each.command.head.ledger, capture->hold};
            const bool is_last = last_captures_.at(hold) == i;
            if (is_last && shards_.holds().at(hold).status != HoldStatus::open) release(hold);
        }
        for (const auto& [key, hold] : shards_.holds()) {
            if (hold.status != HoldStatus::open) release(key);
        }
        compare_accounts();
        compare_holds();
        return difference_;
    }

private:
    void differ(const std::string& what) {
        if (!difference_) difference_ = what;
    }

    void play(OwnedCommand command) {
        command.head.expires_at = Timestamp(0);
        command.head.expected_version.reset();
        command.head.amount_decimals.reset();
        if (auto* open = std::get_if<OpenAccount>(&command.head.body))
            open->limit = Limit::unlimited();
        const model::Verdict verdict = model_.decide(command.view());
        if (is_accepted(verdict.outcome) && !verdict.repeated) return;
        differ(id_text(command.head.id) + " was accepted; the model says " +
               std::string(to_text(verdict.outcome)));
    }

    void play_accepted(const ShardBooks::Accepted& each) {
        OwnedCommand command = each.command;
        CommandBody& body = command.head.body;
        const bool is_of_funds =
            std::holds_alternative<PostEntry>(body) || std::holds_alternative<Reverse>(body);
        if (auto* transfer = std::get_if<Transfer>(&body)) {
            transfer->amount = each.moved.value_or(transfer->amount);
            transfer->balancing = Balancing::none;
        } else if (auto* place = std::get_if<PlaceHold>(&body)) {
            place->amount = each.moved.value_or(place->amount);
            place->balancing = Balancing::none;
            place->expires_in_us = 0;
        } else if (auto* capture = std::get_if<CaptureHold>(&body)) {
            if (each.moved) capture->amount = each.moved;
            if (ends_late({command.head.ledger, capture->hold})) capture->keep_rest = true;
        } else if (auto* refund = std::get_if<Refund>(&body)) {
            if (each.moved) refund->amount = each.moved;
        } else if (const auto* ended = std::get_if<ReleaseHold>(&body)) {
            const model::Keyed<CommandId> hold{command.head.ledger, ended->hold};
            if (!ends_late(hold)) release(hold);
            return;
        } else if (!is_of_funds) {
            return;
        }
        play(command);
    }

    void find_captures() {
        for (std::size_t i = 0; i < shards_.accepted().size(); ++i) {
            const auto& each = shards_.accepted()[i];
            const auto* capture = std::get_if<CaptureHold>(&each.command.head.body);
            if (capture == nullptr || !each.outcome || !is_accepted(*each.outcome)) continue;
            const model::Keyed<CommandId> hold{each.command.head.ledger, capture->hold};
            if (each.crossed) captured_across_.insert(hold);
            last_captures_[hold] = i;
        }
    }

    /// While a capture of it that names its payee is on its way, a hold may end, and the model
    /// still needs what the shard has counted as captured.
    bool ends_late(const model::Keyed<CommandId>& id) const {
        const auto hold = model_.books().holds.find(id);
        const bool has_payee = hold != model_.books().holds.end() && hold->second.payee;
        return !has_payee && captured_across_.contains(id);
    }

    /// If the model still has it.
    void release(const model::Keyed<CommandId>& key) {
        const auto hold = model_.books().holds.find(key);
        if (hold == model_.books().holds.end() || hold->second.status != HoldStatus::open) return;
        OwnedCommand command;
        command.head.ledger = key.first;
        command.head.id = CommandId(~std::uint64_t{0}, ++releases_);
        command.head.body = ReleaseHold{key.second, hold->second.payer};
        play(command);
    }

    void compare_accounts() {
        const auto& accounts = model_.books().accounts;
        if (accounts.size() != shards_.accounts().size()) differ("another number of accounts");
        for (const ShardBooks::Account* row : shards_.accounts()) {
            const auto found = accounts.find({row->ledger, row->id});
            if (found == accounts.end()) return differ("an account more than the model has");
            const model::Account& account = found->second;
            const Totals& totals = row->newest.totals;
            // What came back was posted on both sides.
            const Integer posted =
                to_integer(totals.debits_posted) - to_integer(totals.credits_posted);
            const bool agrees = posted == account.debits.posted - account.credits.posted &&
                                to_integer(totals.debits_held) == account.debits.held &&
                                to_integer(totals.credits_held) == account.credits.held;
            if (agrees) continue;
            differ(id_text(row->id) + ": posted " + posted.str() + " held " +
                   to_integer(totals.debits_held).str() + " " +
                   to_integer(totals.credits_held).str() + "; model " +
                   Integer(account.debits.posted - account.credits.posted).str() + " held " +
                   account.debits.held.str() + " " + account.credits.held.str());
        }
    }

    void compare_holds() {
        for (const auto& [key, hold] : shards_.holds()) {
            if (hold.status == HoldStatus::refused) continue;
            const auto found = model_.books().holds.find(key);
            if (found == model_.books().holds.end()) return differ("a hold that the model lacks");
            if (to_integer(hold.remaining) != found->second.remaining)
                differ("hold " + id_text(key.second) + ": left is another amount");
            if (to_integer(hold.captured) != found->second.captured)
                differ("hold " + id_text(key.second) + ": captured is another amount");
        }
    }

    const ShardBooks& shards_;
    model::Model model_;
    std::set<model::Keyed<CommandId>> captured_across_;
    std::map<model::Keyed<CommandId>, std::size_t> last_captures_;
    std::uint64_t releases_ = 0;
    std::optional<std::string> difference_;
};

}  // namespace

std::optional<std::string> find_difference_of_accepted(const ShardBooks& shards) {
    if (shards.holds_cut() > 0) return std::nullopt;
    return AcceptedPlay(shards).run();
}

}  // namespace vouch::test
