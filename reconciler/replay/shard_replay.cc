#include "reconciler/replay/shard_replay.h"

#include "events/world/mutex.h"
#include "reconciler/reading/record_pipeline.h"
#include "reconciler/state/state_digest.h"
#include "reconciler/views/row_match.h"
#include "reconciler/views/view_compare.h"

#include <algorithm>
#include <mutex>
#include <span>
#include <utility>
#include <variant>

namespace vouch::reconciler {

namespace {

/// Of the memory for ids, as much again for rows of a view: a quarter.
constexpr std::size_t kViewShare = 4;

/// A record from which no answer follows: what a writer leaves when it starts, rests and stops.
bool is_at_rest(const Chunk& chunk, const PreparedRecord& record) {
    const auto items = std::span(chunk.items).subspan(record.first_item, record.item_count);
    return std::ranges::all_of(items, [&](std::uint32_t item) {
        if ((item & Chunk::kIsTransfer) != 0) return false;
        const Event& event = chunk.events[item]->event;
        return std::holds_alternative<Mark>(event) || std::holds_alternative<TermStarted>(event) ||
               std::holds_alternative<EpochSealed>(event);
    });
}

}  // namespace

ShardReplay::ShardReplay(const Input& input, const Whole& whole,
                         std::function<void(std::uint64_t)> count_record)
    : input_(input),
      whole_(whole),
      findings_(whole.findings),
      count_record_(std::move(count_record)),
      ids_(input.options.temporary, input.options.id_memory_bytes),
      chain_(input.deployment, input.shard, input.options.keys, whole.findings),
      kept_(input.options.kept.value_or(std::vector<KeptRecord>()), input.shard, whole.findings),
      since_(input.options.since, input.shard, whole.findings),
      fold_(input.deployment, input.shard, content_, {whole.findings, ids_, whole.pairs, whole.ids},
            input.view.has_value()),
      view_rows_(input.options.temporary,
                 input.view ? input.options.id_memory_bytes / kViewShare : 0) {
    if (input.options.inputs) {
        if (auto sent = input.log.sent_commands(input.shard))
            sent_.emplace(std::move(sent), input.deployment, input.shard, content_, ids_);
    }
    if (!input.view) return;
    view_records_.emplace(*input.options.views, input.shard, whole.findings);
    expected_rows_.emplace(view_rows_);
}

Result<ShardReport> ShardReplay::run() {
    if (Status started = since_.start(); !started) return started.error();
    {
        const RecordPipeline::Input source{input_.log, input_.shard, input_.end,
                                           input_.options.keys, content_};
        RecordPipeline pipeline(source, input_.threads, (input_.threads + 1) * kChunksPerThread);
        while (std::unique_ptr<Chunk> chunk = pipeline.next()) {
            const Status folded = fold_chunk(*chunk);
            pipeline.give_back(std::move(chunk));
            if (!folded) return folded.error();
        }
    }
    fold_.finish();
    if (sent_) sent_->finish(findings_);
    if (Status status = pass_position(input_.end); !status) return status.error();
    kept_.finish(input_.end, input_.log_end);
    since_.finish(input_.log_end);
    const auto most = std::ranges::max_element(input_.seen, {}, &ViewPosition::next_record);
    if (most != input_.seen.end() && most->next_record > input_.log_end) {
        findings_.add({Check::truncated,
                       input_.shard,
                       input_.log_end,
                       {},
                       "the log ends here, " + std::to_string(most->next_record.value()) +
                           " records have been seen"});
    }
    if (Status status = check_ids(); !status) return status.error();
    if (Status status = check_view_rows(); !status) return status.error();
    return report();
}

Status ShardReplay::fold_chunk(const Chunk& chunk) {
    for (std::size_t i = 0; i < chunk.records.size(); ++i) {
        const PreparedRecord& record = chunk.records[i];
        if (Status status = pass_position(record.position); !status) return status;
        if (Status status = since_.look_at(chunk.stored[i]); !status) return status;
        if (Status status = fold_record(chunk, record); !status) return status;
    }
    if (chunk.fault) {
        miss(chunk.fault_at, "cannot be read");
        chain_.skip(chunk.fault_at, chunk.fault->message);
        if (sent_) sent_->lose_sight();
        fold_.lose_certainty();
        breaks_.add(chain_.next_event());
    }
    return {};
}

Status ShardReplay::fold_record(const Chunk& chunk, const PreparedRecord& record) {
    kept_.look_at(record);
    if (viewed_ && !is_at_rest(chunk, record)) ++unviewed_;
    const ChainCheck::Judgement judgement = chain_.check(record);
    if (judgement.is_gap_before) {
        fold_.lose_certainty();
        breaks_.add(judgement.first_event);
        if (sent_) sent_->lose_sight();
    }
    if (!record.is_record || !record.is_whole) {
        miss(record.position, "cannot be read as it was written");
    } else if (record.mac == MacCheck::wrong) {
        miss(record.position, "is not what was written");
    } else if (!judgement.is_believed || !judgement.is_folded || judgement.is_gap_before) {
        miss(record.position, "does not go on from the record before it");
    }
    bool is_right = judgement.is_believed;
    if (judgement.is_folded) {
        index_.add(record.position, judgement.first_event);
        const bool is_authentic = record.mac != MacCheck::wrong;
        is_right = fold_.fold(chunk, record, judgement.first_event, is_authentic) && is_right;
        if (view_records_ && judgement.is_believed && is_authentic && record.is_whole) {
            expected_rows_->add(chunk, record, judgement.first_event);
            const Status compared = view_records_->compare(record, judgement.first_event);
            if (Status status = pass_over_unreadable(compared); !status) return status;
        }
    }
    if (!is_right) {
        fold_.lose_certainty();
        breaks_.add(judgement.first_event);
    }
    if (sent_) {
        const bool is_right_as_written = judgement.is_believed && judgement.is_folded &&
                                         record.mac != MacCheck::wrong && record.is_whole;
        sent_->take(chunk, record, judgement.first_event, is_right_as_written);
    }
    count_record_(record.item_count);
    return {};
}

void ShardReplay::miss(RecordNumber record, const std::string& why) {
    if (unread_.empty()) unread_ = "record " + std::to_string(record.value()) + " " + why;
}

/// What is to be looked at before the record at `position`.
Status ShardReplay::pass_position(RecordNumber position) {
    check_seen(position);
    if (!input_.view || input_.view->next_record != position || viewed_) return {};
    if (!view_records_) return {};
    Status compared = compare_view();
    expected_rows_.reset();
    view_records_.reset();
    return pass_over_unreadable(compared);
}

Status ShardReplay::compare_view() {
    viewed_ = chain_.next_event();
    if (Status status = view_records_->finish(input_.view->next_record); !status) return status;
    ViewCompare rows({input_.log, *input_.options.views, fold_, findings_}, input_.shard);
    return rows.compare(input_.view->next_record, ids_, view_rows_);
}

Status ShardReplay::pass_over_unreadable(const Status& read) {
    if (read || read.error().code != FaultCode::corrupt) return read;
    findings_.add({Check::view_unreadable, input_.shard, {}, {}, read.error().message});
    expected_rows_.reset();
    view_records_.reset();
    viewed_.reset();
    return {};
}

Status ShardReplay::check_view_rows() {
    if (!viewed_) return {};
    Mutex mutex;
    const RowMatch match(breaks_, *viewed_);
    return view_rows_.finish(input_.threads, [&](std::span<IdRow> rows) {
        match.check(rows, [&](std::optional<EventNumber> event, const std::string& message) {
            const std::lock_guard lock(mutex);
            std::optional<RecordNumber> record;
            if (event) record = index_.find(input_.log, input_.shard, *event);
            findings_.add({Check::view_row, input_.shard, record, event, message});
        });
    });
}

void ShardReplay::check_seen(RecordNumber position) {
    for (const ViewPosition& seen : input_.seen) {
        if (seen.next_record != position) continue;
        const EventNumber event = seen.next_event.value_or(chain_.next_event());
        const Timestamp time = seen.time.value_or(chain_.last_time());
        if (event != chain_.next_event() || time != chain_.last_time()) {
            findings_.add({Check::view_position, input_.shard, position, {},
                           "the view's position says event " + std::to_string(event.value()) +
                               " or another time, expected event " +
                               std::to_string(chain_.next_event().value())});
        }
        if (equal_tags(seen.digest, chain_.last_digest())) continue;
        const bool is_witness = !seen.who.empty();
        // What became of that record is a finding already.
        if (is_witness && !chain_.is_digest_known()) continue;
        if (is_witness) witness_of_another_ = seen.who;
        std::optional<RecordNumber> record;
        if (position.value() > 0) record = RecordNumber(position.value() - 1);
        findings_.add({is_witness ? Check::forked : Check::view_position,
                       input_.shard,
                       record,
                       {},
                       (is_witness ? "not the digest that " + seen.who + " has seen: "
                                   : "not the digest that has been seen: ") +
                           expected_found_hex(seen.digest, chain_.last_digest())});
    }
}

Status ShardReplay::check_ids() {
    Mutex mutex;
    IdCheck::Expect expect;
    if (whole_.ids != nullptr) {
        expect = [&](const IdRow& row) {
            const std::lock_guard lock(mutex);
            IdRow here = row;
            auto said = row.as<Payee>();
            said.shard = input_.shard.value();
            here.say(row.kind, said);
            whole_.ids->add(here);
        };
    }
    const IdCheck check(breaks_, viewed_, std::move(expect));
    const Status status = ids_.finish(input_.threads, [&](std::span<IdRow> rows) {
        check.check(rows, [&](Check what, EventNumber event, const std::string& message) {
            const std::lock_guard lock(mutex);
            if (what == Check::dropped_command && !sent_->judges(event)) return;
            findings_.add(
                {what, input_.shard, index_.find(input_.log, input_.shard, event), event, message});
        });
    });
    return status;
}

ShardReport ShardReplay::report() const {
    const ReplayedBooks& books = fold_.books();
    TrialBalance& trial_balance = whole_.trial_balance;
    ShardReport report;
    report.shard = input_.shard;
    report.next_record = input_.end;
    report.log_end = input_.log_end;
    report.unread = unread_;
    if (viewed_) report.view_end = input_.view->next_record;
    report.unviewed = unviewed_;
    report.next_event = chain_.next_event();
    report.last_digest = chain_.last_digest();
    report.last_time = chain_.last_time();
    report.term = chain_.term();
    report.writers = chain_.writers();
    report.acts = chain_.acts();
    report.acts_count = chain_.acts_count();
    report.open_holds = books.holds.all().size();
    report.accepted = fold_.accepted();
    report.refused = fold_.refused();
    report.isolated = fold_.isolated();
    report.isolated_last = fold_.isolated_last();
    for (std::uint32_t i = 0; i < books.accounts.size(); ++i) {
        const Account* account = books.accounts.known(AccountNumber(i));
        if (account == nullptr) continue;
        ++report.accounts;
        if (account->is_transit) {
            trial_balance.add_transit(account->ledger, account->asset, account->totals);
        } else {
            trial_balance.add(account->ledger, account->asset, account->totals);
        }
    }
    // What came back is the debits of the account that it had left over.
    for (const auto& [key, transit] : books.crossings.transits()) {
        for (const AccountNumber number : transit.accounts) {
            const Account* account = books.accounts.known(number);
            if (account == nullptr || key.from != books.shard) continue;
            trial_balance.add_returned(key.ledger, key.asset, account->totals.debits_posted);
        }
    }
    for (const auto& [key, hold] : books.holds.all()) {
        const Account* payer = books.accounts.known(hold.state.payer);
        if (hold.state.payee || payer == nullptr) continue;
        trial_balance.add_without_payee(key.ledger, payer->asset, hold.state.remaining);
    }
    whole_.transit_balance.add(books);
    const bool is_cut = input_.end < input_.log_end;
    if (is_cut) whole_.transit_balance.doubt(input_.shard);
    if (is_cut || books.was_broken()) whole_.pairs.doubt(input_.shard);
    report.in_transit = books.crossings.all().size();
    if (unread_.empty()) report.state_digest = state_digest(input_.deployment.id, books);
    if (sent_) report.sent = sent_->checked();
    report.witness_of_another = witness_of_another_;
    report.kept_behind_cut = kept_.unasked();
    report.kept_unknown = since_.unknown();
    return report;
}

}  // namespace vouch::reconciler
