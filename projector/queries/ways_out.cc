#include "projector/queries/ways_out.h"

#include "projector/queries/go_on.h"
#include "projector/queries/shard_reader.h"
#include "projector/views/row_key.h"
#include "projector/views/view_rows.h"

#include <memory>
#include <optional>

namespace vouch::projector {

Result<std::span<const WayOut>> WaysOut::of(ShardReader& shard, const std::atomic<bool>* ending) {
    OfShard& known = shards_[shard.shard()];
    const std::unique_ptr<RowCursor> rows = shard.cursor();
    for (rows->seek(account_opened_key(known.next).view()); rows->is_valid(); rows->next()) {
        if (Status on = go_on(ending); !on) return on.error();
        const std::optional<AccountNumber> number = decode_account_opened_key(rows->key());
        if (!number) break;  // the rows of the next kind
        const std::optional<AccountOpened> account = decode_account_opened(rows->value());
        if (!account) return shard.corrupt("an account's row is damaged");
        if (account->transit && account->transit->from == shard.shard())
            known.found.push_back({*number, account->ledger, account->transit->to});
        known.next = number->next();
    }
    if (Status status = rows->status(); !status) return status.error();
    return std::span<const WayOut>(known.found);
}

}  // namespace vouch::projector
