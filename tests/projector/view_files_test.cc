#include "events/store/sealed_table.h"
#include "projector/answers/answer_json.h"
#include "projector/queries/books.h"
#include "projector/views/projector.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/support/store_files.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Every question, over a view of which every kind of file was changed in every way, while it is
// open and before it is opened. An answer is the right one, or there is none.

namespace {

using namespace vouch;
using namespace vouch::projector;
using namespace vouch::test;
namespace fs = std::filesystem;

constexpr std::uint64_t kHold = 70'000;
constexpr std::uint64_t kEntry = 71'000;
const LedgerId kLedger(0);
const fs::path kRows = fs::path("0") / "db";  ///< of shard 0, in a directory of views

/// Empty when there is no answer.
using Answer = std::optional<std::string>;

template <class T>
Answer shown(const Result<std::optional<T>>& found) {
    if (!found) return std::nullopt;
    return *found ? to_json(**found) : "unknown";
}

Answer statement(Books& books, std::optional<AccountId> account) {
    StatementQuery query{};
    query.ledger = kLedger;
    query.account = account;
    const Result<StatementPage> page = books.statement(query);
    if (!page) return std::nullopt;
    std::string text;
    for (const StatementRow& row : page->rows) text += to_json(row) + "\n";
    return text;
}

struct Question {
    std::string_view name;
    std::function<Answer(Books&)> ask;
};

const std::vector<Question>& questions() {
    static const std::vector<Question> all = {
        {"balance", [](Books& b) { return shown(b.balance(kLedger, account_id(1))); }},
        {"balance at a time",
         [](Books& b) {
             return shown(b.balance(kLedger, account_id(1), Timestamp(kStart_us + 1)));
         }},
        {"balances",
         [](Books& b) -> Answer {
             std::string text;
             const Status walked =
                 b.balances(std::nullopt, std::nullopt, {}, [&](const AccountBalance& each) {
                     text += to_json(each) + "\n";
                     return true;
                 });
             if (!walked) return std::nullopt;
             return text;
         }},
        {"statement", [](Books& b) { return statement(b, account_id(1)); }},
        {"statement of all", [](Books& b) { return statement(b, std::nullopt); }},
        {"entry", [](Books& b) { return shown(b.entry(kLedger, command_id(kEntry))); }},
        {"hold", [](Books& b) { return shown(b.hold(kLedger, command_id(kHold))); }},
        {"outcome", [](Books& b) { return shown(b.outcome(kLedger, command_id(kEntry))); }},
        {"outcome of what never was",
         [](Books& b) { return shown(b.outcome(kLedger, command_id(9))); }},
        {"trial balance",
         [](Books& b) -> Answer {
             const auto lines = b.trial_balance(kLedger);
             if (!lines) return std::nullopt;
             std::string text;
             for (const TrialBalanceLine& line : *lines) text += to_json(line) + "\n";
             return text;
         }},
    };
    return all;
}

/// Books of one shard, and views of them: as they are, as they were, and another pair of the kind.
struct Viewed {
    /// With amounts that are greater by `more`, and the same keys where a deployment is given.
    explicit Viewed(std::uint64_t more = 0, const Deployment* deployment = nullptr) : more_(more) {
        if (deployment != nullptr) {
            rig.deployment = *deployment;
            rig.keys = make_test_keys(*deployment);
        }
        rig.start();
        rig.open_accounts(3, 1'000'000);
        play(1'000);
        rig.play({place_hold(kHold, 1, 2, 500), transfer(kEntry, 1, 2, 77)});
        // Each opening has a manifest of its own, which it goes on to write.
        (void)open(right);
        put_copy(right, older);
        const auto views = open(right);
        for (const fs::directory_entry& file : fs::directory_iterator(right / kRows)) {
            if (file.path().filename() != "CURRENT")
                fs::copy(file, older / kRows, fs::copy_options::skip_existing);
        }
        REQUIRE(rig.clock.advance(1'000'000));
        play(2'000);
        rig.play({capture(kHold + 1, kHold, 1, 200)});
        rig.stop();
        REQUIRE(views->catch_up_to_end());
        (void)open(twin);
        for (const Question& question : questions()) truth.push_back(ask(*views, question));
        for (const Answer& answer : truth) REQUIRE(answer);
    }

    void play(std::uint64_t first) {
        std::vector<Command> commands;
        for (std::uint64_t i = 0; i < 200; ++i)
            commands.push_back(transfer(first + i, 1 + i % 2, 3, 1'000 + more_ + i));
        rig.play(commands);
    }
    /// Null when the view is refused.
    std::unique_ptr<ShardViews> try_open(const fs::path& directory) {
        // Rows go to tables at once.
        ProjectorOptions options;
        options.bulk_bytes_min = 0;
        auto views = ShardViews::open(rig.log, rig.deployment, rig.keys, directory,
                                      rocks_view_stores(), options);
        // One that is made again is refused, too.
        if (!views || !(*views)->warnings().empty() || !(*views)->catch_up_to_end()) return nullptr;
        return *std::move(views);
    }
    std::unique_ptr<ShardViews> open(const fs::path& directory) {
        auto views = try_open(directory);
        REQUIRE(views);
        return views;
    }
    static Answer ask(ShardViews& views, const Question& question) {
        Result<Books> books = Books::open(views.stores());
        if (!books) return std::nullopt;
        return question.ask(*books);
    }
    StoreCopies copies() const { return {older / kRows, twin / kRows}; }

    HandlerRig rig;
    TemporaryDirectory root;
    fs::path right = root.path() / "right";
    fs::path older = root.path() / "older";
    fs::path twin = root.path() / "twin";
    std::vector<Answer> truth;

private:
    const std::uint64_t more_;
};

/// The rows of another store's table of that name in the place of its own, with their checksums,
/// and none of its tags.
void forge(const fs::path& table, const fs::path& from) {
    REQUIRE(fs::file_size(table) == fs::file_size(from));
    const std::optional<std::uint64_t> size = table_bytes(fs::file_size(from));
    REQUIRE(size);
    std::string rows(*size, '\0');
    REQUIRE(std::ifstream(from, std::ios::binary)
                .read(rows.data(), static_cast<std::streamsize>(*size)));
    std::fstream file(table, std::ios::binary | std::ios::in | std::ios::out);
    REQUIRE(file.write(rows.data(), static_cast<std::streamsize>(*size)).flush());
}

enum class Found {
    harmless,  ///< every answer is the right one
    refused  ///< the view does not open, or a question has no answer; the others have the right one
};

constexpr std::string_view kSame = "it never changes: an older one of its name is the same";

struct ChangedFiles {
    StoreFile file;
    FileAct act;
    Found opened_after;
    Found open_before;
    std::string_view why_harmless;
};

const std::vector<ChangedFiles>& rows() {
    using enum Found;
    using enum FileAct;
    constexpr std::string_view kRead = "read at the opening alone";
    constexpr std::string_view kBehind = "it names earlier tables: the view goes on from the log";
    constexpr std::string_view kHeld = "open files stay what they are";
    constexpr std::string_view kUnread = "nothing is read from it";
    static const std::vector<ChangedFiles> all = {
        {StoreFile::table, flip, refused, refused, ""},
        {StoreFile::table, swap, refused, refused, ""},
        {StoreFile::table, drop, refused, harmless, kHeld},
        {StoreFile::table, older, harmless, harmless, kSame},
        {StoreFile::manifest, flip, refused, harmless, kRead},
        {StoreFile::manifest, swap, refused, harmless, kRead},
        {StoreFile::manifest, drop, refused, harmless, kRead},
        {StoreFile::manifest, older, harmless, harmless, kBehind},
        {StoreFile::current, flip, refused, harmless, kRead},
        {StoreFile::current, swap, refused, harmless, kRead},
        {StoreFile::current, drop, refused, harmless, kRead},
        {StoreFile::current, older, refused, harmless, kRead},
        {StoreFile::options, flip, harmless, harmless, kUnread},
        {StoreFile::options, swap, harmless, harmless, kUnread},
        {StoreFile::options, drop, harmless, harmless, kUnread},
        {StoreFile::options, older, harmless, harmless, kSame},
    };
    return all;
}

/// Asks everything. An answer that is not the right one fails the test.
Found ask_all(Viewed& books, ShardViews* views) {
    if (views == nullptr) return Found::refused;
    Found found = Found::harmless;
    for (std::size_t i = 0; i < questions().size(); ++i) {
        CAPTURE(questions()[i].name);
        const Answer answer = Viewed::ask(*views, questions()[i]);
        if (!answer) found = Found::refused;
        else CHECK(*answer == *books.truth[i]);
    }
    return found;
}

}  // namespace

TEST_CASE("view files: changed in any way, they give the right answers or none") {
    Viewed books;
    const fs::path work = books.root.path() / "work";
    const auto change = [&](const ChangedFiles& row) {
        return change_files(work / kRows, row.file, row.act, books.copies());
    };
    for (const ChangedFiles& row : rows()) {
        CAPTURE(name_of(row.file));
        CAPTURE(name_of(row.act));
        CAPTURE(row.why_harmless);
        put_copy(books.right, work);
        CHECK((change(row) > 0) == (row.why_harmless != kSame));
        CHECK(ask_all(books, books.try_open(work).get()) == row.opened_after);

        put_copy(books.right, work);
        const auto views = books.open(work);
        CHECK((change(row) > 0 || row.act == FileAct::older));
        CHECK(ask_all(books, views.get()) == row.open_before);
    }
}

TEST_CASE("view files: rows that were edited, with checksums that fit them, are no answers") {
    Viewed books;
    Viewed forged(1, &books.rig.deployment);
    REQUIRE(forged.truth != books.truth);
    const fs::path work = books.root.path() / "work";
    put_copy(books.right, work);
    const auto views = books.open(work);
    for (const fs::directory_entry& file : fs::directory_iterator(work / kRows)) {
        if (file.path().extension() == ".sst")
            forge(file.path(), forged.right / kRows / file.path().filename());
    }
    CHECK(ask_all(books, views.get()) == Found::refused);
}
