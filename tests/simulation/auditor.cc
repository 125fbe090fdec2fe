#include "tests/simulation/auditor.h"

#include "events/entries/codec.h"
#include "events/seal/mac.h"
#include "events/seal/record.h"
#include "tests/model/accepted_model.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace vouch::test {
namespace {

constexpr std::string_view kDurable = "what is durable stays";
constexpr std::string_view kChain = "records follow each other";
constexpr std::string_view kTime = "time of records never goes back";
constexpr std::string_view kTrueTime = "records are of the true time unless a clock was believed";
constexpr std::string_view kMoney = "money and limits";
constexpr std::string_view kOneOutcome = "one outcome for ever";
constexpr std::string_view kAcknowledged = "what was told is recorded";
constexpr std::string_view kViews = "views are never ahead";
constexpr std::string_view kModel = "the books are the model's";

constexpr std::size_t kReadBytes = std::size_t{1} << 20;

template <class With>
void for_each_event(const StoredRecord& stored, With with) {
    const Result<RecordView> record = parse_record(stored.bytes);
    if (!record) return;
    EventReader reader(record->body);
    Arena arena;
    for (auto bytes = reader.next(); bytes && *bytes; bytes = reader.next()) {
        const Result<Event> event = decode_event(**bytes, arena);
        if (!event) return;
        with(*event);
        arena.clear();
    }
}

}  // namespace

Auditor::Auditor(const Deployment& deployment, const EpochKeys& keys, Orders& orders,
                 const FibreScheduler& world,
                 std::function<void(std::string_view, std::string)> report)
    : deployment_(deployment),
      keys_(keys),
      orders_(orders),
      world_(world),
      report_(std::move(report)),
      books_(deployment.shards),
      chains_(deployment.shards) {}

void Auditor::violate(std::string_view invariant, std::string what) {
    is_violated_ = true;
    report_(invariant, std::move(what));
}

void Auditor::begin(LogReader& log, bool may_be_shown_later) {
    for (std::uint32_t i = 0; i < chains_.size(); ++i) {
        const Chain& chain = chains_[i];
        if (chain.next == RecordNumber()) continue;
        // Meanwhile another process may go on, and its records are looked at.
        const RecordNumber newest(chain.next.value() - 1);
        const Digest expected = chain.newest;
        std::vector<StoredRecord> found;
        // What a log does not give it says, and its shard stops.
        if (!log.read_records(ShardId(i), newest, 1, found)) continue;
        if (found.empty() && may_be_shown_later) continue;
        const Result<RecordView> view =
            found.empty() ? Fault{FaultCode::corrupt, "gone"} : parse_record(found[0].bytes);
        if (!view || view->digest != expected) {
            violate(kDurable, "shard " + std::to_string(i) + " record " +
                                  std::to_string(newest.value()) +
                                  (found.empty() ? " is gone" : " is another one"));
        }
    }
}

void Auditor::look(LogReader& log) {
    is_blind_ = false;
    for (std::uint32_t i = 0; i < chains_.size(); ++i) is_blind_ |= !read(log, ShardId(i));
    take_ready();
    for (; book_faults_ < books_.faults().size(); ++book_faults_)
        violate(kMoney, books_.faults()[book_faults_]);
    for (const std::size_t order : std::exchange(uncompared_, {})) compare(order);
}

bool Auditor::read(LogReader& log, ShardId shard) {
    Chain& chain = chains_[shard.value()];
    const Result<RecordNumber> end = log.end(shard);
    if (!end) return false;
    while (chain.next < *end) {
        std::vector<StoredRecord> read;
        if (!log.read_records(shard, chain.next, kReadBytes, read) || read.empty())
            return false;
        for (StoredRecord& record : read) {
            // Another process may have looked while this one stood still.
            if (record.number < chain.next) continue;
            verify(shard, record);
            chain.waiting.push_back(std::move(record));
        }
    }
    return true;
}

void Auditor::verify(ShardId shard, const StoredRecord& stored) {
    Chain& chain = chains_[shard.value()];
    const std::string where = "shard " + std::to_string(shard.value()) + " record " +
                              std::to_string(stored.number.value());
    const Result<RecordView> view = parse_record(stored.bytes);
    if (!view) return violate(kChain, where + ": " + view.error().message);
    Mac& mac = mac_of(shard, view->header.epoch);
    if (!equal_tags(record_tag(mac, view->digest), view->tag) || !has_body_of_table(*view))
        violate(kChain, where + " has not the right tag");
    if (chain.next != RecordNumber() && !follows(view->header, chain.newest))
        violate(kChain, where + " does not follow the one before");
    if (view->header.record != chain.next || view->header.shard != shard ||
        view->header.deployment != deployment_.id)
        violate(kChain, where + " is another one");
    if (view->header.time < chain.time) violate(kTime, where + " is of a time before");
    chain.time = view->header.time;
    chain.newest = view->digest;
    chain.next = chain.next.next();
}

Mac& Auditor::mac_of(ShardId shard, Epoch epoch) {
    const auto found = macs_.find({shard, epoch});
    if (found != macs_.end()) return found->second;
    return macs_.emplace(std::pair(shard, epoch), keys_.record_key(shard, epoch)).first->second;
}

