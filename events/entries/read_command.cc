// Commands from bytes. Field numbers, ranges and limits: schemas/command.proto. One function a
// message; the tables name its fields for faults, in the order of their numbers.
#include "events/entries/read_command.h"

#include <array>
#include <limits>
#include <memory>

namespace vouch::wire {
namespace {

using Names = std::string_view;

constexpr Names kCommandNames[] = {
    "command",        "id",           "id",
    "ledger",         "transfer",     "place_hold",
    "capture_hold",   "release_hold", "post_entry",
    "context",        "actor",        "module",
    "ticket",         "expected_version", "expires_at",
    "amount_decimals", "open_account", "update_account",
    "freeze_account", "unfreeze_account", "close_account",
    "extend_hold",    "reverse",      "refund",
    "group",          "set_clock",    "metadata",
    "voucher_type",   "channel"};
constexpr Names kActorNames[] = {"actor", "actor.id", "actor.address", "actor.device"};
constexpr Names kMetadataNames[] = {"metadata", "metadata.key", "metadata.value"};
constexpr Names kLimitNames[] = {"limit", "limit.unlimited", "limit.amount", "limit.amount"};
constexpr Names kOpenNames[] = {"open_account",
                                "open_account.account",
                                "open_account.account",
                                "open_account.name",
                                "open_account.asset_code",
                                "open_account.asset_scale",
                                "open_account.account_class",
                                "open_account.limit",
                                "open_account.chart_code",
                                "open_account.owner",
                                "open_account.risk_class"};
constexpr Names kUpdateNames[] = {"update_account", "update_account.account",
                                  "update_account.account", "update_account.limit",
                                  "update_account.risk_class"};
constexpr Names kFreezeNames[] = {"freeze_account", "freeze_account.account",
                                  "freeze_account.account", "freeze_account.block"};
constexpr Names kUnfreezeNames[] = {"unfreeze_account", "unfreeze_account.account",
                                    "unfreeze_account.account", "unfreeze_account.block"};
constexpr Names kCloseNames[] = {"close_account", "close_account.account",
                                 "close_account.account"};
constexpr Names kTransferNames[] = {"transfer",        "transfer.debit",  "transfer.debit",
                                    "transfer.credit", "transfer.credit", "transfer.amount",
                                    "transfer.amount", "transfer.balancing"};
constexpr Names kPostingNames[] = {"post_entry.postings",         "post_entry.postings.account",
                                   "post_entry.postings.account", "post_entry.postings.side",
                                   "post_entry.postings.amount",  "post_entry.postings.amount"};
constexpr Names kPostEntryNames[] = {"post_entry", "post_entry.postings"};
constexpr Names kPlaceHoldNames[] = {"place_hold",           "place_hold.debit",
                                     "place_hold.debit",     "place_hold.credit",
                                     "place_hold.credit",    "place_hold.amount",
                                     "place_hold.amount",    "place_hold.balancing",
                                     "place_hold.expires_in_us"};
constexpr Names kCaptureNames[] = {"capture_hold",         "capture_hold.hold",
                                   "capture_hold.hold",    "capture_hold.account",
                                   "capture_hold.account", "capture_hold.amount",
                                   "capture_hold.amount",  "capture_hold.keep_rest",
                                   "capture_hold.credit",  "capture_hold.credit"};
constexpr Names kReleaseNames[] = {"release_hold", "release_hold.hold", "release_hold.hold",
                                   "release_hold.account", "release_hold.account"};
constexpr Names kExtendNames[] = {"extend_hold",         "extend_hold.hold",
                                  "extend_hold.hold",    "extend_hold.account",
                                  "extend_hold.account", "extend_hold.expires_in_us"};
constexpr Names kReverseNames[] = {"reverse", "reverse.entry", "reverse.entry", "reverse.account",
                                   "reverse.account"};
constexpr Names kRefundNames[] = {"refund",        "refund.entry",         "refund.entry",
                                  "refund.account", "refund.account",      "refund.amount",
                                  "refund.amount", "refund.from",          "refund.from",
                                  "refund.debit_posting", "refund.credit_posting"};
constexpr Names kGroupNames[] = {"group", "group.members"};
constexpr Names kSetClockNames[] = {"set_clock", "set_clock.time_us"};

constexpr Shape kCommandShape{kCommandNames, std::uint64_t{1} << 26};
constexpr Shape kActorShape{kActorNames};
constexpr Shape kMetadataShape{kMetadataNames};
constexpr Shape kLimitShape{kLimitNames};
constexpr Shape kOpenShape{kOpenNames};
constexpr Shape kUpdateShape{kUpdateNames};
constexpr Shape kFreezeShape{kFreezeNames};
constexpr Shape kUnfreezeShape{kUnfreezeNames};
constexpr Shape kCloseShape{kCloseNames};
constexpr Shape kTransferShape{kTransferNames};
constexpr Shape kPostingShape{kPostingNames};
constexpr Shape kPostEntryShape{kPostEntryNames, 2};
constexpr Shape kPlaceHoldShape{kPlaceHoldNames};
constexpr Shape kCaptureShape{kCaptureNames};
constexpr Shape kReleaseShape{kReleaseNames};
constexpr Shape kExtendShape{kExtendNames};
constexpr Shape kReverseShape{kReverseNames};
constexpr Shape kRefundShape{kRefundNames};
constexpr Shape kGroupShape{kGroupNames, 2};
constexpr Shape kSetClockShape{kSetClockNames};

constexpr std::uint64_t kInt64Max =
    static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
constexpr std::uint64_t kBodyFields = 0x1f0 | 0x3ff0000;  // 4 to 8, 16 to 25

/// Ids that a command may leave out: those that decide asks for (account_missing), or does not need.
bool is_optional_id(Halves id) { return !(id.high == ~0ULL && id.low == ~0ULL); }
bool is_required_id(Halves id) { return (id.high | id.low) != 0 && is_optional_id(id); }

/// Reads one command and what is in it. `kMember`: it is in a group, so it is no group itself.
template <Form form>
class CommandReader {
public:
    static constexpr bool kCanonical = form == Form::canonical;
    using In = Reader<kCanonical>;
    template <const Shape& shape>
    using FieldsOf = Fields<form, shape>;

