#include "command-handler/core/state_tables.h"

namespace vouch::command_handler {

void StateTables::open_account(AccountRow row, Asset asset) {
    row.asset_index = accounts.intern(asset);
    accounts.append(row);
}

void StateTables::open_transit(const AccountRow& row, const TransitKey& key) {
    transits.add(key, accounts.next());
    open_account(row, key.asset);
}

void StateTables::remove_last_account() {
    const AccountNumber last(accounts.next().value() - 1);
    if (accounts.row(last).id.is_zero()) transits.remove(last);
    accounts.remove_last();
}

}  // namespace vouch::command_handler
