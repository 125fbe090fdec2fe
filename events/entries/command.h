#pragma once

#include "events/alternative.h"
#include "events/entries/voucher.h"
#include "events/money/account.h"
#include "events/money/amount.h"
#include "events/money/asset.h"
#include "events/money/day.h"
#include "events/money/hold.h"
#include "events/money/ids.h"
#include "events/money/number.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
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
    friend bool operator==(const OpenAccount&, const OpenAccount&) = default;
};

struct UpdateAccount {
    AccountId account;
    std::optional<Limit> limit;
    std::optional<std::uint8_t> risk_class;
    friend bool operator==(const UpdateAccount&, const UpdateAccount&) = default;
};

struct FreezeAccount {
    AccountId account;
    Block block = Block::none;
    friend bool operator==(const FreezeAccount&, const FreezeAccount&) = default;
};

struct UnfreezeAccount {
    AccountId account;
    Block block = Block::none;
    friend bool operator==(const UnfreezeAccount&, const UnfreezeAccount&) = default;
};

struct CloseAccount {
    AccountId account;
    friend bool operator==(const CloseAccount&, const CloseAccount&) = default;
};

struct Transfer {
    AccountId debit;
    AccountId credit;
    Amount amount;
    Balancing balancing = Balancing::none;
    friend bool operator==(const Transfer&, const Transfer&) = default;
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
    friend bool operator==(const PlaceHold&, const PlaceHold&) = default;
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
    friend bool operator==(const SetClock&, const SetClock&) = default;
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

/// What a command makes that others are about, by its own id. A reversal is an entry that cannot be
/// undone itself.
enum class Makes : std::uint8_t { nothing, account, hold, entry, reversal };
constexpr bool makes_postings(Makes makes) {
    return makes == Makes::entry || makes == Makes::reversal;
}

/// Which accounts a command changes: the one that it names, `account`, and no other; its debit and
/// credit; those of its postings; what an earlier command named; those of its members.
enum class Changes : std::uint8_t {
    its_account,
    its_pair,
    its_postings,
    of_earlier,
    of_members,
    nothing
};

/// What is the same of all commands of a kind, told once.
struct CommandKind {
    std::size_t index;      ///< in CommandBody
    std::uint32_t field;    ///< in Command: schemas/command.proto
    std::string_view word;  ///< the wire's and the API's
    Makes makes;
    Changes changes;
    CommandBody (*empty)();
};

template <class Body>
constexpr CommandKind command_kind(std::uint32_t field, std::string_view word, Makes makes,
                                   Changes changes) {
    return {.index = kAlternative<Body, CommandBody>,
            .field = field,
            .word = word,
            .makes = makes,
            .changes = changes,
            .empty = [] { return CommandBody(std::in_place_type<Body>); }};
}

/// In the order of CommandBody.
inline constexpr std::array kCommandKinds = {
    command_kind<Transfer>(4, "transfer", Makes::entry, Changes::its_pair),
    command_kind<PlaceHold>(5, "place_hold", Makes::hold, Changes::its_pair),
    command_kind<CaptureHold>(6, "capture_hold", Makes::entry, Changes::of_earlier),
    command_kind<ReleaseHold>(7, "release_hold", Makes::nothing, Changes::of_earlier),
    command_kind<PostEntry>(8, "post_entry", Makes::entry, Changes::its_postings),
    command_kind<OpenAccount>(16, "open_account", Makes::account, Changes::its_account),
    command_kind<UpdateAccount>(17, "update_account", Makes::nothing, Changes::its_account),
    command_kind<FreezeAccount>(18, "freeze_account", Makes::nothing, Changes::its_account),
    command_kind<UnfreezeAccount>(19, "unfreeze_account", Makes::nothing, Changes::its_account),
    command_kind<CloseAccount>(20, "close_account", Makes::nothing, Changes::its_account),
    command_kind<ExtendHold>(21, "extend_hold", Makes::nothing, Changes::of_earlier),
    command_kind<Reverse>(22, "reverse", Makes::reversal, Changes::of_earlier),
    command_kind<Refund>(23, "refund", Makes::reversal, Changes::of_earlier),
    command_kind<Group>(24, "group", Makes::nothing, Changes::of_members),
    command_kind<SetClock>(25, "set_clock", Makes::nothing, Changes::nothing),
};

static_assert(has_each_alternative<CommandBody>(kCommandKinds));

template <class Body>
inline constexpr const CommandKind& kCommandKind = kCommandKinds[kAlternative<Body, CommandBody>];

template <class Body>
concept ChangesItsAccount = kCommandKind<Body>.changes == Changes::its_account;

inline const CommandKind& kind_of(const CommandBody& body) { return kCommandKinds[body.index()]; }

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

/// The amount that it names; empty when it has none, or leaves it to what it is about.
std::optional<Amount> amount_asked(const CommandBody& body);

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
