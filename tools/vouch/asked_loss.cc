#include "tools/vouch/asked_loss.h"

#include <algorithm>
#include <cstdint>

namespace vouch::cli {

std::optional<AskedLoss> parse_asked_loss(const std::string& text) {
    const std::size_t dash = text.find('-');
    const std::optional<places::AcceptedLoss> first = places::parse_loss(text.substr(0, dash));
    if (!first) return std::nullopt;
    if (dash == std::string::npos) return AskedLoss{*first, std::nullopt};
    const std::string shard = text.substr(0, text.find(':') + 1);
    const std::optional<places::AcceptedLoss> last =
        places::parse_loss(shard + text.substr(dash + 1));
    if (!last || last->record < first->record) return std::nullopt;
    return AskedLoss{*first, last->record};
}

std::string loss_text(ShardId shard, RecordNumber record) {
    return std::to_string(shard.value()) + ":" + std::to_string(record.value());
}

std::string needed_options(const LossReport& report) {
    std::string text;
    for (const ShardId shard : report.losing) {
        const std::size_t i = shard.value();
        text += " --accept-loss " + loss_text(shard, report.ends[i]);
        if (report.intact[i] > 0) text += "-" + std::to_string(report.last_lost[i]->value());
    }
    if (!text.empty()) return text;
    for (std::uint32_t shard = 0; shard < report.ends.size(); ++shard) {
        text += (shard == 0 ? " --accept-loss " : " or --accept-loss ") +
                loss_text(ShardId(shard), report.ends[shard]);
    }
    return text;
}

std::string lost_text(const LossReport& report, std::size_t shard) {
    const std::string name = " of shard " + std::to_string(shard);
    const std::string first = std::to_string(report.ends[shard].value());
    const std::optional<RecordNumber>& last = report.last_lost[shard];
    if (!last) return "no lost record" + name + " is known: it is readable before record " + first;
    const std::string records =
        "records " + first + " to at least " + std::to_string(last->value()) + name;
    if (report.intact[shard] > 0) {
        return records + " are damaged, gone, or stand behind the damage; the " +
               std::to_string(report.intact[shard]) +
               " of them that are intact are lost only if they are given up";
    }
    return *last == report.ends[shard]
               ? "record " + first + name + " is lost, and what may have followed it"
               : records + " are lost";
}

std::string find_oversight(const LossReport& report, const std::vector<AskedLoss>& asked) {
    for (const auto& [loss, last] : asked) {
        const std::size_t shard = loss.shard.value();
        const std::string name = "shard " + std::to_string(shard);
        if (shard >= report.ends.size()) continue;
        const bool is_losing = std::ranges::find(report.losing, loss.shard) != report.losing.end();
        if (!report.losing.empty() && !is_losing) return name + " has lost nothing that is known";
        if (last && last != report.last_lost[shard])
            return lost_text(report, shard) + ", so not to " + std::to_string(last->value());
        if (!last && report.intact[shard] > 0) {
            return std::to_string(report.intact[shard]) + " records of " + name +
                   " that stand intact behind the damage would be thrown away";
        }
    }
    return "";
}

std::string find_disagreement(const LossReport& report,
                              const std::vector<places::AcceptedLoss>& losses) {
    if (losses.empty()) return "nothing was accepted";
    for (const places::AcceptedLoss& loss : losses) {
        if (loss.shard.value() >= report.ends.size())
            return "there is no shard " + std::to_string(loss.shard.value());
        if (loss.record != report.ends[loss.shard.value()]) {
            return "the first record that shard " + std::to_string(loss.shard.value()) +
                   " lost is " + std::to_string(report.ends[loss.shard.value()].value()) +
                   ", not " + std::to_string(loss.record.value());
        }
    }
    for (const ShardId shard : report.losing) {
        if (std::ranges::find(losses, shard, &places::AcceptedLoss::shard) == losses.end())
            return "shard " + std::to_string(shard.value()) + " has lost records too";
    }
    return "";
}

}  // namespace vouch::cli