    CommandReader(Arena& arena, CommandFault& fault) : arena_(arena), fault_(fault) {}

    bool command(In in, Command& out, bool is_member) {
        ::new (static_cast<void*>(&out)) Command;
        FieldsOf<kCommandShape> fields(in, fault_);
        Halves id;
        MetadataList metadata;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(id.high); break;
                case fixed64_tag(2): fields.fixed64(id.low); break;
                case bytes_tag(4): {
                    const In content = body_content(fields);
                    if (!fields.failed() && !transfer(content, out.body.emplace<Transfer>())) {
                        fields.stop();
                    }
                    break;
                }
                case bytes_tag(26): {
                    const In content = fields.message();
                    if (!fields.failed() && !metadata_pair(content, metadata)) fields.stop();
                    break;
                }
                default: other_field(fields, out, is_member);
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(id)) return refuse("id");
        if ((fields.seen() & kBodyFields) == 0) return refuse("body");
        out.id = id.id<CommandId>();
        if (metadata.count != 0) {
            out.metadata = arena_.copy(std::span<const Metadata>(metadata.pairs).first(metadata.count));
        }
        return check_whole(out);
    }

    bool limit(In in, Limit& out) {
        FieldsOf<kLimitShape> fields(in, fault_);
        bool unlimited = false;
        Halves amount;
        while (fields.next()) {
            switch (fields.tag()) {
                case varint_tag(1): fields.boolean(unlimited); break;
                case varint_tag(2): fields.number(amount.low); break;
                case varint_tag(3): fields.number(amount.high); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (unlimited && !amount.amount().is_zero()) return refuse("limit.amount");
        out = unlimited ? Limit::unlimited() : Limit(amount.amount());
        return true;
    }

private:
    struct MetadataList {
        std::array<Metadata, kMetadataMax> pairs;
        std::size_t count = 0;
    };

    bool refuse(std::string_view field, Outcome outcome = Outcome::malformed) {
        report(fault_, field, outcome);
        return false;
    }

    /// The content of the present field, which is one of the bodies; refused when there was one.
    template <class F>
    In body_content(F& fields) {
        const std::uint64_t bodies = fields.seen() & kBodyFields;
        if ((bodies & (bodies - 1)) != 0) {
            fields.refuse_as("body");
            return {};
        }
        return fields.message();
    }

    template <class F>
    void other_field(F& fields, Command& out, bool is_member) {
        switch (fields.tag()) {
            case varint_tag(3): {
                std::uint32_t ledger = 0;
                fields.number(ledger);
                out.ledger = LedgerId(ledger);
                break;
            }
            case bytes_tag(9): fields.text(out.context, kLongTextMax); break;
            case bytes_tag(10): {
                const In content = fields.message();
                if (!fields.failed() && !actor(content, out)) fields.stop();
                break;
            }
            case bytes_tag(11): fields.text(out.module, kShortTextMax); break;
            case bytes_tag(12): fields.text(out.ticket, kLongTextMax); break;
            case varint_tag(13): {
                std::uint64_t version = 0;
                fields.present_number(version);
                out.expected_version = Version(version);
                break;
            }
            case varint_tag(14): {
                std::int64_t expires_at = 0;
                fields.number(expires_at, kInt64Max);
                out.expires_at = Timestamp(expires_at);
                break;
            }
            case varint_tag(15): {
                std::uint8_t decimals = 0;
                fields.present_number(decimals, kScaleMax.value());
                out.amount_decimals = Scale(decimals);
                break;
            }
            case bytes_tag(27): fields.text(out.voucher_type, kShortTextMax); break;
            case bytes_tag(28): fields.text(out.channel, kShortTextMax); break;
            case bytes_tag(5):
            case bytes_tag(6):
            case bytes_tag(7):
            case bytes_tag(8):
            case bytes_tag(16):
            case bytes_tag(17):
            case bytes_tag(18):
            case bytes_tag(19):
            case bytes_tag(20):
            case bytes_tag(21):
            case bytes_tag(22):
            case bytes_tag(23):
            case bytes_tag(24):
            case bytes_tag(25): {
                const std::uint32_t number = fields.tag() >> 3;
                const In content = body_content(fields);
                if (!fields.failed() && !body(number, content, out.body, is_member)) fields.stop();
                break;
            }
            default: fields.refuse_unknown();
        }
    }

    bool body(std::uint32_t number, In in, CommandBody& out, bool is_member) {
        switch (number) {
            case 5: return place_hold(in, out.emplace<PlaceHold>());
            case 6: return capture_hold(in, out.emplace<CaptureHold>());
            case 7: return release_hold(in, out.emplace<ReleaseHold>());
            case 8: return post_entry(in, out.emplace<PostEntry>());
            case 16: return open_account(in, out.emplace<OpenAccount>());
            case 17: return update_account(in, out.emplace<UpdateAccount>());
            case 18: return block<kFreezeShape>(in, out.emplace<FreezeAccount>());
            case 19: return block<kUnfreezeShape>(in, out.emplace<UnfreezeAccount>());
            case 20: return close_account(in, out.emplace<CloseAccount>());
            case 21: return extend_hold(in, out.emplace<ExtendHold>());
            case 22: return reverse(in, out.emplace<Reverse>());
            case 23: return refund(in, out.emplace<Refund>());
            case 24:
                if (is_member) return refuse("group.members.group");
                return group(in, out.emplace<Group>());
            case 25:
                if (is_member) return refuse("group.members.set_clock");
                return set_clock(in, out.emplace<SetClock>());
        }
        return refuse("body");
    }

    /// What needs more than one field.
    bool check_whole(const Command& command) {
        if (const auto* open = std::get_if<OpenAccount>(&command.body)) {
            if (open->name.empty()) return true;
            const std::optional<TextId> id = parse_account_id(open->name, command.ledger);
            if (!id || !id->is_name || AccountId(id->high, id->low) != open->account) {
                return refuse("open_account.name");
            }
        } else if (const auto* group = std::get_if<Group>(&command.body)) {
            std::size_t postings = 0;
            for (const Command& member : group->members) {
                if (member.ledger != command.ledger) return refuse("group.members.ledger");
                if (member.id == command.id) return refuse("group.members.id");
                postings += posting_count(member.body);
            }
            if (postings > kPostingsMax) return refuse("group.members", Outcome::too_large);
        }
        return true;
    }

    bool actor(In in, Command& out) {
        FieldsOf<kActorShape> fields(in, fault_);
        while (fields.next()) {
            switch (fields.tag()) {
                case bytes_tag(1): fields.text(out.actor_id, kShortTextMax); break;
                case bytes_tag(2): fields.text(out.actor_address, kShortTextMax); break;
                case bytes_tag(3): fields.text(out.actor_device, kShortTextMax); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (kCanonical && fields.seen() == 0) return refuse("actor");
        return true;
    }

    bool metadata_pair(In in, MetadataList& list) {
        FieldsOf<kMetadataShape> fields(in, fault_);
        Metadata pair;
        while (fields.next()) {
            switch (fields.tag()) {
                case bytes_tag(1): fields.text(pair.key, kShortTextMax); break;
                case bytes_tag(2): fields.text(pair.value, kLongTextMax); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (pair.key.empty()) return refuse("metadata.key");
        if (list.count == kMetadataMax) return refuse("metadata");
        for (std::size_t i = 0; i < list.count; ++i) {
            if (list.pairs[i].key == pair.key) return refuse("metadata.key");
        }
        list.pairs[list.count++] = pair;
        return true;
    }

    bool transfer(In in, Transfer& out) {
        FieldsOf<kTransferShape> fields(in, fault_);
        Halves debit;
        Halves credit;
        Halves amount;
        std::uint8_t balancing = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(debit.high); break;
                case fixed64_tag(2): fields.fixed64(debit.low); break;
                case fixed64_tag(3): fields.fixed64(credit.high); break;
                case fixed64_tag(4): fields.fixed64(credit.low); break;
                case varint_tag(5): fields.number(amount.low); break;
                case varint_tag(6): fields.number(amount.high); break;
                case varint_tag(7): fields.number(balancing, 3); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(debit)) return refuse("transfer.debit");
        if (!is_required_id(credit)) return refuse("transfer.credit");
        out.debit = debit.id<AccountId>();
        out.credit = credit.id<AccountId>();
        out.amount = amount.amount();
        out.balancing = static_cast<Balancing>(balancing);
        return true;
    }

    bool place_hold(In in, PlaceHold& out) {
        FieldsOf<kPlaceHoldShape> fields(in, fault_);
        Halves debit;
        Halves credit;
        Halves amount;
        std::uint8_t balancing = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(debit.high); break;
                case fixed64_tag(2): fields.fixed64(debit.low); break;
                case fixed64_tag(3): fields.fixed64(credit.high); break;
                case fixed64_tag(4): fields.fixed64(credit.low); break;
                case varint_tag(5): fields.number(amount.low); break;
                case varint_tag(6): fields.number(amount.high); break;
                case varint_tag(7): fields.number(balancing, 3); break;
                case varint_tag(8): fields.number(out.expires_in_us, kExpiresInMax); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(debit)) return refuse("place_hold.debit");
        if (!is_optional_id(credit)) return refuse("place_hold.credit");
        out.debit = debit.id<AccountId>();
        out.credit = credit.id<AccountId>();
        out.amount = amount.amount();
        out.balancing = static_cast<Balancing>(balancing);
        return true;
    }

    bool capture_hold(In in, CaptureHold& out) {
        FieldsOf<kCaptureShape> fields(in, fault_);
        Halves hold;
        Halves account;
        Halves amount;
        Halves credit;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(hold.high); break;
                case fixed64_tag(2): fields.fixed64(hold.low); break;
                case fixed64_tag(3): fields.fixed64(account.high); break;
                case fixed64_tag(4): fields.fixed64(account.low); break;
                case varint_tag(5): fields.present_number(amount.low); break;
                case varint_tag(6): fields.number(amount.high); break;
                case varint_tag(7): fields.boolean(out.keep_rest); break;
                case fixed64_tag(8): fields.fixed64(credit.high); break;
                case fixed64_tag(9): fields.fixed64(credit.low); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(hold)) return refuse("capture_hold.hold");
        if (!is_optional_id(account)) return refuse("capture_hold.account");
        if (!is_optional_id(credit)) return refuse("capture_hold.credit");
        if (!optional_amount(fields.has(5), amount, out.amount)) return refuse("capture_hold.amount");
        out.hold = hold.id<CommandId>();
        out.account = account.id<AccountId>();
        out.credit = credit.id<AccountId>();
        return true;
    }

    /// False for a high half without the low one, whose presence alone says that there is an amount.
    static bool optional_amount(bool is_given, Halves amount, std::optional<Amount>& out) {
        if (is_given) out = amount.amount();
        return is_given || amount.high == 0;
    }

    bool release_hold(In in, ReleaseHold& out) {
        FieldsOf<kReleaseShape> fields(in, fault_);
        Halves hold;
        Halves account;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(hold.high); break;
                case fixed64_tag(2): fields.fixed64(hold.low); break;
                case fixed64_tag(3): fields.fixed64(account.high); break;
                case fixed64_tag(4): fields.fixed64(account.low); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(hold)) return refuse("release_hold.hold");
        if (!is_optional_id(account)) return refuse("release_hold.account");
        out.hold = hold.id<CommandId>();
        out.account = account.id<AccountId>();
        return true;
    }

    bool extend_hold(In in, ExtendHold& out) {
        FieldsOf<kExtendShape> fields(in, fault_);
        Halves hold;
        Halves account;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(hold.high); break;
                case fixed64_tag(2): fields.fixed64(hold.low); break;
                case fixed64_tag(3): fields.fixed64(account.high); break;
                case fixed64_tag(4): fields.fixed64(account.low); break;
                case varint_tag(5): fields.number(out.expires_in_us, kExpiresInMax); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(hold)) return refuse("extend_hold.hold");
        if (!is_optional_id(account)) return refuse("extend_hold.account");
        if (out.expires_in_us == 0) return refuse("extend_hold.expires_in_us");
        out.hold = hold.id<CommandId>();
        out.account = account.id<AccountId>();
        return true;
    }

    bool reverse(In in, Reverse& out) {
        FieldsOf<kReverseShape> fields(in, fault_);
        Halves entry;
        Halves account;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(entry.high); break;
                case fixed64_tag(2): fields.fixed64(entry.low); break;
                case fixed64_tag(3): fields.fixed64(account.high); break;
                case fixed64_tag(4): fields.fixed64(account.low); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(entry)) return refuse("reverse.entry");
        if (!is_optional_id(account)) return refuse("reverse.account");
        out.entry = entry.id<CommandId>();
        out.account = account.id<AccountId>();
        return true;
    }

