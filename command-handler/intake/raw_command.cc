#include "command-handler/intake/raw_command.h"

namespace vouch::command_handler {

std::string_view to_text(Field field) {
    switch (field) {
        case Field::id:
            return "id";
        case Field::context:
            return "context";
        case Field::module:
            return "module";
        case Field::ticket:
            return "ticket";
        case Field::voucher_kind:
            return "kind";
        case Field::channel:
            return "channel";
        case Field::expires_at:
            return "expires_at";
        case Field::actor_id:
            return "actor.id";
        case Field::actor_address:
            return "actor.address";
        case Field::actor_device:
            return "actor.device";
        case Field::account:
            return "account";
        case Field::asset:
            return "asset";
        case Field::account_class:
            return "class";
        case Field::limit:
            return "limit";
        case Field::chart_code:
            return "chart_code";
        case Field::owner:
            return "owner";
        case Field::block:
            return "block";
        case Field::debit:
            return "debit";
        case Field::credit:
            return "credit";
        case Field::amount:
            return "amount";
        case Field::balancing:
            return "balancing";
        case Field::expires_in:
            return "expires_in";
        case Field::hold:
            return "hold";
        case Field::entry:
            return "entry";
        case Field::from:
            return "from";
        case Field::clock:
            return "clock";
        case Field::trace:
            return "trace";
        case Field::document_date:
            return "document_date";
        case Field::reason:
            return "reason";
        case Field::ledger:
            return "ledger";
        case Field::expected_version:
            return "expected_version";
        case Field::risk_class:
            return "risk_class";
        case Field::debit_posting:
            return "debit_posting";
        case Field::credit_posting:
            return "credit_posting";
        case Field::keep_rest:
            return "keep_rest";
        case Field::wait:
            return "wait";
    }
    return "";
}

}  // namespace vouch::command_handler
