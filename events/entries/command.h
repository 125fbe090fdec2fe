#pragma once

#include "events/entries/voucher.h"
#include "events/money/account.h"
#include "events/money/amount.h"
#include "events/money/asset.h"
#include "events/money/day.h"
#include "events/money/hold.h"
#include "events/money/ids.h"
#include "events/money/number.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

namespace vouch {

/// Commands as values. Meaning, ranges and outcomes of every field: schemas/command.proto, which
/// has the same names. Strings and spans borrow from the batch's bytes and arena (codec.h).

struct Metadata {
    std::string_view key;
    std::string_view value;
    friend bool operator==(const Metadata&, const Metadata&) = default;
};

struct OpenAccount {
    AccountId account;
    std::string_view name;
    Asset asset;
    AccountClass account_class = AccountClass::asset;
    Limit limit;
    std::string_view chart_code;
    std::string_view owner;
    std::uint8_t risk_class = 0;
};

struct UpdateAccount {
    AccountId account;
    std::optional<Limit> limit;
    std::optional<std::uint8_t> risk_class;
};

struct FreezeAccount {
    AccountId account;
    Block block = Block::none;
};

struct UnfreezeAccount {
    AccountId account;
    Block block = Block::none;
};

struct CloseAccount {
    AccountId account;
};

struct Transfer {
    AccountId debit;
    AccountId credit;
    Amount amount;
    Balancing balancing = Balancing::none;
};

struct Posting {
    AccountId account;
    Side side = Side::debit;
    Amount amount;
    friend bool operator==(const Posting&, const Posting&) = default;
};

struct PostEntry {
    std::span<const Posting> postings;
};

struct PlaceHold {
    AccountId debit;
    AccountId credit;  ///< zero: none, the capture names it
    Amount amount;
    Balancing balancing = Balancing::none;
    std::uint64_t expires_in_us = 0;  ///< 0: never
};

struct CaptureHold {
    CommandId hold;
    AccountId account;             ///< the hold's payer; zero: missing
    std::optional<Amount> amount;  ///< empty: all that is left
    bool keep_rest = false;
    AccountId credit;  ///< zero unless the hold was placed without payee
};

struct ReleaseHold {
    CommandId hold;
    AccountId account;
};

struct ExtendHold {
    CommandId hold;
    AccountId account;
    std::uint64_t expires_in_us = 0;
};

struct Reverse {
    CommandId entry;
    AccountId account;
};

struct Refund {
    CommandId entry;
    AccountId account;
    std::optional<Amount> amount;  ///< empty: all that is not yet refunded
    AccountId from;                ///< zero: the payee of the original
    std::optional<std::uint32_t> debit_posting;
    std::optional<std::uint32_t> credit_posting;
};

struct Command;

struct Group {
    std::span<const Command> members;
};

struct SetClock {
    Timestamp time;
};

using CommandBody = std::variant<Transfer, PlaceHold, CaptureHold, ReleaseHold, PostEntry,
                                 OpenAccount, UpdateAccount, FreezeAccount, UnfreezeAccount,
                                 CloseAccount, ExtendHold, Reverse, Refund, Group, SetClock>;

struct Command {
    CommandId id;
    LedgerId ledger;
    CommandBody body;

    std::string_view context;
    std::string_view actor_id;
    std::string_view actor_address;
    std::string_view actor_device;
    std::string_view module;
    std::string_view ticket;
    std::string_view channel;
    std::span<const Metadata> metadata;
    std::optional<Version> expected_version;
    Timestamp expires_at;  ///< 0: never
    std::optional<Scale> amount_decimals;

    std::string_view id_text;  ///< as it was sent; empty: no text was
    std::string_view reason;
    std::span<const Reference> references;
    std::span<const Attachment> attachments;
    Trace trace;
    Day document_date;  ///< 0: not told
    VoucherKind kind = VoucherKind::none;
};

/// The wire's and the API's word: "transfer", "place_hold".
std::string_view kind_name(const CommandBody& body);

/// The account whose shard decides the command; zero when the command does not say
/// (account_missing, and set_clock, which goes to every shard).
AccountId deciding_account(const Command& command);

/// True when two commands ask for the same: ledger, body, context, actor's id, module, channel,
/// kind, reason, document date, expected version, and in any order metadata, references and
/// attachments' digests; not ticket, expiry, decimals, address, device, trace, the id's text, nor
/// the routing account of a hold or entry (which follows from it). Members of groups have pairwise
/// the same id and content. The ids of `a` and `b` themselves are the caller's matter.
bool same_content(const Command& a, const Command& b);

/// Postings that a group counts for this member: those of an entry, 2 of a transfer, capture,
/// refund or reversal (whose entry only the state knows), none of others. A group's sum is at most
/// kPostingsMax.
std::size_t posting_count(const CommandBody& body);

inline constexpr std::size_t kBatchCommandsMax = 8192;
inline constexpr std::size_t kBatchBytesMax = 900'000;
inline constexpr std::size_t kCommandBytesMax = 65'536;
inline constexpr std::size_t kPostingsMax = 1'000;
inline constexpr std::size_t kGroupMembersMax = 1'000;
inline constexpr std::size_t kMetadataMax = 16;
inline constexpr std::size_t kShortTextMax = 64;
inline constexpr std::size_t kLongTextMax = 255;
inline constexpr std::uint64_t kExpiresInMax = std::uint64_t{1} << 53;

}  // namespace vouch