    bool refund(In in, Refund& out) {
        FieldsOf<kRefundShape> fields(in, fault_);
        Halves entry;
        Halves account;
        Halves amount;
        Halves from;
        std::uint32_t debit_posting = 0;
        std::uint32_t credit_posting = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(entry.high); break;
                case fixed64_tag(2): fields.fixed64(entry.low); break;
                case fixed64_tag(3): fields.fixed64(account.high); break;
                case fixed64_tag(4): fields.fixed64(account.low); break;
                case varint_tag(5): fields.present_number(amount.low); break;
                case varint_tag(6): fields.number(amount.high); break;
                case fixed64_tag(7): fields.fixed64(from.high); break;
                case fixed64_tag(8): fields.fixed64(from.low); break;
                case varint_tag(9): fields.present_number(debit_posting); break;
                case varint_tag(10): fields.present_number(credit_posting); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(entry)) return refuse("refund.entry");
        if (!is_optional_id(account)) return refuse("refund.account");
        if (!is_optional_id(from)) return refuse("refund.from");
        if (!optional_amount(fields.has(5), amount, out.amount)) return refuse("refund.amount");
        out.entry = entry.id<CommandId>();
        out.account = account.id<AccountId>();
        out.from = from.id<AccountId>();
        if (fields.has(9)) out.debit_posting = debit_posting;
        if (fields.has(10)) out.credit_posting = credit_posting;
        return true;
    }

