#pragma once

#include "events/entries/command.h"
#include "events/money/account.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace vouch::command_handler {

/// What a line of JSON says, key by key, before anything is understood: the reader
/// (command_json.h) checks the shape, validation.h the meaning. In between because a key may come
/// before the one that gives it meaning: `ledger` after the account names that are hashed with it.

/// Values of keys. One command has one body, so `amount` is the amount of whatever the body is.
enum class Field : std::uint8_t {
    // Texts.
    id,
    context,
    module,
    ticket,
    voucher_kind,
    channel,
    expires_at,
    actor_id,
    actor_address,
    actor_device,
    account,
    asset,
    account_class,
    limit,
    chart_code,
    owner,
    block,
    debit,
    credit,
    amount,
    balancing,
    expires_in,
    hold,
    entry,
    from,
    clock,
    trace,
    document_date,
    reason,
    // Whole numbers and booleans.
    ledger,
    expected_version,
    risk_class,
    debit_posting,
    credit_posting,
    keep_rest,
    wait,
};
inline constexpr std::size_t kTextFields = static_cast<std::size_t>(Field::ledger);
inline constexpr std::size_t kNumberFields =
    static_cast<std::size_t>(Field::wait) + 1 - kTextFields;
/// The key's path as it is written: "account", "actor.id", "class".
std::string_view to_text(Field field);

struct RawPosting {
    std::string_view account;
    Side side = Side::debit;
    std::string_view amount;
};

struct RawMetadata {
    std::string_view key;
    std::string_view value;
};

/// One of a command's references or attachments: its texts and its number, by the order of their
/// keys (command_shape.h).
inline constexpr std::size_t kItemTexts = 2;
struct RawItem {
    std::array<std::string_view, kItemTexts> texts{};
    std::uint64_t number = 0;
};

/// A half-open range of positions in one of RawLine's vectors.
struct RawRange {
    std::size_t begin = 0;
    std::size_t end = 0;
};

struct RawCommand {
    const CommandKind* kind = nullptr;  ///< null until a key says it
    RawRange metadata;
    bool has_empty_metadata = false;  ///< given, and without a pair
    RawRange postings;
    RawRange members;
    RawRange references;   ///< among RawLine::items
    RawRange attachments;  ///< likewise

    bool has(Field field) const { return (given_ >> static_cast<unsigned>(field) & 1U) != 0; }
    /// Empty when the key was not given.
    std::string_view text(Field field) const { return texts_[static_cast<std::size_t>(field)]; }
    /// Zero when the key was not given.
    std::uint64_t number(Field field) const {
        return numbers_[static_cast<std::size_t>(field) - kTextFields];
    }
    void set(Field field, std::string_view text) {
        texts_[static_cast<std::size_t>(field)] = text;
        given_ |= std::uint64_t{1} << static_cast<unsigned>(field);
    }
    void set(Field field, std::uint64_t number) {
        numbers_[static_cast<std::size_t>(field) - kTextFields] = number;
        given_ |= std::uint64_t{1} << static_cast<unsigned>(field);
    }

private:
    std::uint64_t given_ = 0;
    std::array<std::string_view, kTextFields> texts_{};
    std::array<std::uint64_t, kNumberFields> numbers_{};
};

/// One line. Texts borrow from the arena that it was read with.
struct RawLine {
    RawCommand command;
    std::vector<RawCommand> members;
    std::vector<RawPosting> postings;
    std::vector<RawMetadata> metadata;
    std::vector<RawItem> items;

    bool is_clock() const { return command.has(Field::clock); }
    bool is_wait() const { return command.has(Field::wait); }
};

}  // namespace vouch::command_handler
