#include "events/entries/codec.h"
#include "events/log/embedded/recovery.h"
#include "events/log/scrub.h"
#include "events/log/set_aside.h"
#include "events/seal/private_file.h"
#include "events/seal/record_verifier.h"
#include "tools/server/places/backup.h"
#include "tools/server/places/books_witnesses.h"
#include "tools/server/places/directory_origin.h"
#include "tools/server/places/recovery_note.h"
#include "tools/server/places/views.h"
#include "tools/terminal/say.h"
#include "tools/vouch/recorded_acts.h"
#include "tools/vouch/recover_inputs.h"
#include "tools/vouch/subcommands.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace vouch::cli {

namespace {

namespace fs = std::filesystem;

struct RecoverArguments {
    places::DataOptions data;
    std::vector<std::string> accept_loss;
    std::vector<std::string> accept_move;
    bool accept_copy = false;
    std::string asked_by;
};

std::string loss_text(ShardId shard, RecordNumber record) {
    return std::to_string(shard.value()) + ":" + std::to_string(record.value());
}

/// What an operator asks to give up. Intact records go with what is lost only when he names the last.
struct AskedLoss {
    places::AcceptedLoss loss;
    std::optional<RecordNumber> last;
};

/// "SHARD:RECORD" or "SHARD:FIRST-LAST"; empty for anything else.
std::optional<AskedLoss> parse_asked_loss(const std::string& text) {
    const std::size_t dash = text.find('-');
    const std::optional<places::AcceptedLoss> first = places::parse_loss(text.substr(0, dash));
    if (!first) return std::nullopt;
    if (dash == std::string::npos) return AskedLoss{*first, std::nullopt};
    const std::string shard = text.substr(0, text.find(':') + 1);
    const std::optional<places::AcceptedLoss> last =
        places::parse_loss(shard + text.substr(dash + 1));
    if (!last || last->record < first->record) return std::nullopt;
    return AskedLoss{*first, last->record};
}

/// What has to be said to accept it: every shard of which records are known to be lost.
std::string needed_options(const LossReport& report) {
    std::string text;
    for (const ShardId shard : report.losing) {
        const std::size_t i = shard.value();
        text += " --accept-loss " + loss_text(shard, report.ends[i]);
        if (report.intact[i] > 0) text += "-" + std::to_string(report.last_lost[i]->value());
    }
    if (!text.empty()) return text;
    for (std::uint32_t shard = 0; shard < report.ends.size(); ++shard) {
        text += (shard == 0 ? " --accept-loss " : " or --accept-loss ") +
                loss_text(ShardId(shard), report.ends[shard]);
    }
    return text;
}

std::string lost_text(const LossReport& report, std::size_t shard) {
    const std::string name = " of shard " + std::to_string(shard);
    const std::string first = std::to_string(report.ends[shard].value());
    const std::optional<RecordNumber>& last = report.last_lost[shard];
    if (!last) return "no lost record" + name + " is known: it is readable before record " + first;
    std::string text = *last == report.ends[shard]
                           ? "record " + first + name + " is lost, and what may have followed it"
                           : "records " + first + " to at least " + std::to_string(last->value()) +
                                 name + " are lost";
    if (report.intact[shard] > 0) {
        text += "; " + std::to_string(report.intact[shard]) +
                " of them stand intact behind the damage, and are lost only if they are given up";
    }
    return text;
}

void tell(const LossReport& report) {
    terminal::say(report.stop);
    for (std::size_t shard = 0; shard < report.ends.size(); ++shard)
        terminal::say(lost_text(report, shard));
    terminal::say(
        "the best way on is to put the bytes back, from a copy of the disk or directory or from a "
        "cut file: " +
        report.place + ". Then run vouch recover again");
}

/// Adds to each loss the last of the lost records that a witness or its own bytes prove.
void name_known(const LossReport& report, const Deployment& deployment, const EpochKeys& keys,
                std::vector<places::AcceptedLoss>& losses) {
    for (places::AcceptedLoss& loss : losses) {
        if (const auto& seen = report.seen[loss.shard.value()]) {
            loss.known_record = RecordNumber(seen->next_record.value() - 1);
            loss.known_digest = seen->digest;
        }
        const auto& behind = report.behind[loss.shard.value()];
        if (!behind || (loss.known_record && behind->number <= *loss.known_record)) continue;
        RecordVerifier verifier(deployment, loss.shard, &keys);
        const Result<RecordView> record = verifier.verify(behind->number, behind->bytes);
        if (!record) continue;
        loss.known_record = behind->number;
        loss.known_digest = record->digest;
    }
}

/// Whether it is known which shards lost something, and this is none of them.
bool has_lost_nothing(const LossReport& report, ShardId shard) {
    return !report.losing.empty() && std::find(report.losing.begin(), report.losing.end(), shard) ==
                                         report.losing.end();
}

/// What an operator who begins has overlooked, beyond what find_disagreement finds; else empty.
std::string find_oversight(const LossReport& report, const std::vector<AskedLoss>& asked) {
    for (const auto& [loss, last] : asked) {
        const std::size_t shard = loss.shard.value();
        const std::string name = "shard " + std::to_string(shard);
        if (shard >= report.ends.size()) continue;
        if (has_lost_nothing(report, loss.shard)) return name + " has lost nothing that is known";
        if (last && last != report.last_lost[shard])
            return lost_text(report, shard) + ", so not to " + std::to_string(last->value());
        if (!last && report.intact[shard] > 0) {
            return std::to_string(report.intact[shard]) + " records of " + name +
                   " that stand intact behind the damage would be thrown away";
        }
    }
    return "";
}

/// Empty when the operator named exactly what is lost.
std::string find_disagreement(const LossReport& report,
                              const std::vector<places::AcceptedLoss>& losses) {
    const auto names = [&](ShardId shard) {
        return std::any_of(losses.begin(), losses.end(),
                           [&](const places::AcceptedLoss& loss) { return loss.shard == shard; });
    };
    if (losses.empty()) return "nothing was accepted";
    for (const places::AcceptedLoss& loss : losses) {
        if (loss.shard.value() >= report.ends.size())
            return "there is no shard " + std::to_string(loss.shard.value());
        if (loss.record != report.ends[loss.shard.value()]) {
            return "the first record that shard " + std::to_string(loss.shard.value()) +
                   " lost is " + std::to_string(report.ends[loss.shard.value()].value()) +
                   ", not " + std::to_string(loss.record.value());
        }
    }
    for (const ShardId shard : report.losing) {
        if (!names(shard))
            return "shard " + std::to_string(shard.value()) + " has lost records too";
    }
    return "";
}

Result<bool> records_loss(const RecordView& record) {
    Arena arena;
    EventReader events(record.body);
    while (true) {
        const auto bytes = events.next();
        if (!bytes) return bytes.error();
        if (!*bytes) return false;
        const Result<Event> event = decode_event(**bytes, arena);
        if (!event) return event.error();
        if (std::holds_alternative<TailLost>(*event)) return true;
    }
}

/// What became of a loss since a recovery began that gives it up.
enum class Became {
    lost,             ///< nothing: it is still to be given up
    recorded,         ///< its shard has recorded it
    put_back,         ///< all that is known of it can be read again
    put_back_in_part  ///< the log goes on, and ends before the last record that is known
};

Result<Became> what_became(LogReader& log, const Deployment& deployment, const EpochKeys& keys,
                           const LossReport& report, const places::AcceptedLoss& loss) {
    if (loss.shard.value() >= report.ends.size()) return Became::lost;
    const RecordNumber end = report.ends[loss.shard.value()];
    if (end <= loss.record) return Became::lost;
    RecordVerifier verifier(deployment, loss.shard, &keys);
    std::vector<StoredRecord> stored;
    const auto read = [&](RecordNumber number) -> Result<RecordView> {
        stored.clear();
        if (Status done = log.read_records(loss.shard, number, 1, stored); !done)
            return done.error();
        if (stored.empty()) return verifier.corrupt(number, "is gone");
        return verifier.verify(number, stored.front().bytes);
    };
    const Result<RecordView> first = read(loss.record);
    if (!first) return first.error();
    const Result<bool> recorded = records_loss(*first);
    if (!recorded) return recorded.error();
    if (*recorded) return Became::recorded;
    if (!loss.known_record) return Became::put_back;
    if (end <= *loss.known_record) return Became::put_back_in_part;
    const Result<RecordView> known = read(*loss.known_record);
    if (!known) return known.error();
    if (known->digest == loss.known_digest) return Became::put_back;
    return verifier.corrupt(*loss.known_record, "is not the one that was lost: expected digest " +
                                                    short_hex(loss.known_digest) + ", found " +
                                                    short_hex(known->digest));
}

/// Takes out of a recovery that was begun what is not lost any more. Of what was put back in part
/// the rest is given up only if that is asked for now; otherwise says so, and is false.
Result<bool> take_up(const places::DataDirectory& data, const EmbeddedLogOptions& options,
                     const EpochKeys& keys, const LossReport& report,
                     const std::vector<AskedLoss>& asked,
                     std::vector<places::AcceptedLoss>& losses) {
    // A log that stops has recorded nothing since, and one with damage in its midst opens for nobody.
    if (!report.stop.empty()) return true;
    const auto log = EmbeddedLogReader::open(options);
    if (!log) return log.error();
    bool is_clear = true;
    std::vector<places::AcceptedLoss> left;
    for (places::AcceptedLoss& loss : losses) {
        const Result<Became> became = what_became(**log, data.deployment(), keys, report, loss);
        if (!became) return became.error();
        if (*became == Became::recorded || *became == Became::put_back) continue;
        if (*became == Became::put_back_in_part) {
            loss.record = report.ends[loss.shard.value()];
            const bool is_asked = std::any_of(asked.begin(), asked.end(), [&](const AskedLoss& each) {
                return each.loss.shard == loss.shard && each.loss.record == loss.record;
            });
            if (!is_asked) {
                terminal::say(
                    "records " + std::to_string(loss.record.value()) + " to at least " +
                    std::to_string(loss.known_record->value()) + " of shard " +
                    std::to_string(loss.shard.value()) +
                    " are still lost; nothing was changed. Put them back too, or, to give them up "
                    "for good: --accept-loss " +
                    loss_text(loss.shard, loss.record) + " --by NAME");
                is_clear = false;
            }
        }
        left.push_back(loss);
    }
    losses = std::move(left);
    return is_clear;
}

/// What has seen a lost record is evidence, and made again from the log.
Status set_witnesses_aside(const places::DataDirectory& data, const EpochKeys& keys,
                           const std::vector<RecordNumber>& ends) {
    places::BooksWitnesses witnesses(data.shards(), data.views(), keys, data.deployment().shards);
    for (std::uint32_t shard = 0; shard < ends.size(); ++shard) {
        while (const auto path = witnesses.path_beyond(ShardId(shard), ends[shard])) {
            const Result<SetAside> aside = set_aside(*path, "before-loss");
            if (!aside) return aside.error();
            terminal::say("set aside " + aside->path.string());
        }
    }
    return {};
}

/// Lets each shard record what it lost.
Status record_losses(const places::DataDirectory& data, const EpochKeys& keys,
                     const places::RecoveryNote& note, const std::string& accept_clock) {
    command_handler::HandlerOptions acts;
    acts.asked_by = note.asked_by;
    if (!accept_clock.empty()) acts.accept_clock = accept_clock;
    acts.tail_lost = note.losses;
    return record_acts(data, keys, std::move(acts));
}

/// From the note on, whatever happens, the same is done again until it is done.
Status finish(const places::DataDirectory& data, const EpochKeys& keys,
              const EmbeddedLogOptions& options, const places::DataOptions& given,
              const places::RecoveryNote& note) {
    if (Status made = create_private_directories(data.views()); !made) return made;
    const Result<places::FileLock> views =
        places::FileLock::take(data.views() / "lock", places::kViewsWaitMax);
    if (!views) return views.error();
    const Result<LossReport> report = examine_loss(options);
    if (!report) return report.error();
    if (!report->stop.empty()) {
        const Result<std::vector<std::string>> kept = cut_lost(options);
        if (!kept) return kept.error();
        for (const std::string& file : *kept) terminal::say("what was cut is kept in " + file);
        if (Status moved = set_witnesses_aside(data, keys, report->ends); !moved) return moved;
    }
    if (Status recorded = record_losses(data, keys, note, given.accept_clock); !recorded)
        return recorded;
    return places::remove_recovery_note(given.directory);
}

/// A log of which a whole file is gone or is none: nothing of it can be read behind that.
Fault with_way_on(Fault fault) {
    if (fault.code == FaultCode::corrupt) {
        fault.message +=
            ". Nothing was changed, and this cannot be given up. Put that file back, whole, from a "
            "copy of the disk or directory, and keep what is there now; a file that never was one "
            "of this log's (log/newest names its last one) is moved away instead. Then run vouch "
            "recover again";
    }
    if (fault.message.ends_with(" is gone"))
        fault.message += ". Put it back from a copy, and keep what is here; nothing was changed";
    return fault;
}

/// Of a log whose end is whole: what lies before it cannot be given up, only put back.
ExitCode verify_all(const places::DataDirectory& data, const EmbeddedLogOptions& options,
                    const EpochKeys& keys, const std::string& torn) {
    const auto log = EmbeddedLogReader::open(options);
    if (!log) return fail(with_way_on(log.error()));
    if (torn.empty()) {
        terminal::say("the log's end is whole; reading all before it");
    } else {
        terminal::say(
            torn + "; the next start copies it beside the log and cuts it. Reading all before it");
    }
    Scrub scrub(**log, data.deployment(), keys,
                [](const RottenRecord& rotten) { terminal::say(rotten.text()); });
    while (scrub.rounds() == 0) {
        if (Status read = scrub.step(); !read) return fail(read.error());
    }
    const std::vector<RottenRecord> all = scrub.rotten();
    const auto rotten = static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [](const RottenRecord& r) { return !r.is_beside; }));
    if (rotten == 0) {
        terminal::say("every record of the log is what was written");
        if (!all.empty())
            terminal::say("beside records something has changed; none of them is lost by it");
        return ExitCode::done;
    }
    terminal::say(
        (rotten < Scrub::kRottenMax ? std::to_string(rotten)
                                    : "at least " + std::to_string(rotten)) +
        " records are not what was written. They cannot be given up: what follows hangs on them. "
        "Nothing was changed. While nobody writes, put the files that are named back from a copy, "
        "whole (all but the newest segment never change), and run vouch recover again, which "
        "verifies them");
    return ExitCode::findings;
}

