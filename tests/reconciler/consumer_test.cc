// A consumer of events that knows docs/events.md and the generated code of schemas/ alone, and
// begins at any record with an empty memory.
#include "reconciler/archive/export.h"
#include "tests/reconciler/played_log.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include "event.pb.h"
#include "record.pb.h"
#include "tests/support/text_of_file.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;

using IdPair = std::pair<std::uint64_t, std::uint64_t>;
__extension__ using Wide = unsigned __int128;

Wide wide(std::uint64_t high, std::uint64_t low) { return Wide{high} << 64 | low; }

/// What a consumer takes: one change of one account.
struct TakenChange {
    std::optional<IdPair> account;  ///< empty: a transit account
    std::uint32_t number = 0;
    std::uint64_t version = 0;
    v1::Side side = v1::SIDE_UNSPECIFIED;  ///< unspecified: nothing was posted
    Wide amount = 0;
    Wide debits = 0;  ///< posted, after it
    Wide credits = 0;
    friend bool operator==(const TakenChange&, const TakenChange&) = default;
};

struct SaidByCommand {
    IdPair account;
    v1::Side side;
    Wide amount;
};

/// Postings that the command itself says, at the places of the event's changes.
std::vector<SaidByCommand> said_by(const v1::Event& event) {
    const v1::Command& command = event.command();
    const auto moved = [&](Wide asked) {
        const Wide told = wide(event.moved_high(), event.moved());
        return told == 0 ? asked : told;
    };
    std::vector<SaidByCommand> said;
    if (command.has_transfer()) {
        const v1::Transfer& body = command.transfer();
        const Wide amount = moved(wide(body.amount_high(), body.amount()));
        said = {{{body.debit_high(), body.debit_low()}, v1::SIDE_DEBIT, amount},
                {{body.credit_high(), body.credit_low()}, v1::SIDE_CREDIT, amount}};
    } else if (command.has_post_entry()) {
        for (const v1::Posting& posting : command.post_entry().postings()) {
            const Wide amount = wide(posting.amount_high(), posting.amount());
            if (amount == 0) continue;
            const IdPair account{posting.account_high(), posting.account_low()};
            said.push_back({account, posting.side(), amount});
        }
    }
    return said;
}

/// Accounts that the command names at the places of the event's changes, where nothing is posted.
std::vector<IdPair> named_by(const v1::Command& command) {
    const auto account_of = [](const auto& body) {
        return std::vector<IdPair>{{body.account_high(), body.account_low()}};
    };
    if (command.has_place_hold()) {
        const v1::PlaceHold& body = command.place_hold();
        return {{body.debit_high(), body.debit_low()}, {body.credit_high(), body.credit_low()}};
    }
    if (command.has_open_account()) return account_of(command.open_account());
    if (command.has_update_account()) return account_of(command.update_account());
    if (command.has_freeze_account()) return account_of(command.freeze_account());
    if (command.has_unfreeze_account()) return account_of(command.unfreeze_account());
    if (command.has_close_account()) return account_of(command.close_account());
    return {};
}

std::vector<TakenChange> taken_from(const v1::Event& event) {
    const std::vector<SaidByCommand> said = said_by(event);
    const std::vector<IdPair> named = named_by(event.command());
    std::vector<TakenChange> taken;
    for (int i = 0; i < event.changes_size(); ++i) {
        const v1::Change& change = event.changes(i);
        const auto place = static_cast<std::size_t>(i);
        TakenChange one;
        one.number = change.account();
        one.version = change.version();
        one.debits = wide(change.debits_posted_high(), change.debits_posted());
        one.credits = wide(change.credits_posted_high(), change.credits_posted());
        // What is credited by an event with `in_transit` is the transit account.
        const bool is_named = !event.has_in_transit() || i == 0;
        if (change.id_high() != 0 || change.id_low() != 0) {
            one.account = {change.id_high(), change.id_low()};
        } else if (is_named && place < said.size()) {
            one.account = said[place].account;
        } else if (is_named && place < named.size()) {
            one.account = named[place];
        }
        if (change.side() != v1::SIDE_UNSPECIFIED) {
            one.side = change.side();
            one.amount = wide(change.amount_high(), change.amount());
        } else if (place < said.size() && !event.has_in_transit()) {
            one.side = said[place].side;
            one.amount = said[place].amount;
        }
        taken.push_back(one);
    }
    return taken;
}