/// Records keep a time that was believed before, whoever writes them, of their shard or of one
/// whose steps they take.
void Auditor::see_sealed(const StoredRecord& stored, std::int64_t ahead_max_us) {
    const Result<RecordView> view = parse_record(stored.bytes);
    if (!view) return;
    const RecordHeader& header = view->header;
    const ShardId shard = header.shard;
    Timestamp& newest = chains_[shard.value()].sealed;
    for_each_event(stored, [&](const Event& event) {
        if (const auto* const taken = std::get_if<StepsTaken>(&event))
            newest = std::max(newest, chains_[taken->from.value()].sealed);
    });
    const std::int64_t ahead_us = header.time.value() - world_.true_time().value();
    if (header.time > newest && ahead_us > ahead_max_us)
        violate(kTrueTime, "shard " + std::to_string(shard.value()) + " record " +
                               std::to_string(header.record.value()) + " is " +
                               std::to_string(ahead_us) + " us ahead of it");
    newest = std::max(newest, header.time);
}

bool Auditor::is_ready(const StoredRecord& record) const {
    bool ready = true;
    for_each_event(record, [&](const Event& event) {
        const auto* const taken = std::get_if<StepsTaken>(&event);
        ready = ready && (taken == nullptr || taken->record < chains_[taken->from.value()].taken);
    });
    return ready;
}

void Auditor::take_ready() {
    for (bool goes_on = true; goes_on;) {
        goes_on = false;
        for (std::uint32_t i = 0; i < chains_.size(); ++i) {
            Chain& chain = chains_[i];
            if (chain.waiting.empty() || !is_ready(chain.waiting.front())) continue;
            for_each_event(chain.waiting.front(), [&](const Event& event) {
                books_.take(ShardId(i), event);
                note_outcomes(event, ShardId(i), chain.taken);
            });
            chain.waiting.pop_front();
            chain.taken = chain.taken.next();
            goes_on = true;
        }
    }
}

void Auditor::note_outcomes(const Event& event, ShardId shard, RecordNumber record) {
    if (const auto* const answered = std::get_if<CommandAnswered>(&event))
        recorded_.emplace(Key{answered->ledger, answered->id},
                          Told{answered->outcome, shard, record});
    const auto* const decided = std::get_if<CommandDecided>(&event);
    if (decided == nullptr) return;
    const Command& command = decided->command;
    recorded_.emplace(Key{command.ledger, command.id}, Told{decided->outcome, shard, record});
    const auto* const group = std::get_if<Group>(&command.body);
    if (group == nullptr || is_accepted(decided->outcome)) return;
    for (std::size_t i = 0; i < group->members.size() && i < decided->members.size(); ++i)
        of_failed_groups_.emplace(Key{command.ledger, group->members[i].id},
                                  Told{decided->members[i].outcome, shard, record});
}

void Auditor::tell(std::size_t order, const Told& told) {
    const std::string wrong = orders_.tell(order, told);
    if (!wrong.empty()) violate(kOneOutcome, wrong);
    if (told.outcome != Outcome::conflict) uncompared_.push_back(order);
}

/// Who is told has the outcome of a record that is durable.
void Auditor::compare(std::size_t index) {
    const Orders::Order& order = orders_.all()[index];
    const Chain& chain = chains_[order.told->shard.value()];
    if (chain.next <= order.told->record && is_blind_) {
        uncompared_.push_back(index);
    } else if (chain.next <= order.told->record) {
        violate(kAcknowledged, orders_.text(index) + ", which is not durable");
    } else if (chain.taken <= order.told->record) {
        uncompared_.push_back(index);  // its record waits for another shard's
    } else {
        const Key key{order.ledger, order.id};
        const auto recorded = recorded_.find(key);
        const auto [first, last] = of_failed_groups_.equal_range(key);
        const bool is_right =
            recorded != recorded_.end()
                ? recorded->second == *order.told
                : std::any_of(first, last,
                              [&](const auto& each) { return each.second == *order.told; });
        if (is_right) return;
        violate(kAcknowledged, orders_.text(index) + ", and recorded: " +
                                   (recorded == recorded_.end()
                                        ? "nothing"
                                        : std::string(to_text(recorded->second.outcome)) +
                                              " in record " +
                                              std::to_string(recorded->second.record.value())));
    }
}

bool Auditor::has_all_shards() const {
    return std::ranges::none_of(chains_,
                                [](const Chain& each) { return each.next == RecordNumber(); });
}

Timestamp Auditor::newest_time() const {
    return std::ranges::max(chains_, {}, &Chain::time).time;
}

void Auditor::see_view(ShardId shard, RecordNumber next) {
    if (is_blind_ || next <= chains_[shard.value()].next) return;
    violate(kViews, "shard " + std::to_string(shard.value()) + ": the view has record " +
                        std::to_string(next.value() - 1) + ", the log ends before " +
                        std::to_string(chains_[shard.value()].next.value()));
}

void Auditor::end() {
    for (const Chain& chain : chains_) {
        if (!chain.waiting.empty()) violate(kChain, "steps are taken that nobody has sent");
    }
    for (const std::size_t order : uncompared_)
        violate(kAcknowledged, orders_.text(order) + ", whose record was not found");
    if (is_violated_) return;
    books_.check_at_rest();
    for (; book_faults_ < books_.faults().size(); ++book_faults_)
        violate(kMoney, books_.faults()[book_faults_]);
    if (books_.holds_cut() > 0) return;
    if (const auto difference = find_difference_of_accepted(books_))
        violate(kModel, *difference);
}

}  // namespace vouch::test
