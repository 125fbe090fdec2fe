#pragma once

#include "events/log/embedded/recovery.h"
#include "tools/server/places/recovery_note.h"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace vouch::cli {

/// What an operator asks to give up. Intact records go with what is lost only when he names the
/// last.
struct AskedLoss {
    places::AcceptedLoss loss;
    std::optional<RecordNumber> last;
};

/// "SHARD:RECORD" or "SHARD:FIRST-LAST"; empty for anything else.
std::optional<AskedLoss> parse_asked_loss(const std::string& text);

/// "SHARD:RECORD".
std::string loss_text(ShardId shard, RecordNumber record);
/// What has to be said to accept it: every shard of which records are known to be lost.
std::string needed_options(const LossReport& report);
/// What a shard has lost, for people.
std::string lost_text(const LossReport& report, std::size_t shard);

/// Empty when the operator named exactly what is lost.
std::string find_disagreement(const LossReport& report,
                              const std::vector<places::AcceptedLoss>& losses);
/// What an operator who begins has overlooked, beyond what find_disagreement finds; else empty.
std::string find_oversight(const LossReport& report, const std::vector<AskedLoss>& asked);

}  // namespace vouch::cli
