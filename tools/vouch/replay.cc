#include "reconciler/replay/replay.h"

#include "events/json_writer.h"
#include "events/printable_text.h"
#include "events/read_number.h"
#include "projector/views/projector.h"
#include "reconciler/verdict/verdict.h"
#include "tools/server/places/books_log.h"
#include "tools/server/places/data_directory.h"
#include "tools/server/places/known_ends.h"
#include "tools/terminal/progress.h"
#include "tools/terminal/say.h"
#include "tools/vouch/audited_log.h"
#include "tools/vouch/kept_head.h"
#include "tools/vouch/subcommands.h"
#include "tools/vouch/view_rows_reader.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace vouch::cli {

namespace {

struct ReplayArguments {
    AuditOptions audit;
    std::filesystem::path expect;
    std::filesystem::path since;
    std::vector<std::string> until;
    bool views = false;
    bool inputs = false;
    bool json = false;
    unsigned threads = 0;
};

/// A writer that merges files removes those that stood in the list of them a moment ago.
constexpr int kOpeningsMax = 5;
constexpr std::chrono::milliseconds kOpeningPause{50};

Result<std::unique_ptr<projector::ViewStore>> open_view(const std::filesystem::path& directory,
                                                        const SecretKey& key) {
    for (int opening = 1;; ++opening) {
        Result<std::unique_ptr<projector::ViewStore>> store =
            projector::rocks_view_stores().open_to_read(directory, key);
        if (store || opening == kOpeningsMax) return store;
        std::this_thread::sleep_for(kOpeningPause);
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
        std::vector<std::pair<ShardId, Fault>> faults;
        for (std::uint32_t i = 0; i < data.deployment().shards; ++i) {
            const std::filesystem::path directory = data.views() / std::to_string(i);
            std::error_code error;
            if (!std::filesystem::exists(directory / "db", error)) {
                files.stores_.emplace_back();
                continue;
            }
            auto store = open_view(directory, projector::view_key(*keys, ShardId(i)));
            // A creation that was cut off leaves no rows and no file that names them.
            const bool is_begun = !store && store.error().code == FaultCode::configuration &&
                                  !std::filesystem::exists(directory / "db" / "CURRENT", error);
            if (!store && !is_begun) {
                if (store.error().code != FaultCode::corrupt) return store.error();
                faults.emplace_back(ShardId(i), store.error());
            }
            files.stores_.push_back(store ? *std::move(store) : nullptr);
        }
        files.rows_ = ViewRowsReader::open(data.deployment(), files.stores());
        for (auto& [shard, fault] : faults) files.rows_->miss(shard, std::move(fault));
        return files;
    }

    ViewRowsReader& rows() { return *rows_; }

private:
    std::vector<projector::ViewStore*> stores() const {
        std::vector<projector::ViewStore*> all;
        for (const auto& each : stores_) all.push_back(each.get());
        return all;
    }

    std::vector<std::unique_ptr<projector::ViewStore>> stores_;  // before their rows
    std::unique_ptr<ViewRowsReader> rows_;
};

/// Of a log that cannot be read at all: what reads the report finds its finding there.
ExitCode fail_unopened(const ReplayArguments& arguments, const Fault& fault) {
    if (fault.code != FaultCode::corrupt || !arguments.json) return fail(fault);
    JsonWriter finding;
    finding.open_object().member("kind", "finding");
    finding.member("check", to_text(reconciler::Check::unreadable));
    finding.member("message", fault.message).close_object();
    JsonWriter last;
    last.open_object().member("kind", "replay").flag("clean", false);
    last.member("findings", std::uint64_t{1}).key("state_digest").raw("null").close_object();
    const Status printed = terminal::print(finding.take() + '\n' + last.take() + '\n');
    return fail(printed ? fault : printed.error());
}

/// Replays, prints the report; findings are exit code 1.
ExitCode report_replay(const ReplayArguments& arguments, const AuditedLog& audited,
                       reconciler::ReplayOptions options) {
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
    const Result<reconciler::ReplayReport> report =
        reconciler::replay(audited.log(), audited.deployment(), options);
    if (!report) return fail_unopened(arguments, report.error());
    const Status printed =
        terminal::print(arguments.json ? reconciler::to_json_lines(*report)
                                       : printable_lines(reconciler::to_text(*report)));
    if (!printed) return fail(printed.error());
    if (!report->is_clean()) return ExitCode::findings;
    return reconciler::is_proven(*report) ? ExitCode::done : ExitCode::unchecked;
}

reconciler::ViewPosition position_of(std::uint32_t shard, const LogWitness& witness) {
    reconciler::ViewPosition position{ShardId(shard), witness.next_record, witness.digest};
    position.who = witness.who;
    return position;
}

/// Who has seen what of the books, and who has seen more than can be read.
Status ask_witnesses(const AuditedLog& audited, reconciler::ReplayOptions& options) {
    const places::DataDirectory& data = *audited.data;
    if (audited.keys() != nullptr) {
        const Result<places::KnownEnds> known =
            places::ask_about_ends(data, audited.log(), *audited.keys());
        if (!known) return known.error();
        options.is_end_known = known->doubt.empty();
        options.end_doubt = known->doubt;
        for (std::uint32_t shard = 0; shard < known->seen.size(); ++shard) {
            for (const places::BooksWitness& each : known->seen[shard]) {
                if (each.seen.next_record.value() > 0)
                    options.positions.push_back(position_of(shard, each.seen));
            }
        }
    }
    const auto seen = places::seen_beyond(data, audited.log(), audited.keys());
    if (!seen) return seen.error();
    for (std::uint32_t shard = 0; shard < seen->size(); ++shard) {
        if (const auto& witness = (*seen)[shard]) {
            terminal::say(witness->who + " has seen more than can be read; " +
                          places::way_on(data));
            options.positions.push_back(position_of(shard, *witness));
        }
    }
    return {};
}

/// Why these options do not go together; empty when they do.
std::string wrong_options(const ReplayArguments& arguments) {
    if (!arguments.audit.archive.empty() && arguments.views) return "--views goes with --data";
    if (!arguments.until.empty() && arguments.views)
        return "--until goes without --views: a view stands where it is";
    return wrong_audit_options(arguments.audit);
}

/// SHARD:RECORD
Result<std::vector<reconciler::LastRecord>> read_until(const std::vector<std::string>& texts) {
    std::vector<reconciler::LastRecord> until;
    for (const std::string& text : texts) {
        const std::size_t colon = std::min(text.find(':'), text.size());
        std::uint32_t shard = 0;
        std::uint64_t record = 0;
        if (colon == text.size() || !read_number(std::string_view(text).substr(0, colon), shard) ||
            !read_number(std::string_view(text).substr(colon + 1), record)) {
            return Fault{FaultCode::configuration,
                         "--until: expected SHARD:RECORD, found " + text};
        }
        until.push_back({ShardId(shard), RecordNumber(record)});
    }
    return until;
}

/// `configuration` for an archive of other books.
Result<std::unique_ptr<reconciler::ArchiveReader>> open_since(const std::filesystem::path& file,
                                                              const Deployment& deployment) {
    Result<std::unique_ptr<reconciler::ArchiveReader>> since =
        reconciler::ArchiveReader::open(file);
    if (!since) return since;
    const Deployment& found = (*since)->deployment();
    if (found.id == deployment.id && found.genesis_tag == deployment.genesis_tag) return since;
    return Fault{FaultCode::configuration,
                 file.string() + ": of other books: deployment expected " +
                     id_text(deployment.id) + ", found " + id_text(found.id)};
}

ExitCode replay(const ReplayArguments& arguments) {
    if (const std::string wrong = wrong_options(arguments); !wrong.empty()) {
        terminal::say("replay: " + wrong);
        return ExitCode::usage;
    }
    const Result<AuditedLog> audited = open_audited_log(arguments.audit);
    if (!audited) return fail_unopened(arguments, audited.error());
    reconciler::ReplayOptions options;
    options.keys = audited->keys();
    options.inputs = arguments.inputs;
    options.archive = audited->archive.get();
    if (!arguments.expect.empty()) {
        Result<std::vector<reconciler::KeptRecord>> kept =
            read_kept_head(arguments.expect, audited->deployment());
        if (!kept) return fail(kept.error());
        options.kept = std::move(*kept);
    }
    std::unique_ptr<reconciler::ArchiveReader> since;
    if (!arguments.since.empty()) {
        auto opened = open_since(arguments.since, audited->deployment());
        if (!opened) return fail(opened.error());
        since = std::move(*opened);
        options.since = since.get();
    }
    Result<std::vector<reconciler::LastRecord>> until = read_until(arguments.until);
    if (!until) return fail(until.error());
    options.until = std::move(*until);
    if (audited->data) {
        if (Status asked = ask_witnesses(*audited, options); !asked)
            return fail_unopened(arguments, asked.error());
    }
    if (!arguments.views) return report_replay(arguments, *audited, std::move(options));

    Result<ViewFiles> views = ViewFiles::open(*audited->data);
    if (!views) return fail(views.error());
    options.views = &views->rows();
    return report_replay(arguments, *audited, std::move(options));
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
    add_audit_options(*command, arguments->audit);
    command
        ->add_option("--expect", arguments->expect,
                     "A head that was kept (vouch head --json): the log must have its records")
        ->type_name("HEAD");
    command
        ->add_option("--since", arguments->since,
                     "An archive that was kept: the log must begin with it, record for record")
        ->type_name("FILE");
    command
        ->add_option("--until", arguments->until,
                     "Read this shard to this record and no further (repeatable)")
        ->type_name("SHARD:RECORD");
    command->add_flag("--views", arguments->views,
                      "Compare the views too, row by row, each at its own position");
    command->add_flag("--inputs", arguments->inputs,
                      "Hold the commands on their topic against the records: each has its event");
    command->add_option("--threads", arguments->threads, "Threads (one for each core)")
        ->type_name("N");
    command->add_flag("--json", arguments->json, "Print JSON, one object a line");
    command->footer(
        "Example:\n  vouch replay --data books\n  vouch replay --archive books.archive --keys "
        "books\n"
        "Exit codes: 1 findings; 6 there are none, but not everything could be checked: there were "
        "no keys,\nnobody could be asked whether records are missing at the end, a view's files "
        "lack rows,\nor commands that were sent (--inputs) are not kept.");
    command->callback([arguments, &exit] { exit = replay(*arguments); });
}

}  // namespace vouch::cli