/// Books that were copied or moved here: from now on they are the ones that are written.
ExitCode take_copy(const places::DataDirectory& data, const std::string& asked_by) {
    if (data.kafka()) {
        terminal::say(
            "--accept-copy: the log of these books is on Kafka, and copies of their directory "
            "share it");
        return ExitCode::configuration;
    }
    const Result<bool> taken = places::accept_copy(data, asked_by);
    if (!taken) return fail(taken.error());
    terminal::say(*taken ? "noted: these books are no copy any more, and open again"
                         : "nothing was accepted: these books are no copy that is known");
    return *taken ? ExitCode::done : ExitCode::refused;
}

ExitCode recover(const RecoverArguments& arguments) {
    std::vector<AskedLoss> asked;
    std::vector<places::AcceptedLoss> losses;
    for (const std::string& text : arguments.accept_loss) {
        const std::optional<AskedLoss> loss = parse_asked_loss(text);
        if (!loss) {
            terminal::say(
                "--accept-loss: expected SHARD:RECORD or SHARD:FIRST-LAST, numbers, found " + text);
            return ExitCode::usage;
        }
        asked.push_back(*loss);
        losses.push_back(loss->loss);
    }
    std::vector<command_handler::MovedInput> moves;
    for (const std::string& text : arguments.accept_move) {
        std::optional<command_handler::MovedInput> move = command_handler::parse_move(text);
        if (!move) {
            terminal::say(
                "--accept-move: expected SHARD:commands:FROM:TO or SHARD:steps:FROM:TO, found " +
                text);
            return ExitCode::usage;
        }
        moves.push_back(std::move(*move));
    }
    const bool accepts = !losses.empty() || !moves.empty() || arguments.accept_copy;
    if (accepts && arguments.asked_by.empty()) {
        terminal::say(
            "--accept-loss, --accept-move and --accept-copy go with --by NAME: who accepts it is "
            "recorded");
        return ExitCode::usage;
    }
    const Result<places::DataDirectory> data = places::DataDirectory::open(arguments.data);
    if (!data) return fail(data.error());
    if (const Status books = places::check_no_backup(data->directory()); !books)
        return fail(books.error());
    if (arguments.accept_copy) return take_copy(*data, arguments.asked_by);
    const Result<EpochKeys> keys = data->keys();
    if (!keys) return fail(keys.error());
    if (data->kafka()) {
        if (losses.empty())
            return recover_inputs(*data, *keys, moves, arguments.asked_by, arguments.data.accept_clock);
        terminal::say(
            "--accept-loss: the log of these books is on Kafka, which keeps its own copies; "
            "nothing "
            "is cut there");
        return ExitCode::configuration;
    }
    if (!moves.empty()) {
        terminal::say("--accept-move: the log of these books is in files, and keeps no inputs");
        return ExitCode::configuration;
    }
    places::BooksWitnesses witnesses(data->shards(), data->views(), *keys,
                                     data->deployment().shards);
    const EmbeddedLogOptions options{.directory = data->log().string(),
                                     .shard_count = data->deployment().shards,
                                     .create = false,
                                     .witnesses = &witnesses};
    const fs::path& directory = arguments.data.directory;
    Result<std::optional<places::RecoveryNote>> note = places::read_recovery_note(directory);
    if (!note) return fail(note.error());
    // What was begun is looked at again: the log may have changed since.
    const bool was_begun = note->has_value();
    if (was_begun) losses = (*note)->losses;
    const Result<LossReport> report = examine_loss(options);
    if (!report) return fail(with_way_on(report.error()));
    if (report->stop.empty() && !was_begun) {
        const ExitCode verified = verify_all(*data, options, *keys, report->torn);
        if (verified != ExitCode::done || asked.empty()) return verified;
        terminal::say("nothing was accepted: no shard has lost its end");
        return ExitCode::refused;
    }
    if (was_begun) {
        const Result<bool> is_clear = take_up(*data, options, *keys, *report, asked, losses);
        if (!is_clear) return fail(with_way_on(is_clear.error()));
        if (!*is_clear) return ExitCode::findings;
    }
    if (was_begun && losses.empty()) {
        if (Status removed = places::remove_recovery_note(directory); !removed)
            return fail(removed.error());
        terminal::say(
            "nothing is left to recover: the records are back, or their loss is recorded");
        return ExitCode::done;
    }
    if (!report->stop.empty()) tell(*report);
    if (!report->refused.empty()) {
        terminal::say("the loss cannot be accepted: " + report->refused);
        return ExitCode::refused;
    }
    if (const std::string wrong = find_disagreement(*report, losses); !wrong.empty()) {
        terminal::say(
            wrong + "; nothing was changed. " +
            (was_begun ? "The recovery that was begun gave up something else; to begin another, "
                         "move aside " +
                             (directory / "recovery").string() + ". "
                       : std::string()) +
            "To give it up for good:" + needed_options(*report) + " --by NAME");
        return ExitCode::findings;
    }
    if (Status original = places::check_is_original(*data); !original)
        return fail(original.error());
    if (!was_begun) {
        const std::string overlooked = find_oversight(*report, asked);
        if (!overlooked.empty()) {
            terminal::say(overlooked + "; nothing was changed. To give it up for good:" +
                          needed_options(*report) + " --by NAME");
            return ExitCode::refused;
        }
        name_known(*report, data->deployment(), *keys, losses);
        note->emplace(places::RecoveryNote{arguments.asked_by, std::move(losses)});
        if (Status written = places::write_recovery_note(directory, **note); !written)
            return fail(written.error());
    } else if ((*note)->losses != losses) {
        (*note)->losses = std::move(losses);
        if (Status written = places::replace_recovery_note(directory, **note); !written)
            return fail(written.error());
    }
    if (Status finished = finish(*data, *keys, options, arguments.data, **note); !finished)
        return fail(finished.error());
    terminal::say("the loss is recorded; these books open again");
    return ExitCode::done;
}

}  // namespace