struct ConsumedRecord {
    v1::RecordHeader header;
    v1::EventBatch events;
};

ConsumedRecord read_sealed(const Bytes& bytes) {
    v1::SealedRecord sealed;
    REQUIRE(sealed.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    ConsumedRecord record;
    REQUIRE(record.header.ParseFromString(sealed.header()));
    REQUIRE(record.events.ParseFromString(sealed.body()));
    return record;
}

/// What one learns who reads a shard from its first record on, and keeps all of it.
class ConsumerMemory {
public:
    void check(const v1::Event& event, const std::vector<TakenChange>& taken) {
        if (event.has_command() && event.command().has_open_account() && !taken.empty())
            ids_[taken[0].number] = *taken[0].account;
        if (event.has_transit_opened()) transit_[taken.at(0).number] = true;
        for (const TakenChange& one : taken) {
            CHECK(one.account.has_value() != transit_[one.number]);
            if (one.account) CHECK(*one.account == ids_[one.number]);
            TakenChange& last = last_[one.number];
            CHECK(one.version == last.version + 1);
            const Wide debit = one.side == v1::SIDE_DEBIT ? one.amount : 0;
            const Wide credit = one.side == v1::SIDE_CREDIT ? one.amount : 0;
            CHECK(one.debits == last.debits + debit);
            CHECK(one.credits == last.credits + credit);
            last = one;
            ++changes;
        }
    }

    std::size_t changes = 0;

private:
    std::map<std::uint32_t, IdPair> ids_;
    std::map<std::uint32_t, bool> transit_;
    std::map<std::uint32_t, TakenChange> last_;
};

TEST_CASE("consumer: each record alone says whose accounts it changes, by what, and to what") {
    for (const std::uint32_t shards : {1U, 3U}) {
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
            CAPTURE(shards);
            CAPTURE(seed);
            const SealedDeployment sealed = make_sealed_deployment(shards);
            const RecordList records = make_busy_log(sealed, seed, 400);
            std::size_t changes = 0;
            for (std::uint32_t shard = 0; shard < shards; ++shard) {
                ConsumerMemory memory;
                std::uint64_t number = 0;
                std::uint64_t next_event = 0;
                for (const Bytes& bytes : records.shard(ShardId(shard))) {
                    const ConsumedRecord record = read_sealed(bytes);
                    CHECK(record.header.shard() == shard);
                    CHECK(record.header.record() == number++);
                    CHECK(record.header.first_event() == next_event);
                    next_event += static_cast<std::uint64_t>(record.events.events_size());
                    for (const v1::Event& event : record.events.events())
                        memory.check(event, taken_from(event));
                }
                changes += memory.changes;
            }
            CHECK(changes > 80);
        }
    }
}

TEST_CASE("consumer: an archive is walked by its frames") {
    const SealedDeployment sealed = make_sealed_deployment(3);
    RecordList records = make_busy_log(sealed, 3, 60);
    const TemporaryDirectory directory;
    const auto file = directory.path() / "archive";
    REQUIRE(reconciler::export_archive(records, sealed.created.bytes, sealed.keys, file));
    const std::string bytes = text_of_file(file);
    const std::string head = "vouch archive 1\n";
    REQUIRE(bytes.starts_with(head));
    std::string types;
    std::uint32_t shard = 0;
    std::size_t record = 0;
    const auto number_at = [&](std::size_t at, std::size_t size) {
        std::uint64_t number = 0;
        for (std::size_t i = at; i < at + size; ++i)
            number = number << 8 | static_cast<unsigned char>(bytes.at(i));
        return number;
    };
    std::size_t size = 0;
    for (std::size_t at = head.size(); at < bytes.size(); at += 5 + size) {
        size = number_at(at + 1, 4);
        const char type = bytes[at];
        if (types.empty() || types.back() != type) types += type;
        const std::string_view value = std::string_view(bytes).substr(at + 5, size);
        if (type == 'S') {
            shard = static_cast<std::uint32_t>(number_at(at + 5, 4));
            record = 0;
            CHECK(number_at(at + 9, 8) == records.shard(ShardId(shard)).size());
        } else if (type == 'R') {
            const Bytes& kept = records.shard(ShardId(shard))[record++];
            CHECK(value == std::string_view(reinterpret_cast<const char*>(kept.data()),
                                            kept.size()));
        }
    }
    CHECK(types == "DSRSRSRT");
}

}  // namespace