    bool open_account(In in, OpenAccount& out) {
        FieldsOf<kOpenShape> fields(in, fault_);
        Halves account;
        std::string_view asset_code;
        std::uint8_t scale = 0;
        std::uint8_t account_class = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(account.high); break;
                case fixed64_tag(2): fields.fixed64(account.low); break;
                case bytes_tag(3): fields.text(out.name, kNameMax); break;
                case bytes_tag(4): fields.text(asset_code, Asset::kCodeMax); break;
                case varint_tag(5): fields.number(scale, kScaleMax.value()); break;
                case varint_tag(6): fields.number(account_class, 5); break;
                case bytes_tag(7): {
                    const In content = fields.message();
                    if (!fields.failed() && !limit(content, out.limit)) fields.stop();
                    if (kCanonical && !fields.failed() && out.limit == Limit{}) fields.refuse();
                    break;
                }
                case bytes_tag(8): fields.text(out.chart_code, kShortTextMax); break;
                case bytes_tag(9): fields.text(out.owner, kShortTextMax); break;
                case varint_tag(10): fields.number(out.risk_class); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(account)) return refuse("open_account.account");
        const std::optional<Asset> asset = Asset::make(asset_code, Scale(scale));
        if (!asset) return refuse("open_account.asset_code");
        if (account_class == 0) return refuse("open_account.account_class");
        out.account = account.id<AccountId>();
        out.asset = *asset;
        out.account_class = static_cast<AccountClass>(account_class);
        return true;
    }

    bool update_account(In in, UpdateAccount& out) {
        FieldsOf<kUpdateShape> fields(in, fault_);
        Halves account;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(account.high); break;
                case fixed64_tag(2): fields.fixed64(account.low); break;
                case bytes_tag(3): {
                    const In content = fields.message();
                    if (!fields.failed() && !limit(content, out.limit.emplace())) fields.stop();
                    break;
                }
                case varint_tag(4): fields.present_number(out.risk_class.emplace()); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(account)) return refuse("update_account.account");
        out.account = account.id<AccountId>();
        return true;
    }

    template <const Shape& shape, class Body>
    bool block(In in, Body& out) {
        FieldsOf<shape> fields(in, fault_);
        Halves account;
        std::uint8_t blocked = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(account.high); break;
                case fixed64_tag(2): fields.fixed64(account.low); break;
                case varint_tag(3): fields.number(blocked, 3); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(account)) return refuse(shape.names[1]);
        if (blocked == 0) return refuse(shape.names[3]);
        out.account = account.id<AccountId>();
        out.block = static_cast<Block>(blocked);
        return true;
    }

    bool close_account(In in, CloseAccount& out) {
        FieldsOf<kCloseShape> fields(in, fault_);
        Halves account;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(account.high); break;
                case fixed64_tag(2): fields.fixed64(account.low); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(account)) return refuse("close_account.account");
        out.account = account.id<AccountId>();
        return true;
    }

    bool post_entry(In in, PostEntry& out) {
        FieldsOf<kPostEntryShape> fields(in, fault_);
        std::span<Posting> postings;
        std::size_t count = 0;
        while (fields.next()) {
            if (fields.tag() != bytes_tag(1)) {
                fields.refuse_unknown();
                continue;
            }
            if (postings.empty()) {
                const std::size_t all = fields.count_run();
                if (all > kPostingsMax) {
                    return refuse("post_entry.postings", Outcome::too_large);
                }
                postings = arena_.make<Posting>(all);
            }
            const In content = fields.message();
            if (!fields.failed() && !posting(content, postings[count++])) fields.stop();
        }
        if (fields.failed()) return false;
        if (count < 2) return refuse("post_entry.postings");
        out.postings = postings;
        return true;
    }

    bool posting(In in, Posting& out) {
        FieldsOf<kPostingShape> fields(in, fault_);
        Halves account;
        Halves amount;
        std::uint8_t side = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case fixed64_tag(1): fields.fixed64(account.high); break;
                case fixed64_tag(2): fields.fixed64(account.low); break;
                case varint_tag(3): fields.number(side, 2); break;
                case varint_tag(4): fields.number(amount.low); break;
                case varint_tag(5): fields.number(amount.high); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        if (!is_required_id(account)) return refuse("post_entry.postings.account");
        if (side == 0) return refuse("post_entry.postings.side");
        out.account = account.id<AccountId>();
        out.side = static_cast<Side>(side);
        out.amount = amount.amount();
        return true;
    }

    bool group(In in, Group& out) {
        FieldsOf<kGroupShape> fields(in, fault_);
        std::span<Command> members;
        std::size_t count = 0;
        while (fields.next()) {
            if (fields.tag() != bytes_tag(1)) {
                fields.refuse_unknown();
                continue;
            }
            if (members.empty()) {
                const std::size_t all = fields.count_run();
                if (all > kGroupMembersMax) return refuse("group.members", Outcome::too_large);
                members = arena_.make<Command>(all);
            }
            const In content = fields.message();
            if (!fields.failed() && !command(content, members[count++], true)) fields.stop();
        }
        if (fields.failed()) return false;
        if (count == 0) return refuse("group.members");
        out.members = members;
        return true;
    }

    bool set_clock(In in, SetClock& out) {
        FieldsOf<kSetClockShape> fields(in, fault_);
        std::int64_t time = 0;
        while (fields.next()) {
            switch (fields.tag()) {
                case varint_tag(1): fields.number(time, kInt64Max); break;
                default: fields.refuse_unknown();
            }
        }
        if (fields.failed()) return false;
        out.time = Timestamp(time);
        return true;
    }

    Arena& arena_;
    CommandFault& fault_;
};

}  // namespace

template <Form form>
bool read_limit(Reader<form == Form::canonical> in, Limit& out, CommandFault& fault) {
    Arena unused;
    return CommandReader<form>(unused, fault).limit(in, out);
}

template <Form form>
bool read_command(Reader<form == Form::canonical> in, Arena& arena, Command& out,
                  CommandFault& fault) {
    return CommandReader<form>(arena, fault).command(in, out, false);
}

template bool read_limit<Form::any>(Reader<false>, Limit&, CommandFault&);
template bool read_limit<Form::canonical>(Reader<true>, Limit&, CommandFault&);
template bool read_command<Form::any>(Reader<false>, Arena&, Command&, CommandFault&);
template bool read_command<Form::canonical>(Reader<true>, Arena&, Command&, CommandFault&);

}  // namespace vouch::wire
