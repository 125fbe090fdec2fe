#include "tests/simulation/kept_heads.h"

#include "command-handler/shard/kept_ends.h"
#include "events/seal/record.h"

#include <algorithm>

namespace vouch::test {

std::vector<reconciler::KeptRecord> heads_of(LogPlace& place, Machine& machine,
                                             std::uint32_t shards) {
    std::vector<reconciler::KeptRecord> heads;
    const auto log = place.open_reader(machine);
    for (std::uint32_t i = 0; log && i < shards; ++i) {
        const auto end = (*log)->end(ShardId(i));
        if (!end || *end == RecordNumber()) break;
        const RecordNumber newest(end->value() - 1);
        std::vector<StoredRecord> found;
        if (!(*log)->read_records(ShardId(i), newest, 1, found) || found.empty()) break;
        const auto view = parse_record(found[0].bytes);
        if (!view) break;
        heads.push_back({ShardId(i), newest, view->digest});
    }
    return heads;
}

bool is_older(const std::vector<reconciler::KeptRecord>& heads,
              const std::vector<reconciler::KeptRecord>& than) {
    if (heads.size() != than.size()) return false;
    for (std::size_t i = 0; i < heads.size(); ++i)
        if (heads[i].record < than[i].record) return true;
    return false;
}

bool is_witnessed(LogPlace& place, Machine& machine, const EpochKeys& keys,
                  std::uint32_t shards) {
    const auto heads = heads_of(place, machine, shards);
    const std::string ends = std::string(Machine::kShards) + "/ends";
    return heads.size() == shards && std::ranges::all_of(heads, [&](const auto& head) {
               const auto kept =
                   command_handler::KeptEnds::read(ends, keys, head.shard, machine.disk);
               return kept && *kept && (*kept)->next_record > head.record;
           });
}

reconciler::ReplayOptions replay_options(Machine& machine, const EpochKeys& keys) {
    reconciler::ReplayOptions options;
    options.keys = &keys;
    options.threads = 1;
    options.temporary = {.files = &machine.disk, .directory = "."};
    return options;
}

std::optional<std::string> find_untold(LogPlace& place, Machine& old,
                                       const Deployment& deployment, const EpochKeys& keys,
                                       const std::vector<reconciler::KeptRecord>& kept) {
    const auto log = must(place.open_reader(old));
    reconciler::ReplayOptions options = replay_options(old, keys);
    options.kept = kept;
    const auto report = must(reconciler::replay(*log, deployment, options));
    const bool is_told = std::ranges::any_of(report.findings.kept(), [](const auto& each) {
        return each.check == reconciler::Check::rolled_back;
    });
    return is_told ? std::nullopt : std::optional(reconciler::to_text(report));
}

}  // namespace vouch::test
