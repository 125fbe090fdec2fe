#include "tools/server/http/api/shard_health.h"

#include "events/json_writer.h"
#include "events/money/rfc3339.h"

namespace vouch::http {

namespace {

void write_part(JsonWriter& json, JsonName name, JsonName name_of_fault,
                const std::optional<Fault>& fault) {
    json.member(name, fault ? "stopped" : "running");
    if (fault) json.member(name_of_fault, fault->message);
}

void write_list(JsonWriter& json, JsonName name, const std::vector<std::string>& texts) {
    if (texts.empty()) return;
    json.key(name).open_array();
    for (const std::string& each : texts) json.string(each);
    json.close_array();
}

std::vector<LogAlarm> alarms_of(const LedgerParts& parts) {
    return parts.log ? parts.log->alarms() : std::vector<LogAlarm>();
}

void write_alarms(JsonWriter& json, const std::vector<LogAlarm>& alarms) {
    if (alarms.empty()) return;
    json.key("alarms").open_array();
    for (const LogAlarm& each : alarms) {
        json.open_object()
            .member("since", to_rfc3339(each.since))
            .member("what", each.what)
            .close_object();
    }
    json.close_array();
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
        text += "ALARM: " + name +
                ": commands on which the process died, recorded as unreadable: " +
                std::to_string(isolated.count) + " since the start, the last at offset " +
                std::to_string(isolated.last.value()) + "\n";
    }
    if (has_clock_leapt)
        text += "ALARM: " + name +
                ": the clock has leapt forward; time goes on as the machine counts it\n";
    return text;
}

ShardHealth health_of(const LedgerParts& parts, ShardId shard) {
    ShardHealth health;
    health.shard = shard;
    if (parts.handler != nullptr) {
        if (const auto stop = parts.handler->stop_of(shard)) health.handler = stop->fault;
        health.isolated = parts.handler->isolated(shard);
        health.has_clock_leapt = parts.handler->has_clock_leapt(shard);
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

projector::ShardsAtWork shards_at_work(const LedgerParts& parts) {
    using Served = projector::ShardsAtWork::Served;
    projector::ShardsAtWork at_work;
    at_work.served = parts.handler != nullptr ? Served::here : Served::elsewhere;
    if (const auto waits = parts.log ? parts.log->waits() : std::nullopt)
        at_work.log_waits = waits->message;
    for (std::uint32_t i = 0; i < parts.deployment->shards; ++i) {
        const ShardHealth health = health_of(parts, ShardId(i));
        if (health.handler) at_work.stopped.push_back({ShardId(i), health.handler->message});
        if (health.view) {
            at_work.views_stopped.push_back(
                {ShardId(i), "its view has stopped: " + health.view->message});
        }
    }
    if (parts.handler == nullptr) return at_work;
    for (const command_handler::HeldBack& held : parts.handler->held_back())
        at_work.held_back.push_back({held.sender, held.by, held.text()});
    return at_work;
}

std::string findings_text(const LedgerParts& parts, const std::vector<ShardHealth>& shards) {
    std::string text;
    for (const ShardHealth& each : shards) text += each.text();
    for (const LogAlarm& each : alarms_of(parts))
        text += "ALARM: " + each.what + " (since " + to_rfc3339(each.since) + ")\n";
    return text;
}

std::string status_json(const LedgerParts& parts, bool is_ready, std::string_view detail,
                        const std::vector<ShardHealth>& shards) {
    JsonWriter json;
    json.open_object().key("ready").boolean(is_ready).member("detail", detail);
    json.key("shards").open_array();
    for (const ShardHealth& each : shards) {
        json.open_object().member("shard", each.shard.value());
        if (parts.handler != nullptr) write_part(json, "handler", "handler_fault", each.handler);
        if (parts.views != nullptr) write_part(json, "view", "view_fault", each.view);
        if (each.view_damage) json.member("view_damage", each.view_damage->message);
        if (each.isolated.count > 0) {
            json.key("isolated")
                .open_object()
                .member("count", each.isolated.count)
                .member("last_offset", each.isolated.last.value())
                .close_object();
        }
        if (each.has_clock_leapt) json.key("clock_leap").boolean(true);
        write_list(json, "held_back", each.held_back);
        write_list(json, "rotten", each.rotten);
        json.close_object();
    }
    json.close_array();
    write_alarms(json, alarms_of(parts));
    return json.close_object().take() + "\n";
}

}  // namespace vouch::http
