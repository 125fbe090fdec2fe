#include "events/money/shard_of.h"
#include "events/seal/record.h"
#include "projector/views/projector.h"
#include "projector/views/view_store.h"
#include "reconciler/replay/replay.h"
#include "reconciler/verdict/verdict.h"
#include "tests/reconciler/played_log.h"
#include "tests/support/temporary_directory.h"
#include "tools/vouch/view_rows_reader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace vouch;
using namespace vouch::test;
using projector::RowKind;

/// A view's rows by their keys, to be edited at will: the store then vouches for whatever stands
/// there.
using Rows = std::map<std::string, std::string>;

std::string text(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
ByteView bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

class RowsCursor final : public projector::RowCursor {
public:
    explicit RowsCursor(const Rows& rows) : rows_(rows), at_(rows.end()) {}
    void seek(ByteView key) override { at_ = rows_.lower_bound(text(key)); }
    void seek_at_or_before(ByteView key) override {
        at_ = rows_.upper_bound(text(key));
        at_ = at_ == rows_.begin() ? rows_.end() : std::prev(at_);
    }
    void next() override { ++at_; }
    bool is_valid() const override { return at_ != rows_.end(); }
    ByteView key() const override { return bytes(at_->first); }
    ByteView value() const override { return bytes(at_->second); }
    Status status() const override { return {}; }

private:
    const Rows& rows_;
    Rows::const_iterator at_;
};

class RowsSnapshot final : public projector::ViewSnapshot {
public:
    explicit RowsSnapshot(const Rows& rows) : rows_(rows) {
        const auto position = rows.find(text(projector::position_key().view()));
        if (position != rows.end()) position_ = projector::decode_position(bytes(position->second));
    }
    const std::optional<projector::ViewPosition>& position() const override { return position_; }
    Result<bool> get(ByteView key, Bytes& value) override {
        const auto row = rows_.find(text(key));
        if (row == rows_.end()) return false;
        value.assign(bytes(row->second).begin(), bytes(row->second).end());
        return true;
    }
    std::unique_ptr<projector::RowCursor> cursor() override {
        return std::make_unique<RowsCursor>(rows_);
    }
    bool newest_history(AccountNumber, EventNumber, Bytes&) override { return false; }

private:
    const Rows& rows_;
    std::optional<projector::ViewPosition> position_;
};

class RowsStore final : public projector::ViewStore {
public:
    explicit RowsStore(const Rows& rows) : rows_(rows) {}
    const std::optional<projector::ViewPosition>& position() const override { return none_; }
    std::optional<Fault> damage() const override { return std::nullopt; }
    Status has_room() override { return {}; }
    std::unique_ptr<projector::ViewWrite> start_batch() override { return nullptr; }
    Result<std::unique_ptr<projector::ViewWrite>> start_bulk() override {
        return Fault{FaultCode::storage, "only read"};
    }
    Result<std::unique_ptr<projector::ViewSnapshot>> snapshot() override {
        return std::unique_ptr<projector::ViewSnapshot>(std::make_unique<RowsSnapshot>(rows_));
    }

private:
    const Rows& rows_;
    std::optional<projector::ViewPosition> none_;
};

/// The rows that the projector itself writes for a log, shard by shard.
class Projected {
public:
    Projected(RecordList& log, const SealedDeployment& sealed) : log_(log), sealed_(sealed) {
        for (std::uint32_t i = 0; i < log.shard_count(); ++i) {
            const ShardId shard(i);
            auto store = projector::rocks_view_stores().open(directory_.path() / std::to_string(i),
                                                    projector::view_key(sealed.keys, shard));
            REQUIRE(store);
            stores_.push_back(*std::move(store));
            auto started = projector::Projector::start(log, sealed.deployment(), shard,
                                                       *stores_.back(), &sealed.keys);
            REQUIRE(started);
            projectors_.push_back(*std::move(started));
        }
    }
    /// Of the first records of each shard.
    std::vector<Rows> rows_after(std::uint64_t records) {
        std::vector<Rows> all;
        for (std::size_t i = 0; i < stores_.size(); ++i) {
            REQUIRE(projectors_[i]->catch_up(RecordNumber(records)));
            const auto snapshot = stores_[i]->snapshot();
            REQUIRE(snapshot);
            Rows& rows = all.emplace_back();
            const auto cursor = (*snapshot)->cursor();
            for (cursor->seek({}); cursor->is_valid(); cursor->next())
                rows.emplace(text(cursor->key()), text(cursor->value()));
        }
        return all;
    }

private:
    RecordList& log_;
    const SealedDeployment& sealed_;
    TemporaryDirectory directory_;
    std::vector<std::unique_ptr<projector::ViewStore>> stores_;
    std::vector<std::unique_ptr<projector::Projector>> projectors_;
};

reconciler::ReplayReport replay_with(RecordList& log, const SealedDeployment& sealed,
                                     const std::vector<Rows>& views,
                                     std::optional<ShardId> missed = {}) {
    std::vector<std::unique_ptr<RowsStore>> owned;
    std::vector<projector::ViewStore*> stores;
    for (const Rows& rows : views) {
        owned.push_back(std::make_unique<RowsStore>(rows));
        stores.push_back(owned.back().get());
    }
    const auto reader = cli::ViewRowsReader::open(sealed.deployment(), stores);
    if (missed) reader->miss(*missed, {FaultCode::corrupt, "view: does not open"});
    return replay_list(log, sealed, [&](reconciler::ReplayOptions& options) {
        options.views = reader.get();
        options.is_end_known = true;
    });
}

std::string findings_with(RecordList& log, const SealedDeployment& sealed,
                          const std::vector<Rows>& views) {
    return text_of_findings(replay_with(log, sealed, views));
}

struct Kind {
    RowKind kind;
    const char* name;
    const char* check;  ///< what a finding about its rows is called
};
constexpr Kind kKinds[] = {
    {RowKind::history, "history", "view_history"},
    {RowKind::command, "command", "view_id"},
    {RowKind::failed_member, "failed member", "view_row"},
    {RowKind::conflict, "conflict", "view_row"},
    {RowKind::account_id, "account id", "view_row"},
    {RowKind::account_opened, "account opened", "view_row"},
    {RowKind::account_update, "account update", "view_row"},
    {RowKind::hold, "hold", "view_row"},
    {RowKind::entry_state, "entry state", "view_row"},
    {RowKind::context, "context", "view_row"},
    {RowKind::owner, "owner", "view_row"},
    {RowKind::refunded, "refunded", "view_row"},
    {RowKind::hold_expiry, "hold expiry", "view_row"},
    {RowKind::event_block, "event block", "view_record"},
    {RowKind::record_time, "record time", "view_record"},
};

bool is_of(const Rows::value_type& row, RowKind kind) {
    return static_cast<RowKind>(row.first[0]) == kind;
}

/// Rows of one kind by their place among them.
std::vector<std::string> keys_of(const Rows& rows, RowKind kind) {
    std::vector<std::string> keys;
    for (const auto& row : rows) {
        if (is_of(row, kind)) keys.push_back(row.first);
    }
    return keys;
}

std::string turned(std::string value) {
    if (value.empty()) return "x";
    value.back() = static_cast<char>(value.back() ^ 1);
    return value;
}

/// An unused key like this one.
std::string key_beside(const Rows& rows, std::string key) {
    while (rows.contains(key)) key.back() = static_cast<char>(key.back() + 1);
    return key;
}

/// A key whose row was another one before.
std::optional<std::string> aged_key(const Rows& rows, const Rows& older, RowKind kind) {
    for (const std::string& key : keys_of(older, kind)) {
        if (older.at(key) != rows.at(key)) return key;
    }
    return std::nullopt;
}

struct Act {
    const char* name;
    /// False when there is nothing to act on.
    std::function<bool(Rows&, const Rows& older, RowKind, const std::string& key)> act;
};
const std::vector<Act>& acts() {
    static const std::vector<Act> all = {
        {"edited",
         [](Rows& rows, const Rows&, RowKind, const std::string& key) {
             rows[key] = turned(rows[key]);
             return true;
         }},
        {"dropped",
         [](Rows& rows, const Rows&, RowKind, const std::string& key) {
             return rows.erase(key) == 1;
         }},
        {"added",
         [](Rows& rows, const Rows&, RowKind, const std::string& key) {
             rows[key_beside(rows, key)] = rows[key];
             return true;
         }},
        {"aged",
         [](Rows& rows, const Rows& older, RowKind kind, const std::string&) {
             const std::optional<std::string> aged = aged_key(rows, older, kind);
             if (aged) rows[*aged] = older.at(*aged);
             return aged.has_value();
         }},
    };
    return all;
}

/// A busy log and, at its end, what no busy log has: an account of an owner. Views of all of it,
/// and of a part.
struct Books {
    explicit Books(std::uint32_t shards)
        : sealed(make_sealed_deployment(shards)), log(make_busy_log(sealed, 6, 2000)) {
        const std::size_t end = log.shard(kShard).size();
        const Rows all = Projected(log, sealed).rows_after(end)[kShard.value()];
        // How much is in a record depends on how busy the machine was.
        for (std::size_t at = end / 2; at < end && changed_kinds(all) < 2; ++at)
            older = Projected(log, sealed).rows_after(at);
        open_account_of_owner(keys_of(all, RowKind::account_opened).size());
        views = Projected(log, sealed).rows_after(log.shard(kShard).size());
    }

    static constexpr ShardId kShard{0};
    SealedDeployment sealed;
    RecordList log;
    std::vector<Rows> older;
    std::vector<Rows> views;

private:
    /// Kinds of which a row was another one before.
    std::ptrdiff_t changed_kinds(const Rows& all) const {
        if (older.empty()) return 0;
        return std::ranges::count_if(kKinds, [&](const Kind& kind) {
            return aged_key(all, older[kShard.value()], kind.kind).has_value();
        });
    }

    void open_account_of_owner(std::size_t accounts) {
        OpenAccount open;
        open.account = AccountId(7, 7);
        while (sealed.deployment().shards > 1 &&
               shard_of(open.account, sealed.deployment().shards) != kShard) {
            open.account = AccountId(7, open.account.low() + 1);
        }
        open.asset = *Asset::make("EUR", Scale(2));
        open.account_class = AccountClass::liability;
        open.owner = "u-17";
        CommandDecided decided;
        decided.command.id = CommandId(7, 7);
        decided.command.body = open;
        decided.outcome = Outcome::opened;
        Change change;
        change.account = AccountNumber(static_cast<std::uint32_t>(accounts));
        change.version = Version(1);
        change.id = open.account;
        decided.changes = {&change, 1};
        LogDraft draft = LogDraft::read(log, sealed.deployment());
        draft.append(kShard, {decided});
        log = draft.seal(sealed.keys);
    }
};

}  // namespace

