#include "reconciler/replay/replay.h"

#include "events/seal/key_store.h"
#include "projector/views/projector.h"
#include "reconciler/archive/archive.h"
#include "tools/server/places/books_log.h"
#include "tools/server/places/data_directory.h"
#include "tools/server/places/passphrase_file.h"
#include "tools/terminal/progress.h"
#include "tools/terminal/say.h"
#include "tools/vouch/subcommands.h"
#include "tools/vouch/view_rows_reader.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vouch::cli {

namespace {

struct ReplayArguments {
    places::DataOptions data;
    std::filesystem::path archive;
    std::filesystem::path keys;
    bool without_keys = false;
    bool views = false;
    bool json = false;
    unsigned threads = 0;
};

/// A writer that merges files removes those that stood in the list of them a moment ago.
constexpr int kOpeningsMax = 5;

Result<std::unique_ptr<projector::ViewStore>> open_view(const std::filesystem::path& directory,
                                                        const SecretKey& key) {
    for (int opening = 1;; ++opening) {
        Result<std::unique_ptr<projector::ViewStore>> store =
            projector::rocks_view_stores().open_to_read(directory, key);
        if (store || opening == kOpeningsMax) return store;
    }
}

/// Views as their files are, whoever writes them: a view that is behind is compared up to where it
/// stands.
class ViewFiles {
public:
    static Result<ViewFiles> open(const places::DataDirectory& data) {
        const Result<EpochKeys> keys = data.keys();
        if (!keys) return keys.error();
        ViewFiles files;
        for (std::uint32_t i = 0; i < data.deployment().shards; ++i) {
            const std::filesystem::path directory = data.views() / std::to_string(i);
            std::error_code error;
            if (!std::filesystem::exists(directory / "db", error)) {
                files.stores_.emplace_back();
                continue;
            }
            auto store = open_view(directory, projector::view_key(*keys, ShardId(i)));
            if (!store) return store.error();
            files.stores_.push_back(*std::move(store));
        }
        Result<std::unique_ptr<ViewRowsReader>> rows =
            ViewRowsReader::open(data.deployment(), files.stores());
        if (!rows) return rows.error();
        files.rows_ = *std::move(rows);
        return files;
    }

    ViewRowsReader& rows() { return *rows_; }

    /// Says what stands in the log and not in the files yet, so that nobody takes it for compared.
    Status say_what_is_behind(LogReader& log) {
        for (std::uint32_t i = 0; i < stores_.size(); ++i) {
            const Result<RecordNumber> end = log.end(ShardId(i));
            if (!end) return end.error();
            const std::optional<projector::ViewPosition> at =
                stores_[i] ? stores_[i]->position() : std::nullopt;
            const RecordNumber next = at ? at->next_record : RecordNumber(0);
            if (next >= *end) continue;
            terminal::say("the files of shard " + std::to_string(i) + "'s view hold " +
                          std::to_string(next.value()) + " of " + std::to_string(end->value()) +
                          " records; only these are compared");
        }
        return {};
    }

private:
    std::vector<projector::ViewStore*> stores() const {
        std::vector<projector::ViewStore*> all;
        for (const auto& each : stores_) all.push_back(each.get());
        return all;
    }

