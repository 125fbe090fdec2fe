#pragma once

#include "command-handler/intake/malformed.h"
#include "command-handler/intake/raw_command.h"
#include "events/money/account.h"
#include "events/money/ids.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vouch::command_handler {

/// A command's fields, each checked by itself. What is not as it should be is kept as the fault,
/// and then the function returns false.
class FieldReader {
public:
    FieldReader(const RawCommand& raw, LedgerId ledger) : raw_(raw), ledger_(ledger) {}

    /// As they were written.
    const RawCommand& raw() const { return raw_; }
    LedgerId ledger() const { return ledger_; }

    bool text(Field field, std::size_t bytes_max, std::string_view& out);
    /// An account's name or id in this ledger. Leaves `out` zero when the key was not given.
    bool account(Field field, AccountId& out);
    bool command_id(Field field, CommandId& out);
    bool number(Field field, std::uint64_t max, std::uint64_t& out);
    bool expires_in(std::uint64_t& out_us);
    bool balancing(Balancing& out);
    bool block(Block& out);

    bool fail(std::string field, std::string detail, Outcome outcome = Outcome::malformed);
    bool fail(Field field, std::string detail);
    std::optional<Malformed> fault() && { return std::move(fault_); }

private:
    const RawCommand& raw_;
    LedgerId ledger_;
    std::optional<Malformed> fault_;
};

inline constexpr std::string_view kIdExpected =
    "expected 1 to 255 bytes, or an id of 128 bits that is not all zeros or ones";
std::string at_most_bytes(std::size_t bytes);

}  // namespace vouch::command_handler