TEST_CASE(
    "views: compared at their own position, anywhere in the log" *
    doctest::test_suite("same-threads")) {
    for (const std::uint32_t shards : {1U, 2U}) {
        const SealedDeployment sealed = make_sealed_deployment(shards);
        RecordList log = make_busy_log(sealed, 5, 120);
        Projected projected(log, sealed);
        const std::size_t end = log.shard(ShardId(0)).size();
        for (std::size_t records = 0; records <= end; records += 3) {
            CAPTURE(records);
            CHECK(findings_with(log, sealed, projected.rows_after(records)) == "");
        }
    }
}

TEST_CASE("views: one that is behind the log is told as compared in part, and up to where") {
    const SealedDeployment sealed = make_sealed_deployment();
    RecordList log = make_busy_log(sealed, 5, 60);
    Projected projected(log, sealed);
    const std::size_t end = log.shard(ShardId(0)).size();
    const auto part = replay_with(log, sealed, projected.rows_after(end - 3));
    CHECK(part.views() == reconciler::ViewsCompared::partial);
    CHECK(part.shards[0].view_end == RecordNumber(end - 3));
    CHECK_FALSE(reconciler::is_proven(part));
    CHECK(to_text(part).starts_with("no findings, but not everything could be checked\n"));
    CHECK(to_text(part).find("shard 0's files hold rows of " + std::to_string(end - 3) + " of " +
                             std::to_string(end) + " records") != std::string::npos);
    CHECK(to_json_lines(part).find(R"("views_compared":false,"views":"partial")") !=
          std::string::npos);
    const auto whole = replay_with(log, sealed, projected.rows_after(end));
    CHECK(whole.views() == reconciler::ViewsCompared::whole);
    CHECK(reconciler::is_proven(whole));
    CHECK(to_json_lines(whole).find(R"("clean":true)") != std::string::npos);
}

