#include "projector/answers/answer_json.h"

#include "events/json_writer.h"
#include "events/money/rfc3339.h"
#include "events/money/text_ids.h"
#include "events/overloads.h"

#include <algorithm>

namespace vouch::projector {
namespace {

void write_totals(JsonWriter& json, const Totals& totals, Scale scale) {
    json.member("debits_posted", to_text(totals.debits_posted, scale))
        .member("credits_posted", to_text(totals.credits_posted, scale))
        .member("debits_held", to_text(totals.debits_held, scale))
        .member("credits_held", to_text(totals.credits_held, scale));
}

void write_as_of(JsonWriter& json, const AsOf& as_of, JsonName name = "as_of") {
    json.key(name).open_object().member("shard", as_of.shard.value());
    if (as_of.record) json.member("record", as_of.record->value());
    json.close_object();
}

/// Not final is what another shard has yet to answer, and what is about a time that is not settled.
void write_final(JsonWriter& json, bool may_change, const AsOf& as_of) {
    json.flag("final", !may_change);
    write_as_of(json, as_of);
}

void write_recorded(JsonWriter& json, const RecordedAt& recorded) {
    json.member("time", to_rfc3339(recorded.time))
        .member("shard", recorded.shard.value())
        .member("record", recorded.record.value())
        .member("event", recorded.event.value());
}

void write_place(JsonWriter& json, ShardId shard, RecordNumber record) {
    json.open_object()
        .member("shard", shard.value())
        .member("record", record.value())
        .close_object();
}

void write_others(JsonWriter& json, const std::vector<RecordedAt>& others) {
    if (others.empty()) return;
    json.key("others").open_array();
    for (const RecordedAt& other : others) {
        json.open_object();
        write_recorded(json, other);
        json.close_object();
    }
    json.close_array();
}

void write_metadata(JsonWriter& json, const MetadataPairs& metadata) {
    if (metadata.empty()) return;
    json.key("metadata").open_object();
    for (const auto& [key, value] : metadata) json.key_of(key).string(value);
    json.close_object();
}

/// But for who sent it, and in which context.
void write_voucher(JsonWriter& json, const ShownVoucher& voucher) {
    json.member_if_any("module", voucher.module)
        .member_if_any("ticket", voucher.ticket)
        .member_if_any("channel", voucher.channel)
        .member_if_any("kind", to_text(voucher.kind))
        .member_if_any("reason", voucher.reason);
    if (voucher.document_date != Day())
        json.member("document_date", to_text(voucher.document_date));
    if (!voucher.references.empty()) {
        json.key("references").open_array();
        for (const auto& [type, value] : voucher.references)
            json.open_object().member("type", to_text(type)).member("value", value).close_object();
        json.close_array();
    }
    if (!voucher.attachments.empty()) {
        json.key("attachments").open_array();
        for (const ShownAttachment& one : voucher.attachments) {
            json.open_object()
                .member("digest", one.digest)
                .member_if_any("media_type", one.media_type);
            if (one.size != 0) json.member("size", one.size);
            json.close_object();
        }
        json.close_array();
    }
    if (voucher.trace.is_given()) json.member("trace", to_text(voucher.trace));
    write_metadata(json, voucher.metadata);
}

/// An amount that may be without bound.
std::string fact_text(const AmountFact& fact, Scale scale) {
    return fact.unlimited ? "unlimited" : to_text(fact.amount, scale);
}

/// Everything but the closing: `account_json` has more to say.
void write_balance(JsonWriter& json, const AccountBalance& balance) {
    const AccountInfo& account = balance.account;
    const Scale scale = account.asset.scale();
    const Side normal = normal_side(account.account_class);
    const std::optional<Amount> free = available(balance.without_due(), normal, balance.limit);
    json.open_object().member("account", account.shown()).member("asset", account.asset.text());
    write_totals(json, balance.totals, scale);
    if (!balance.debits_due.is_zero())
        json.member("debits_due", to_text(balance.debits_due, scale));
    if (!balance.credits_due.is_zero())
        json.member("credits_due", to_text(balance.credits_due, scale));
    json.member("available", free ? to_text(*free, scale) : "unlimited")
        .member("balance", to_text(vouch::balance(balance.totals, normal), scale))
        .member("version", balance.version.value())
        .member("state", to_text(balance.state))
        .member("block", to_text(balance.state.block))
        .member("limit", limit_text(balance.limit, scale))
        .member("class", to_text(account.account_class))
        .member("ledger", account.ledger.value());
}

void write_facts(JsonWriter& json, const CommandOutcome& outcome) {
    const Facts& facts = outcome.facts;
    // Amounts of an account that is not known are still told, in smallest units.
    const Scale scale = outcome.asset ? outcome.asset->scale() : Scale(0);
    json.member_if_any("account", outcome.account);
    if (outcome.asset) json.member("asset", outcome.asset->text());
    if (facts.available) json.member("available", fact_text(*facts.available, scale));
    if (facts.limit) json.member("limit", fact_text(*facts.limit, scale));
    if (facts.held) json.member("held", fact_text(*facts.held, scale));
    if (facts.remaining) json.member("remaining", fact_text(*facts.remaining, scale));
    if (facts.version) json.member("version", facts.version->value());
}

void write_posting(JsonWriter& json, const EntryPosting& posting) {
    const Scale scale = posting.asset.scale();
    json.open_object()
        .member("account", posting.account)
        .member("id", id_text(posting.account_id))
        .member("asset", posting.asset.text())
        .member("side", posting.side == Side::debit ? "debit" : "credit");
    const bool has_amount = posting.is_known || !posting.amount.is_zero();
    if (has_amount) json.member("amount", to_text(posting.amount, scale));
    if (!posting.refunded.is_zero()) json.member("refunded", to_text(posting.refunded, scale));
    if (posting.is_known) {
        write_totals(json, posting.totals, scale);
        const SignedBalance after =
            vouch::balance(posting.totals, normal_side(posting.account_class));
        json.member("balance", to_text(after, scale)).member("version", posting.version.value());
    }
    json.close_object();
}

void write_members(JsonWriter& json, const CommandOutcome& outcome) {
    if (outcome.members.empty()) return;
    const std::vector<AskedCommand>& asked = outcome.asked.members;
    if (outcome.failed && *outcome.failed < asked.size())
        json.member("failed", asked[*outcome.failed].id);
    json.key("outcomes").open_array();
    for (std::size_t i = 0; i < std::min(outcome.members.size(), asked.size()); ++i) {
        const MemberOutcome& member = outcome.members[i];
        json.open_object()
            .member("id", asked[i].id)
            .flag("accepted", is_accepted(member.outcome))
            .member("outcome", to_text(member.outcome));
        if (member.repeated) json.flag("repeated", true);
        if (std::ranges::binary_search(outcome.seen_before, i)) json.flag("seen_before", true);
        json.close_object();
    }
    json.close_array();
}

void write_key(JsonWriter& json, const AskedKey& key) {
    json.key_of(key.name);
    std::visit(Overloads{
                   [&](const std::string& text) { json.string(text); },
                   [&](std::uint64_t number) { json.number(number); },
                   [&](bool flag) { json.boolean(flag); },
               },
               key.value);
}

/// As a line would say it: schemas/openapi.yaml, Command.
void write_asked(JsonWriter& json, const AskedCommand& asked, bool is_member) {
    json.open_object();
    json.member("id", asked.id);
    if (!is_member) json.member("ledger", asked.ledger.value());
    json.key_of(asked.kind);
    if (!asked.members.empty()) {
        json.open_array();
        for (const AskedCommand& member : asked.members) write_asked(json, member, true);
        json.close_array();
    } else {
        json.open_object();
        for (const AskedKey& key : asked.keys) write_key(json, key);
        if (!asked.postings.empty()) {
            json.key("postings").open_array();
            for (const AskedPosting& one : asked.postings) {
                json.open_object().member("account", one.account);
                json.key_of(one.side == Side::debit ? "debit" : "credit").string(one.amount);
                json.close_object();
            }
            json.close_array();
        }
        json.close_object();
    }
    const ShownVoucher& voucher = asked.voucher;
    json.member_if_any("context", voucher.context);
    if (!(voucher.actor_id + voucher.actor_address + voucher.actor_device).empty()) {
        json.key("actor")
            .open_object()
            .member_if_any("id", voucher.actor_id)
            .member_if_any("address", voucher.actor_address)
            .member_if_any("device", voucher.actor_device)
            .close_object();
    }
    write_voucher(json, voucher);
    if (asked.expected_version) json.member("expected_version", asked.expected_version->value());
    if (asked.expires_at != Timestamp(0)) json.member("expires_at", to_rfc3339(asked.expires_at));
    json.close_object();
}

void write_conflicts(JsonWriter& json, const CommandOutcome& outcome) {
    if (outcome.conflicts.empty()) return;
    json.key("conflicts").open_array();
    for (const ConflictAnswer& conflict : outcome.conflicts) {
        json.open_object();
        write_recorded(json, conflict.recorded);
        json.key("asked");
        write_asked(json, conflict.asked, false);
        json.close_object();
    }
    json.close_array();
    if (outcome.has_more_conflicts) json.flag("more_conflicts", true);
}

}  // namespace

std::string to_json(const AccountBalance& balance) {
    JsonWriter json;
    write_balance(json, balance);
    if (balance.settled) json.flag("settled", *balance.settled);
    write_final(json, !balance.settled.value_or(true), balance.as_of);
    return json.close_object().take();
}

std::string account_json(const AccountBalance& balance) {
    const AccountInfo& account = balance.account;
    JsonWriter json;
    write_balance(json, balance);
    json.member("id", id_text(account.id))
        .member_if_any("chart_code", account.chart_code)
        .member_if_any("owner", account.owner)
        .member("risk_class", account.risk_class);
    write_metadata(json, account.metadata);
    json.key("opened").open_object();
    write_recorded(json, account.opened);
    json.close_object();
    if (balance.settled) json.flag("settled", *balance.settled);
    write_final(json, !balance.settled.value_or(true), balance.as_of);
    return json.close_object().take();
}

std::string to_json(const StatementRow& row) {
    const Scale scale = row.asset.scale();
    JsonWriter json;
    json.open_object()
        .member("account", row.account)
        .member("asset", row.asset.text())
        .member("entry", shown_id(row.entry, row.entry_text))
        .member("side", row.side == Side::debit ? "debit" : "credit")
        .member("amount", to_text(row.amount, scale));
    write_totals(json, row.totals, scale);
    json.member("balance",
                to_text(vouch::balance(row.totals, normal_side(row.account_class)), scale))
        .member("version", row.version.value());
    write_recorded(json, row.recorded);
    return json.close_object().take();
}

std::string to_json(const EntryAnswer& entry, std::string_view asked_id) {
    JsonWriter json;
    json.open_object()
        .member("id", answered_id(entry.id, entry.id_text, asked_id))
        .member("command", entry.command);
    if (entry.in_transit) {
        json.member("status", "in_transit");
    } else {
        json.member("outcome", to_text(entry.outcome));
    }
    json.member("ledger", entry.ledger.value());
    json.member_if_any("original", entry.original);
    json.key("postings").open_array();
    for (const EntryPosting& posting : entry.postings) write_posting(json, posting);
    json.close_array().flag("reversed", entry.reversed);
    json.member_if_any("context", entry.voucher.context)
        .member_if_any("actor", entry.voucher.actor_id)
        .member_if_any("address", entry.voucher.actor_address)
        .member_if_any("device", entry.voucher.actor_device);
    write_voucher(json, entry.voucher);
    write_recorded(json, entry.recorded);
    write_others(json, entry.others);
    write_final(json, entry.in_transit, entry.as_of);
    if (entry.remote_as_of) write_as_of(json, *entry.remote_as_of, "remote_as_of");
    return json.close_object().take();
}

std::string to_json(const HoldAnswer& hold, std::string_view asked_id) {
    const Scale scale = hold.asset.scale();
    JsonWriter json;
    json.open_object()
        .member("id", answered_id(hold.id, hold.id_text, asked_id))
        .member("status", hold.shown_status())
        .member("ledger", hold.ledger.value())
        .member("debit", hold.payer)
        .member_if_any("credit", hold.payee)
        .member("asset", hold.asset.text())
        .member("amount", to_text(hold.amount, scale))
        .member("remaining", to_text(hold.remaining, scale))
        .member("captured", to_text(hold.captured, scale));
    if (hold.expires()) json.member("expires_at", to_rfc3339(hold.expires_at));
    json.key("placed").open_object();
    write_recorded(json, hold.placed);
    json.close_object().member("last_event", hold.last_event.value());
    write_others(json, hold.others);
    write_final(json, hold.in_transit, hold.as_of);
    return json.close_object().take();
}

std::string to_json(const CommandOutcome& outcome, std::string_view asked_id) {
    JsonWriter json;
    json.open_object()
        .member("id", answered_id(outcome.id, outcome.id_text, asked_id))
        .member("command", outcome.asked.kind);
    if (outcome.in_transit) {
        json.member("status", "in_transit");
        if (outcome.to) json.member("to", outcome.to->value());
    } else {
        json.flag("accepted", is_accepted(outcome.outcome));
        json.member("outcome", to_text(outcome.outcome));
        write_facts(json, outcome);
    }
    if (outcome.moved) {
        const Scale scale = outcome.asset ? outcome.asset->scale() : Scale(0);
        json.member("amount", to_text(*outcome.moved, scale));
    }
    json.member_if_any("group", outcome.group_text);
    write_members(json, outcome);
    json.key("asked");
    write_asked(json, outcome.asked, false);
    write_recorded(json, outcome.recorded);
    if (outcome.answered) {
        const auto& [shard, record] = *outcome.answered;
        json.key("answered_by");
        write_place(json, shard, record);
        json.key("changed").open_array();
        write_place(json, outcome.recorded.shard, outcome.recorded.record);
        write_place(json, shard, record);
        json.close_array();
    }
    write_others(json, outcome.others);
    write_conflicts(json, outcome);
    write_final(json, outcome.in_transit, outcome.as_of);
    return json.close_object().take();
}

std::string to_json(const PendingRow& row) {
    JsonWriter json;
    json.open_object()
        .member("since", to_rfc3339(row.place.since))
        .member("reason", to_text(row.way_on.reason))
        .member("shard", row.place.shard.value());
    if (row.waits_for) json.member("waits_for", row.waits_for->value());
    json.member("ledger", row.ledger.value())
        .member("id", row.id)
        .member("command", row.command)
        .member("debit", row.payer)
        .member_if_any("credit", row.payee)
        .member("asset", row.asset.text())
        .member("amount", to_text(row.amount, row.asset.scale()))
        .member("record", row.recorded.record.value())
        .member("event", row.recorded.event.value())
        .member("way_on", row.way_on.text);
    return json.close_object().take();
}

std::string to_json(const TrialBalanceLine& line) {
    const Scale scale = line.asset.scale();
    JsonWriter json;
    json.open_object()
        .member("asset", line.asset.text())
        .member("debits_posted", to_text(line.debits_posted, scale))
        .member("credits_posted", to_text(line.credits_posted, scale))
        .member("debits_held", to_text(line.debits_held, scale))
        .member("credits_held", to_text(line.credits_held, scale))
        .member("in_transit", in_transit_text(line))
        .member("returned", to_text(line.returned, scale))
        .flag("even", line.is_even());
    if (line.settled) json.flag("settled", *line.settled);
    return json.close_object().take();
}

std::string answered_id(CommandId id, std::string_view sent, std::string_view asked) {
    if (!sent.empty()) return std::string(sent);
    const std::optional<TextId> spelled = parse_command_id(asked);
    return spelled && spelled->is_name ? std::string(asked) : id_text(id);
}

std::string in_transit_text(const TrialBalanceLine& line) {
    const Scale scale = line.asset.scale();
    if (line.transit_credits >= line.transit_debits) {
        return to_text(line.transit_credits.minus(line.transit_debits), scale);
    }
    return "-" + to_text(line.transit_debits.minus(line.transit_credits), scale);
}

std::string to_text(const SignedBalance& balance, Scale scale) {
    const std::string magnitude = vouch::to_text(balance.magnitude, scale);
    return balance.negative ? "-" + magnitude : magnitude;
}

}  // namespace vouch::projector