    std::vector<std::unique_ptr<projector::ViewStore>> stores_;  // before their rows
    std::unique_ptr<ViewRowsReader> rows_;
};

/// Replays, prints the report; findings are exit code 1.
ExitCode report_replay(const ReplayArguments& arguments, LogReader& log,
                       const Deployment& deployment, reconciler::ReplayOptions options) {
    terminal::Progress progress("replay", "events");
    options.threads = arguments.threads;
    options.progress = [&](const reconciler::ReplayProgress& done) {
        // Records say how far it is; events are what people count.
        const std::uint64_t total =
            done.records == 0
                ? 0
                : static_cast<std::uint64_t>(static_cast<double>(done.events) /
                                             static_cast<double>(done.records) *
                                             static_cast<double>(done.records_expected));
        progress.show(done.events, total);
    };
    const Result<reconciler::ReplayReport> report = reconciler::replay(log, deployment, options);
    if (!report) return fail(report.error());
    const Status printed = terminal::print(arguments.json ? reconciler::to_json_lines(*report)
                                                          : reconciler::to_text(*report));
    if (!printed) return fail(printed.error());
    if (!report->is_clean()) return ExitCode::findings;
    const bool is_all_known = report->macs == reconciler::MacStatus::checked &&
                              report->tail != reconciler::TailStatus::unknown;
    return is_all_known ? ExitCode::done : ExitCode::refused;
}

ExitCode replay_data(const ReplayArguments& arguments) {
    const Result<places::DataDirectory> data = places::DataDirectory::open(arguments.data);
    if (!data) return fail(data.error());
    std::optional<EpochKeys> keys;
    if (!arguments.without_keys) {
        Result<EpochKeys> read = data->keys();
        if (!read) return fail(read.error());
        keys.emplace(std::move(*read));
    }
    const Result<std::unique_ptr<LogReader>> log = places::read_log(*data, keys ? &*keys : nullptr);
    if (!log) return fail(log.error());
    reconciler::ReplayOptions options;
    options.keys = keys ? &*keys : nullptr;
    options.witnesses_asked = keys.has_value();
    const auto seen = places::seen_beyond(*data, **log, options.keys);
    if (!seen) return fail(seen.error());
    for (std::uint32_t shard = 0; shard < seen->size(); ++shard) {
        if (const auto& witness = (*seen)[shard]) {
            terminal::say(witness->who + " has seen more than can be read; vouch recover --data " +
                          arguments.data.directory.string() + " says what to do");
            options.positions.push_back({ShardId(shard), witness->next_record, witness->digest});
        }
    }
    if (!arguments.views)
        return report_replay(arguments, **log, data->deployment(), std::move(options));

    Result<ViewFiles> views = ViewFiles::open(*data);
    if (!views) return fail(views.error());
    if (Status said = views->say_what_is_behind(**log); !said) return fail(said.error());
    options.views = &views->rows();
    return report_replay(arguments, **log, data->deployment(), std::move(options));
}

ExitCode replay_archive(const ReplayArguments& arguments) {
    const Result<std::unique_ptr<reconciler::ArchiveReader>> archive =
        reconciler::ArchiveReader::open(arguments.archive);
    if (!archive) return fail(archive.error());
    const Deployment& deployment = (*archive)->deployment();
    std::optional<EpochKeys> keys;
    if (!arguments.keys.empty()) {
        const bool is_directory = std::filesystem::is_directory(arguments.keys);
        const Result<std::filesystem::path> passphrase =
            places::passphrase_file(arguments.data.passphrase_file, deployment.id);
        if (!passphrase) return fail(passphrase.error());
        FileKeyStore store(is_directory ? arguments.keys / "keys" : arguments.keys, *passphrase);
        Result<SecretKey> root = store.root(deployment.id);
        if (!root) return fail(root.error());
        keys.emplace(std::move(*root), deployment);
    }
    reconciler::ReplayOptions options;
    options.keys = keys ? &*keys : nullptr;
    options.archive = archive->get();
    return report_replay(arguments, **archive, deployment, std::move(options));
}

ExitCode replay(const ReplayArguments& arguments) {
    const bool has_archive = !arguments.archive.empty();
    if (has_archive == !arguments.data.directory.empty()) {
        terminal::say("replay: give --data or --archive, one of them");
        return ExitCode::usage;
    }
    if (has_archive && (arguments.views || arguments.without_keys)) {
        terminal::say(
            "replay: --views and --without-keys go with --data; an archive is read without keys "
            "unless --keys is given");
        return ExitCode::usage;
    }
    if (!has_archive && !arguments.keys.empty()) {
        terminal::say(
            "replay: --keys goes with --archive; with --data the directory's own keys are used");
        return ExitCode::usage;
    }
    return has_archive ? replay_archive(arguments) : replay_data(arguments);
}

}  // namespace

void add_replay(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<ReplayArguments>();
    CLI::App* const command = app.add_subcommand("replay", "Verify a whole log or archive");
    command->description(
        "Checks every record, event, claimed balance, limit, hold and id, and the MAC chain, with "
        "code of its\n"
        "own; prints findings, the trial balance and a state digest. Works beside a running "
        "writer.");
    add_data_options(*command, arguments->data);
    command->get_option("--data")->required(false);
    command->add_option("--archive", arguments->archive, "An exported archive instead")
        ->type_name("FILE");
    command
        ->add_option("--keys", arguments->keys, "Keys for an archive: a data directory or key file")
        ->type_name("DIR|FILE");
    command->add_flag("--without-keys", arguments->without_keys, "Check everything but the MACs");
    command->add_flag("--views", arguments->views,
                      "Compare the views too, row by row, each at its own position");
    command->add_option("--threads", arguments->threads, "Threads (one for each core)")
        ->type_name("N");
    command->add_flag("--json", arguments->json, "Print JSON, one object a line");
    command->footer(
        "Example:\n  vouch replay --data books\n  vouch replay --archive books.archive --keys "
        "books\n"
        "Exit codes: 1 findings; 5 there are none, but seals were not checked, for want of keys, or\n"
        "nobody could be asked whether records are missing at the end.");
    command->callback([arguments, &exit] { exit = replay(*arguments); });
}

}  // namespace vouch::cli