TEST_CASE("views: a position that says another event or time is one finding") {
    Books books(1);
    const std::string key = text(projector::position_key().view());
    const projector::ViewPosition right = *projector::decode_position(bytes(books.views[0][key]));
    for (const bool is_time : {true, false}) {
        projector::ViewPosition position = right;
        if (is_time) position.time = Timestamp(position.time.value() + 1);
        else position.next_event = position.next_event.next();
        Bytes value;
        projector::encode_position(position, value);
        books.views[0][key] = text(value);
        const std::string found = findings_with(books.log, books.sealed, books.views);
        CAPTURE(found);
        CHECK(std::count(found.begin(), found.end(), '\n') == 1);
        CHECK(found.find("view_position") != std::string::npos);
    }
}

TEST_CASE("views: one that does not open is a finding, and is not called compared") {
    Books books(1);
    const auto report = replay_with(books.log, books.sealed, books.views, Books::kShard);
    const std::string found = text_of_findings(report);
    CHECK(found.find("view_unreadable: view: does not open") != std::string::npos);
    CHECK(std::count(found.begin(), found.end(), '\n') == 1);
    CHECK(report.views() == reconciler::ViewsCompared::partial);
    CHECK_FALSE(report.shards[Books::kShard.value()].view_end.has_value());
    const auto verdict = reconciler::verdict_of(report);
    const auto part =
        std::ranges::find(verdict.unchecked, "views", &reconciler::Verdict::Part::word);
    REQUIRE(part != verdict.unchecked.end());
    CHECK(part->sentence == "NOT all of the views: shard " +
                                std::to_string(Books::kShard.value()) +
                                "'s could not be read. What could be read was compared");
}