void add_recover(CLI::App& app, ExitCode& exit) {
    auto arguments = std::make_shared<RecoverArguments>();
    CLI::App* const command =
        app.add_subcommand("recover", "What to do about books that stop because records are lost");
    command->description(
        "Says what keeps the books of DIR from opening: records that are lost, or inputs on Kafka\n"
        "that do not go on where their shards stopped reading. Reads all of a log in files whose end\n"
        "is whole and says which records are not what was written, and in which file. Changes\n"
        "nothing.\n"
        "With --accept-loss, for each shard that lost records, it gives them up for good: copies\n"
        "what is left of them to files cut-* beside the log, sets aside stores and views that have\n"
        "seen them, and records the loss and who accepted it in each shard. Whoever was told of a\n"
        "lost record is not told otherwise: that is for people to mend. Better ways, where there "
        "are\n"
        "any: put the bytes back, from a copy of the disk or from a cut file at its byte.\n"
        "With --accept-move, for each such input, its shard goes on from the first message that is\n"
        "there, and records that and who accepted it. Commands in between are lost, unless their\n"
        "producers send them again; what is read twice is a repeat; steps are built again.\n"
        "With --accept-copy, books that were copied or moved to DIR are written there from now\n"
        "on: nobody may write to the original any more.");
    add_data_options(*command, arguments->data);
    add_clock_option(*command, arguments->data);
    command
        ->add_option("--accept-loss", arguments->accept_loss,
                     "First lost record of a shard; with the last one that is known where intact\n"
                     "records would be given up too; once for each shard that lost some")
        ->type_name("SHARD:RECORD[-LAST]");
    command
        ->add_option("--accept-move", arguments->accept_move,
                     "On Kafka: an input (commands or steps), the offset that is wanted there, and "
                     "the first that there is")
        ->type_name("SHARD:INPUT:FROM:TO");
    command
        ->add_flag("--accept-copy", arguments->accept_copy,
                   "These books are a copy whose original is gone")
        ->excludes("--accept-loss")
        ->excludes("--accept-move");
    constexpr std::size_t kNameBytesMax = 64;
    command->add_option("--by", arguments->asked_by, "Who accepts it, 1 to 64 bytes")
        ->check([](const std::string& name) {
            const bool is_plain = std::none_of(name.begin(), name.end(), [](unsigned char c) {
                return std::iscntrl(c) != 0;
            });
            return is_plain && name.size() <= kNameBytesMax && !name.empty()
                       ? std::string()
                       : std::string("expected 1 to 64 bytes without control characters");
        })
        ->type_name("NAME");
    command->footer(
        "Example:\n"
        "  vouch recover --data books\n"
        "  vouch recover --data books --accept-loss 0:18 --by alice\n"
        "  vouch recover --data books --accept-move 0:commands:812:900 --by alice\n"
        "  vouch recover --data books --accept-copy --by alice\n"
        "Exit codes: 0 all is whole or what was accepted is recorded, 1 something is lost or changed, "
        "5 nothing was\naccepted: it cannot be, more would be lost than was named, or nothing is lost.");
    command->callback([arguments, &exit] { exit = recover(*arguments); });
}

}  // namespace vouch::cli
