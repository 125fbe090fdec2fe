#include "projector/answers/answer_text.h"

#include "events/money/rfc3339.h"
#include "events/overloads.h"
#include "events/printable_text.h"
#include "projector/answers/answer_json.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

namespace vouch::projector {

namespace {

/// In the place of an outcome that there is not yet: another shard has to answer first.
const std::string kInTransit = "in transit, not final";

void add_fact(Fields& fields, std::string name, const std::optional<AmountFact>& fact,
              const std::optional<Asset>& asset) {
    if (!fact || !asset) return;
    fields.emplace_back(std::move(name), fact->unlimited ? "unlimited"
                                                         : to_text(fact->amount, asset->scale()) +
                                                               " " + asset->text());
}

}  // namespace

std::string account_text(const AccountBalance& found) {
    const AccountInfo& account = found.account;
    Fields fields = {
        {"account", account.shown()},
        {"id", id_text(account.id)},
        {"asset", account.asset.text()},
        {"class", std::string(to_text(account.account_class))},
        {"state", std::string(to_text(found.state))},
        {"limit", limit_text(found.limit, account.asset.scale())},
    };
    if (found.state.block != Block::none)
        fields.emplace_back("blocked", to_text(found.state.block));
    if (!account.chart_code.empty()) fields.emplace_back("chart code", account.chart_code);
    if (!account.owner.empty()) fields.emplace_back("owner", account.owner);
    if (account.risk_class != 0)
        fields.emplace_back("risk class", std::to_string(account.risk_class));
    for (const auto& [key, value] : account.metadata) fields.emplace_back("metadata " + key, value);
    fields.emplace_back("version", std::to_string(found.version.value()));
    fields.emplace_back("opened", as_text(account.opened));
    fields.emplace_back("as of", as_text(found.as_of));
    return as_text(fields);
}

std::string balance_text(const AccountBalance& found) {
    const Side normal = normal_side(found.account.account_class);
    return to_text(vouch::balance(found.totals, normal), found.account.asset.scale());
}

std::string balances_text(const AccountBalance& found) {
    const Scale scale = found.account.asset.scale();
    Fields fields = {
        {"account", found.account.shown()},
        {"asset", found.account.asset.text()},
        {"balance", balance_text(found)},
        {"available", available_text(found)},
        {"debits posted", to_text(found.totals.debits_posted, scale)},
        {"credits posted", to_text(found.totals.credits_posted, scale)},
        {"debits held", to_text(found.totals.debits_held, scale)},
        {"credits held", to_text(found.totals.credits_held, scale)},
    };
    if (!found.debits_due.is_zero())
        fields.emplace_back("of them due", to_text(found.debits_due, scale) + " of debits");
    if (!found.credits_due.is_zero())
        fields.emplace_back("of them due", to_text(found.credits_due, scale) + " of credits");
    fields.emplace_back("state", to_text(found.state));
    fields.emplace_back("version", std::to_string(found.version.value()));
    fields.emplace_back("as of", as_text(found.as_of));
    return as_text(fields);
}

namespace {

void add_voucher(Fields& fields, const ShownVoucher& from, const std::string& indent = "") {
    const auto add = [&](std::string_view name, std::string value) {
        if (!value.empty()) fields.emplace_back(indent + std::string(name), std::move(value));
    };
    add("context", from.context);
    add("actor", from.actor_id);
    add("address", from.actor_address);
    add("device", from.actor_device);
    add("module", from.module);
    add("ticket", from.ticket);
    add("channel", from.channel);
    add("kind", std::string(to_text(from.kind)));
    add("reason", from.reason);
    if (from.document_date != Day()) add("document date", to_text(from.document_date));
    if (from.trace.is_given()) add("trace", to_text(from.trace));
    for (const auto& [type, value] : from.references) add(to_text(type), value);
    for (const ShownAttachment& one : from.attachments) {
        std::string text = one.digest;
        if (!one.media_type.empty()) text += " " + one.media_type;
        if (one.size > 0) text += " " + std::to_string(one.size) + " bytes";
        add("attachment", text);
    }
    for (const auto& [key, value] : from.metadata) add("metadata " + key, value);
}

std::string key_text(const AskedKey& key) {
    return std::visit(Overloads{
                          [](const std::string& text) { return text; },
                          [](std::uint64_t number) { return std::to_string(number); },
                          [](bool flag) { return std::string(flag ? "yes" : "no"); },
                      },
                      key.value);
}

/// What stands below the kind of the command; a member's, below its id.
void add_asked(Fields& fields, const AskedCommand& asked, const std::string& indent) {
    for (const AskedKey& key : asked.keys)
        fields.emplace_back(indent + std::string(key.name), key_text(key));
    for (const AskedPosting& one : asked.postings) {
        fields.emplace_back(indent + (one.side == Side::debit ? "debit" : "credit"),
                            one.account + " " + one.amount);
    }
    for (const AskedCommand& member : asked.members) {
        fields.emplace_back(indent + "member", member.id + ", " + std::string(member.kind));
        add_asked(fields, member, indent + "  ");
    }
    add_voucher(fields, asked.voucher, indent);
    if (asked.expected_version)
        fields.emplace_back(indent + "version expected",
                            std::to_string(asked.expected_version->value()));
    if (asked.expires_at != Timestamp(0))
        fields.emplace_back(indent + "to be decided by", to_rfc3339(asked.expires_at));
}

void add_others(Fields& fields, const std::vector<RecordedAt>& others) {
    for (const RecordedAt& other : others) fields.emplace_back("also recorded", as_text(other));
}

}  // namespace

std::string entry_text(const EntryAnswer& entry, std::string_view id, Cells cells) {
    Fields fields = {
        {"entry", answered_id(entry.id, entry.id_text, id)},
        {"command", entry.command},
        {"outcome", entry.in_transit ? kInTransit : std::string(to_text(entry.outcome))}};
    if (!entry.original.empty()) fields.emplace_back("of", entry.original);
    if (entry.reversed) fields.emplace_back("reversed", "yes");
    add_voucher(fields, entry.voucher);
    fields.emplace_back("recorded", as_text(entry.recorded));
    add_others(fields, entry.others);
    Table table({"posting", "account", "debit", "credit", "refunded", "asset"}, {0, 2, 3, 4},
                cells);
    for (std::size_t position = 0; position < entry.postings.size(); ++position) {
        const EntryPosting& posting = entry.postings[position];
        const Scale scale = posting.asset.scale();
        const bool is_unknown = !posting.is_known && posting.amount.is_zero();
        const std::string amount = is_unknown ? "?" : to_text(posting.amount, scale);
        table.add({std::to_string(position), posting.account,
                   posting.side == Side::debit ? amount : "",
                   posting.side == Side::credit ? amount : "",
                   posting.refunded.is_zero() ? "" : to_text(posting.refunded, scale),
                   posting.asset.text()});
    }
    return as_text(fields) + "\n" + table.text();
}

std::string hold_text(const HoldAnswer& hold, std::string_view id) {
    const Scale scale = hold.asset.scale();
    Fields fields = {
        {"hold", answered_id(hold.id, hold.id_text, id)},
        {"status", hold.in_transit ? kInTransit : std::string(hold.shown_status())},
        {"payer", hold.payer},
        {"payee", hold.payee.empty() ? "-" : hold.payee},
        {"amount", to_text(hold.amount, scale) + " " + hold.asset.text()},
        {"captured", to_text(hold.captured, scale)},
        {"remaining", to_text(hold.remaining, scale)},
        {"expires", hold.expires() ? to_rfc3339(hold.expires_at) : "never"},
        {"placed", as_text(hold.placed)},
        {"as of", as_text(hold.as_of)},
    };
    add_others(fields, hold.others);
    return as_text(fields);
}

std::string outcome_text(const CommandOutcome& found, std::string_view id) {
    Fields fields = {{"command", answered_id(found.id, found.id_text, id)}};
    if (found.in_transit) {
        fields.emplace_back("outcome", kInTransit);
        if (found.to) fields.emplace_back("to shard", std::to_string(found.to->value()));
    } else {
        fields.emplace_back("accepted", is_accepted(found.outcome) ? "yes" : "no");
        fields.emplace_back("outcome", to_text(found.outcome));
        fields.emplace_back("", sentence(found.outcome));
    }
    if (!found.account.empty()) fields.emplace_back("account", found.account);
    add_fact(fields, "available", found.facts.available, found.asset);
    add_fact(fields, "limit", found.facts.limit, found.asset);
    add_fact(fields, "held", found.facts.held, found.asset);
    add_fact(fields, "remaining", found.facts.remaining, found.asset);
    if (found.facts.version)
        fields.emplace_back("version", std::to_string(found.facts.version->value()));
    if (found.moved && found.asset) {
        fields.emplace_back(
            "amount", to_text(*found.moved, found.asset->scale()) + " " + found.asset->text());
    }
    if (found.group) fields.emplace_back("member of", found.group_text);
    const std::vector<AskedCommand>& members = found.asked.members;
    if (found.failed && *found.failed < members.size())
        fields.emplace_back("failed", members[*found.failed].id);
    for (std::size_t i = 0; i < std::min(found.members.size(), members.size()); ++i) {
        fields.emplace_back(
            "member " + std::to_string(i),
            members[i].id + " " + std::string(to_text(found.members[i].outcome)) +
                (std::ranges::binary_search(found.seen_before, i) ? ", seen before" : ""));
    }
    fields.emplace_back("asked", std::string(found.asked.kind));
    add_asked(fields, found.asked, "  ");
    fields.emplace_back("recorded", as_text(found.recorded));
    add_others(fields, found.others);
    for (const ConflictAnswer& conflict : found.conflicts) {
        fields.emplace_back("conflict", std::string(conflict.asked.kind));
        add_asked(fields, conflict.asked, "  ");
        fields.emplace_back("  recorded", as_text(conflict.recorded));
    }
    if (found.has_more_conflicts) fields.emplace_back("", "… and more conflicts, not listed");
    return as_text(fields);
}

std::vector<std::string> statement_cells(const StatementRow& row) {
    const Scale scale = row.asset.scale();
    const std::string amount = to_text(row.amount, scale);
    return {to_rfc3339(row.recorded.time),
            row.account,
            shown_id(row.entry, row.entry_text),
            row.side == Side::debit ? amount : "",
            row.side == Side::credit ? amount : "",
            to_text(vouch::balance(row.totals, normal_side(row.account_class)), scale),
            row.asset.text()};
}

std::string pending_text(const PendingPage& page, bool is_first, Cells cells) {
    Table table({"since", "reason", "shard", "waits for", "command", "id", "debit", "credit",
                 "amount", "asset"},
                {8}, cells);
    std::vector<std::string> ways_on;
    for (const PendingRow& row : page.rows) {
        table.add({to_rfc3339(row.place.since), std::string(to_text(row.way_on.reason)),
                   std::to_string(row.place.shard.value()),
                   row.waits_for ? std::to_string(row.waits_for->value()) : "-",
                   std::string(row.command), row.id, row.payer, row.payee.empty() ? "-" : row.payee,
                   to_text(row.amount, row.asset.scale()), row.asset.text()});
        std::string way_on = std::string(to_text(row.way_on.reason)) + ": " + row.way_on.text;
        const bool is_told = std::ranges::find(ways_on, way_on) != ways_on.end();
        if (!is_told) ways_on.push_back(std::move(way_on));
    }
    std::string text = page.rows.empty() ? "" : table.text() + "\n";
    if (page.rows.empty() && is_first) {
        text = page.not_covered.empty() ? "nothing is pending\n"
                                        : "nothing is pending on the shards that are covered\n";
    }
    for (const std::string& each : ways_on) text += printable(each) + "\n";
    for (const ShardFinding& each : page.not_covered)
        text += not_covered_text(each) + "\n";
    return text;
}

std::string not_covered_text(const ShardFinding& finding) {
    return printable("shard " + std::to_string(finding.shard.value()) +
                     " is not covered: " + finding.what);
}

std::string trial_balance_text(const std::vector<TrialBalanceLine>& lines) {
    Table table({"asset", "debits posted", "credits posted", "debits held", "credits held",
                 "in transit", ""},
                {1, 2, 3, 4, 5});
    for (const TrialBalanceLine& line : lines) {
        const Scale scale = line.asset.scale();
        table.add({line.asset.text(), to_text(line.debits_posted, scale),
                   to_text(line.credits_posted, scale), to_text(line.debits_held, scale),
                   to_text(line.credits_held, scale), in_transit_text(line),
                   line.is_even() ? "even" : "UNEVEN"});
    }
    return table.text();
}

std::string as_text(const AsOf& as_of) {
    if (!as_of.record)
        return "shard " + std::to_string(as_of.shard.value()) + ", nothing recorded yet";
    return "shard " + std::to_string(as_of.shard.value()) + ", record " +
           std::to_string(as_of.record->value());
}

std::string as_text(const RecordedAt& recorded) {
    return to_rfc3339(recorded.time) + ", shard " + std::to_string(recorded.shard.value()) +
           ", record " + std::to_string(recorded.record.value()) + ", event " +
           std::to_string(recorded.event.value());
}

std::string available_text(const AccountBalance& balance) {
    if (balance.limit.is_unlimited()) return "unlimited";
    const Side normal = normal_side(balance.account.account_class);
    const std::optional<Amount> amount = available(balance.without_due(), normal, balance.limit);
    return to_text(amount.value_or(Amount::max()), balance.account.asset.scale());
}

}  // namespace vouch::projector
