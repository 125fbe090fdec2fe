#include "tools/vouch/recover_log.h"

#include "events/entries/codec.h"
#include "events/log/embedded/recovery.h"
#include "events/log/scrub.h"
#include "events/log/set_aside.h"
#include "events/seal/private_file.h"
#include "events/seal/record_verifier.h"
#include "tools/server/places/books_witnesses.h"
#include "tools/server/places/directory_origin.h"
#include "tools/server/places/known_ends.h"
#include "tools/server/places/views.h"
#include "tools/terminal/say.h"
#include "tools/vouch/recorded_acts.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <utility>

namespace vouch::cli {

namespace {

namespace fs = std::filesystem;

/// Books whose log is examined, and with what.
struct StoppedBooks {
    const places::DataDirectory& data;
    const EpochKeys& keys;
    const EmbeddedLogOptions options;
    const std::string& accept_clock;
};

void tell(const LossReport& report) {
    terminal::say(report.stop);
    for (std::size_t shard = 0; shard < report.ends.size(); ++shard)
        terminal::say(lost_text(report, shard));
    terminal::say(
        "the best way on is to put the bytes back, from a copy of the disk or directory or from a "
        "cut file: " +
        report.place +
        ". Keep what is there now first, and put back no other bytes: what is newer than the "
        "copy would be lost. Then run vouch recover again");
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
Result<bool> take_up(const StoppedBooks& books, const LossReport& report,
                     const std::vector<AskedLoss>& asked,
                     std::vector<places::AcceptedLoss>& losses) {
    // A log that stops has recorded nothing since, and one with damage in its midst opens for
    // nobody.
    if (!report.stop.empty()) return true;
    const auto log = EmbeddedLogReader::open(books.options);
    if (!log) return log.error();
    bool is_clear = true;
    std::vector<places::AcceptedLoss> left;
    for (places::AcceptedLoss& loss : losses) {
        const Result<Became> became =
            what_became(**log, books.data.deployment(), books.keys, report, loss);
        if (!became) return became.error();
        if (*became == Became::recorded || *became == Became::put_back) continue;
        if (*became == Became::put_back_in_part) {
            loss.record = report.ends[loss.shard.value()];
            const bool is_asked = std::ranges::any_of(asked, [&](const AskedLoss& each) {
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
Status set_witnesses_aside(const StoppedBooks& books, const std::vector<RecordNumber>& ends) {
    places::BooksWitnesses witnesses(books.data.shards(), books.data.views(), books.keys,
                                     books.data.deployment().shards);
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
Status record_losses(const StoppedBooks& books, const places::RecoveryNote& note) {
    command_handler::HandlerOptions acts;
    acts.asked_by = note.asked_by;
    if (!books.accept_clock.empty()) acts.accept_clock = books.accept_clock;
    acts.tail_lost = note.losses;
    return record_acts(books.data, books.keys, std::move(acts));
}

/// From the note on, whatever happens, the same is done again until it is done.
Status finish(const StoppedBooks& books, const places::RecoveryNote& note) {
    if (Status made = create_private_directories(books.data.views()); !made) return made;
    const Result<places::FileLock> views =
        places::FileLock::take(books.data.views() / "lock", places::kViewsWaitMax);
    if (!views) return views.error();
    const Result<LossReport> report = examine_loss(books.options);
    if (!report) return report.error();
    if (!report->stop.empty()) {
        const Result<std::vector<std::string>> kept = cut_lost(books.options);
        if (!kept) return kept.error();
        for (const std::string& file : *kept) terminal::say("what was cut is kept in " + file);
        if (Status moved = set_witnesses_aside(books, report->ends); !moved) return moved;
    }
    if (Status recorded = record_losses(books, note); !recorded) return recorded;
    return places::remove_recovery_note(books.data.directory());
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
ExitCode verify_all(const StoppedBooks& books, const std::string& torn) {
    const auto log = EmbeddedLogReader::open(books.options);
    if (!log) return fail(with_way_on(log.error()));
    const Result<std::string> doubt = places::doubt_about_ends(books.data, **log, books.keys);
    if (!doubt) return fail(doubt.error());
    if (torn.empty() && doubt->empty()) {
        terminal::say("the log's end is whole; reading all before it");
    } else if (torn.empty()) {
        terminal::say("nothing at the log's end is wrong; reading all before it");
    } else {
        terminal::say(
            torn + "; the next start copies it beside the log and cuts it. Reading all before it");
    }
    Scrub scrub(**log, books.data.deployment(), books.keys,
                [](const RottenRecord& rotten) { terminal::say(rotten.text()); });
    while (scrub.rounds() == 0) {
        if (Status read = scrub.step(); !read) return fail(read.error());
    }
    const std::vector<RottenRecord> all = scrub.rotten();
    const auto rotten =
        static_cast<std::size_t>(std::ranges::count(all, false, &RottenRecord::is_beside));
    if (rotten == 0) {
        terminal::say(doubt->empty() ? "every record of the log is what was written"
                                     : "every record that is there is what was written; whether "
                                       "records are missing at the very end is NOT known: " +
                                           *doubt);
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

/// Why `losses` are not given up; empty when they are exactly what is lost.
std::optional<ExitCode> refuse(const StoppedBooks& books, const LossReport& report,
                               const std::vector<AskedLoss>& asked,
                               const std::vector<places::AcceptedLoss>& losses, bool was_begun) {
    const std::string way = "To give it up for good:" + needed_options(report) + " --by NAME";
    if (!report.refused.empty()) {
        terminal::say("the loss cannot be accepted: " + report.refused);
        return ExitCode::refused;
    }
    if (const std::string wrong = find_disagreement(report, losses); !wrong.empty()) {
        const std::string begun =
            was_begun ? "The recovery that was begun gave up something else; to begin another, "
                        "move aside " +
                            (books.data.directory() / "recovery").string() + ". "
                      : std::string();
        terminal::say(wrong + "; nothing was changed. " + begun + way);
        return ExitCode::findings;
    }
    if (Status original = places::check_is_original(books.data); !original)
        return fail(original.error());
    if (was_begun) return std::nullopt;
    const std::string overlooked = find_oversight(report, asked);
    if (overlooked.empty()) return std::nullopt;
    terminal::say(overlooked + "; nothing was changed. " + way);
    return ExitCode::refused;
}

/// Writes down what is given up, before anything is cut.
Status note_losses(const StoppedBooks& books, std::optional<places::RecoveryNote>& note,
                   const std::string& asked_by, std::vector<places::AcceptedLoss> losses) {
    const fs::path& directory = books.data.directory();
    if (!note) {
        note.emplace(places::RecoveryNote{asked_by, std::move(losses)});
        return places::write_recovery_note(directory, *note);
    }
    if (note->losses == losses) return {};
    note->losses = std::move(losses);
    return places::replace_recovery_note(directory, *note);
}

}  // namespace

ExitCode recover_log(const places::DataDirectory& data, const EpochKeys& keys,
                     const std::vector<AskedLoss>& asked, const std::string& asked_by,
                     const std::string& accept_clock) {
    places::BooksWitnesses witnesses(data.shards(), data.views(), keys, data.deployment().shards);
    const StoppedBooks books{data, keys,
                             {.directory = data.log().string(),
                              .shard_count = data.deployment().shards,
                              .create = false,
                              .witnesses = &witnesses},
                             accept_clock};
    Result<std::optional<places::RecoveryNote>> note =
        places::read_recovery_note(data.directory());
    if (!note) return fail(note.error());
    const Result<LossReport> report = examine_loss(books.options);
    if (!report) return fail(with_way_on(report.error()));
    const bool was_begun = note->has_value();
    if (report->stop.empty() && !was_begun) {
        const ExitCode verified = verify_all(books, report->torn);
        if (Status original = places::check_is_original(data); !original)
            terminal::say(original.error().message);
        if (verified != ExitCode::done || asked.empty()) return verified;
        terminal::say("nothing was accepted: no shard has lost its end");
        return ExitCode::refused;
    }
    std::vector<places::AcceptedLoss> losses;
    if (was_begun) {
        // What was begun is looked at again: the log may have changed since.
        losses = (*note)->losses;
        const Result<bool> is_clear = take_up(books, *report, asked, losses);
        if (!is_clear) return fail(with_way_on(is_clear.error()));
        if (!*is_clear) return ExitCode::findings;
        if (losses.empty()) {
            if (Status removed = places::remove_recovery_note(data.directory()); !removed)
                return fail(removed.error());
            terminal::say(
                "nothing is left to recover: the records are back, or their loss is recorded");
            return ExitCode::done;
        }
    } else {
        for (const AskedLoss& each : asked) losses.push_back(each.loss);
    }
    if (!report->stop.empty()) tell(*report);
    if (const auto refused = refuse(books, *report, asked, losses, was_begun)) return *refused;
    if (!was_begun) name_known(*report, data.deployment(), keys, losses);
    if (Status noted = note_losses(books, *note, asked_by, std::move(losses)); !noted)
        return fail(noted.error());
    if (Status finished = finish(books, **note); !finished) return fail(finished.error());
    terminal::say("the loss is recorded; these books open again");
    return ExitCode::done;
}

}  // namespace vouch::cli
