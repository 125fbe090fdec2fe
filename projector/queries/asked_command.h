#pragma once

#include "events/entries/command.h"
#include "events/result.h"
#include "projector/queries/metadata_pairs.h"
#include "projector/queries/recorded_at.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace vouch::projector {

class ShardReader;
class ShardReaders;

struct ShownAttachment {
    std::string digest;  ///< in hexadecimal
    std::string media_type;
    std::uint64_t size = 0;  ///< in bytes; 0: not told
};

/// What a command said beside what it moves.
struct ShownVoucher {
    std::string context, actor_id, actor_address, actor_device, module, ticket, channel, reason;
    VoucherKind kind = VoucherKind::none;
    Day document_date;  ///< 0: not told
    Trace trace;
    std::vector<std::pair<ReferenceType, std::string>> references;
    std::vector<ShownAttachment> attachments;
    MetadataPairs metadata;
};
ShownVoucher voucher_of(const Command& command);

/// A key of a command's own object (docs/cli.md), and what it held.
struct AskedKey {
    std::string_view name;
    std::variant<std::string, std::uint64_t, bool> value;
};
struct AskedPosting {
    std::string account;
    Side side = Side::debit;
    std::string amount;
};

/// A command as a line would say it: accounts, holds and entries as people know them, amounts with
/// their decimals. What the gateway filled in (`account`) is there too. An account that was never
/// open, and a hold or entry that is unknown, stands in hexadecimal: the record has no more of it.
/// So does what a group's shard does not know of what its members are about.
struct AskedCommand {
    std::string id;
    LedgerId ledger;
    std::string_view kind;  ///< the key of its own object
    std::vector<AskedKey> keys;
    std::vector<AskedPosting> postings;
    std::vector<AskedCommand> members;  ///< of a group
    std::optional<Version> expected_version;
    Timestamp expires_at;  ///< 0: never
    ShownVoucher voucher;
};

/// `at`: where it was decided. `before` are those in front of it in its group: when that has
/// failed, nobody else knows the accounts that they would have opened.
Result<AskedCommand> asked_of(const ShardReaders& shards, const RecordedAt& at,
                              const Command& command, std::span<const Command> before = {});

/// The id of a command as it was sent, where its event is known and says so; else in hexadecimal.
Result<std::string> sent_id(const ShardReaders& shards, LedgerId ledger, CommandId id);
Result<std::string> sent_id(ShardReader& shard, LedgerId ledger, CommandId id);

}  // namespace vouch::projector
