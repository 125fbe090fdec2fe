#include "tools/vouch/http/shard_health.h"

#include "events/json_text.h"
#include "projector/queries/query_json.h"

namespace vouch::http {

namespace {

void append_part(std::string& out, std::string_view name, const std::optional<Fault>& fault) {
    out += ",\"";
    out += name;
    out += fault ? "\":\"stopped\",\"" : "\":\"running\"";
    if (!fault) return;
    out += name;
    out += "_fault\":";
    append_json(out, fault->message);
}

void append_list(std::string& out, std::string_view name, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    out += ",\"";
    out += name;
    for (const std::string& each : texts) {
        out += &each == texts.data() ? "\":[" : ",";
        append_json(out, each);
    }
    out += ']';
}

std::vector<LogAlarm> alarms_of(const LedgerParts& parts) {
    return parts.alarms ? parts.alarms() : std::vector<LogAlarm>();
}

void append_alarms(std::string& out, const std::vector<LogAlarm>& alarms) {
    if (alarms.empty()) return;
    out += ",\"alarms\":[";
    for (const LogAlarm& each : alarms) {
        if (out.back() == '}') out += ',';
        out += "{\"since\":\"" + projector::to_rfc3339(each.since) + "\",\"what\":";
        append_json(out, each.what);
        out += '}';
    }
    out += ']';
}

}  // namespace

std::string damage_text(ShardId shard, const Fault& damage) {
    return "ALARM: the view of shard " + std::to_string(shard.value()) +
           " is damaged: " + damage.message +
           "; start the server again: it keeps that view aside and makes a new one from the log";
}

std::string ShardHealth::text() const {
    const std::string name = "shard " + std::to_string(shard.value());
    std::string text;
    if (handler) text += name + " has stopped: " + handler->message + "\n";
    if (view) text += "the view of " + name + " has stopped: " + view->message + "\n";
    if (view_damage) text += damage_text(shard, *view_damage) + "\n";
    for (const std::string& each : held_back) text += "ALARM: " + each + "\n";
    for (const std::string& each : rotten) text += "ALARM: " + each + "\n";
    if (isolated.count > 0) {
        text += "ALARM: " + name + ": commands on which the process died, recorded as unreadable: " +
                std::to_string(isolated.count) + " since the start, the last at offset " +
                std::to_string(isolated.last.value()) + "\n";
    }
    return text;
}

ShardHealth health_of(const LedgerParts& parts, ShardId shard) {
    ShardHealth health;
    health.shard = shard;
    if (parts.handler != nullptr) {
        if (const auto stop = parts.handler->stop_of(shard)) health.handler = stop->fault;
        health.isolated = parts.handler->isolated(shard);
        for (const command_handler::HeldBack& held : parts.handler->held_back()) {
            if (held.by == shard) health.held_back.push_back(held.text());
        }
    }
    if (parts.views != nullptr) {
        health.view = parts.views->fault(shard);
        health.view_damage = parts.views->damage(shard);
    }
    return health;
}

std::vector<ShardHealth> health_of(const LedgerParts& parts) {
    std::vector<ShardHealth> all;
    for (std::uint32_t i = 0; i < parts.deployment->shards; ++i)
        all.push_back(health_of(parts, ShardId(i)));
    if (parts.scrub == nullptr) return all;
    for (const RottenRecord& rotten : parts.scrub->rotten())
        all.at(rotten.shard.value()).rotten.push_back(rotten.text());
    return all;
}

std::string findings_text(const LedgerParts& parts, const std::vector<ShardHealth>& shards) {
    std::string text;
    for (const ShardHealth& each : shards) text += each.text();
    for (const LogAlarm& each : alarms_of(parts))
        text += "ALARM: " + each.what + " (since " + projector::to_rfc3339(each.since) + ")\n";
    return text;
}

std::string status_json(const LedgerParts& parts, bool is_ready, std::string_view detail,
                        const std::vector<ShardHealth>& shards) {
    std::string out = is_ready ? "{\"ready\":true" : "{\"ready\":false";
    out += ",\"detail\":";
    append_json(out, detail);
    out += ",\"shards\":[";
    for (const ShardHealth& each : shards) {
        if (out.back() == '}') out += ',';
        out += "{\"shard\":" + std::to_string(each.shard.value());
        if (parts.handler != nullptr) append_part(out, "handler", each.handler);
        if (parts.views != nullptr) append_part(out, "view", each.view);
        if (each.view_damage) {
            out += ",\"view_damage\":";
            append_json(out, each.view_damage->message);
        }
        if (each.isolated.count > 0) {
            out += ",\"isolated\":{\"count\":" + std::to_string(each.isolated.count) +
                   ",\"last_offset\":" + std::to_string(each.isolated.last.value()) + '}';
        }
        append_list(out, "held_back", each.held_back);
        append_list(out, "rotten", each.rotten);
        out += '}';
    }
    out += ']';
    append_alarms(out, alarms_of(parts));
    return out + "}\n";
}

}  // namespace vouch::http