TEST_CASE("views: ahead of the log, or of another log") {
    Books books(1);
    const std::string key = text(projector::position_key().view());
    projector::ViewPosition position = *projector::decode_position(bytes(books.views[0][key]));
    Bytes value;
    position.digest[0] ^= std::byte{1};
    projector::encode_position(position, value);
    books.views[0][key] = text(value);
    CHECK(findings_with(books.log, books.sealed, books.views).find("view_position") !=
          std::string::npos);
    books.log.shard(Books::kShard).pop_back();
    CHECK(findings_with(books.log, books.sealed, books.views).find("truncated") !=
          std::string::npos);
}

TEST_CASE("views: beside a record that was edited in the log, right rows are no findings") {
    Books books(1);
    const std::size_t end = books.log.shard(Books::kShard).size();
    for (std::size_t i = 5; i < end; i += end / 20) {
        CAPTURE(i);
        RecordList log = books.log;
        Bytes& record = log.shard(Books::kShard)[i];
        const Tag tag = parse_record(record)->tag;
        *std::search(record.begin(), record.end(), tag.begin(), tag.end()) ^= std::byte{1};
        const std::string found = findings_with(log, books.sealed, books.views);
        CAPTURE(found);
        CHECK(std::count(found.begin(), found.end(), '\n') == 1);
    }
}

TEST_CASE(
    "views: each row of each kind that is edited, missing, added or older is one finding" *
    doctest::test_suite("same-threads")) {
    for (const std::uint32_t shards : {1U, 2U}) {
        Books books(shards);
        CAPTURE(shards);
        REQUIRE(findings_with(books.log, books.sealed, books.views) == "");
        for (const auto& row : books.views[0]) {
            const bool is_known = std::ranges::any_of(
                kKinds, [&](const Kind& kind) { return is_of(row, kind.kind); });
            CHECK((is_known || is_of(row, RowKind::position)));
        }
        std::size_t aged = 0;
        for (const Kind& kind : kKinds) {
            CAPTURE(std::string(kind.name));
            const std::vector<std::string> keys = keys_of(books.views[0], kind.kind);
            // Reversals and refunds of what crossed are not among those of two shards.
            if (keys.empty() && shards > 1) continue;
            REQUIRE(!keys.empty());
            for (const Act& act : acts()) {
                CAPTURE(std::string(act.name));
                std::vector<Rows> views = books.views;
                if (!act.act(views[0], books.older[0], kind.kind, keys[keys.size() / 2])) continue;
                if (act.name == std::string("aged")) ++aged;
                const std::string found = findings_with(books.log, books.sealed, views);
                CAPTURE(found);
                CHECK(std::count(found.begin(), found.end(), '\n') == 1);
                CHECK(found.starts_with("shard 0"));
                const bool is_named = found.find(kind.check) != std::string::npos ||
                                      found.find("view_unreadable") != std::string::npos;
                CHECK(is_named);
            }
        }
        CHECK(aged >= 2);  // at least of accounts and holds
    }
}
