#pragma once

#include "projector/queries/account_balance.h"
#include "projector/queries/command_outcome.h"
#include "projector/queries/entry_answer.h"
#include "projector/queries/hold_answer.h"
#include "projector/queries/pending.h"
#include "projector/queries/statement.h"
#include "projector/queries/trial_balance.h"

#include <string>
#include <string_view>

namespace vouch::projector {

/// Answers as JSON objects of one line, without line end. Amounts are decimal strings with as many
/// places as the asset has; counts and positions are numbers; times are RFC 3339 in UTC with
/// microseconds. The fields are schemas/openapi.yaml's; tests/projector/answer_json_test.cc lists
/// them.
///
/// Of an id `asked_id` is how the caller wrote it, for `answered_id`.
std::string to_json(const AccountBalance& balance);
/// With what the account is: class, chart code, owner, risk class, metadata, opening.
std::string account_json(const AccountBalance& balance);
std::string to_json(const StatementRow& row);
std::string to_json(const EntryAnswer& entry, std::string_view asked_id = {});
std::string to_json(const HoldAnswer& hold, std::string_view asked_id = {});
std::string to_json(const CommandOutcome& outcome, std::string_view asked_id = {});
std::string to_json(const PendingRow& row);
std::string to_json(const TrialBalanceLine& line);

/// An id as it was sent, where its event has that text. Without, hexadecimal digits were sent, or
/// the text of a name was not kept: then it is as the caller asked, if that is a name.
std::string answered_id(CommandId id, std::string_view sent, std::string_view asked);

/// What is on its way between shards, as "4.00".
std::string in_transit_text(const TrialBalanceLine& line);

/// "-1.25", "6.00".
std::string to_text(const SignedBalance& balance, Scale scale);

}  // namespace vouch::projector
