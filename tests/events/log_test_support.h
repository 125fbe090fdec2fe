#pragma once

#include "events/log/log.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

inline constexpr ShardId kFirst(0);
inline constexpr ShardId kSecond(1);
inline constexpr ShardId kThird(2);
inline constexpr Term kTerm(1);

inline Bytes bytes_of(std::string_view text) {
    const auto* data = reinterpret_cast<const std::byte*>(text.data());
    return {data, data + text.size()};
}

inline std::string text_of(ByteView bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The fault of a call that must fail, as "code: message".
inline std::string fault_of(const Fault& fault) {
    switch (fault.code) {
        case FaultCode::retriable:
            return "retriable: " + fault.message;
        case FaultCode::fenced:
            return "fenced: " + fault.message;
        case FaultCode::corrupt:
            return "corrupt: " + fault.message;
        case FaultCode::storage:
            return "storage: " + fault.message;
        case FaultCode::configuration:
            return "configuration: " + fault.message;
    }
    return "?";
}

template <class T>
std::string fault_of(const Result<T>& result) {
    return result ? "no fault" : fault_of(result.error());
}

inline bool starts_with(const std::string& text, std::string_view start) {
    return text.starts_with(start);
}

/// A commit whose record's and steps' bytes live as long as this object.
class TextCommit {
public:
    TextCommit(std::uint64_t number, std::string_view text, std::uint64_t next_command = 0)
        : bytes_(bytes_of(text)), number_(number), next_{Offset(next_command), Offset(0)} {
        // In two pieces, as a sealed record comes.
        const std::size_t half = bytes_.size() / 2;
        pieces_ = {ByteView(bytes_).first(half), ByteView(bytes_).subspan(half)};
    }
    TextCommit(const TextCommit&) = delete;
    TextCommit& operator=(const TextCommit&) = delete;

    /// Adds a batch of steps.
    TextCommit& send(ShardId to, std::string_view text) {
        batches_.push_back(std::make_unique<Bytes>(bytes_of(text)));
        steps_.push_back({to, *batches_.back()});
        return *this;
    }
    /// Says up to where the record has consumed steps.
    TextCommit& consume(Offset next_step) {
        next_.step = next_step;
        return *this;
    }
    Commit commit() const { return {RecordNumber(number_), pieces_, next_, steps_}; }

private:
    Bytes bytes_;
    std::vector<ByteView> pieces_;
    std::uint64_t number_;
    InputPosition next_;
    std::vector<std::unique_ptr<Bytes>> batches_;
    std::vector<OutgoingSteps> steps_;
};

/// Commits and waits.
inline Status commit_and_await(Log& log, ShardId shard, Term term, const TextCommit& commit) {
    const Result<CommitTicket> ticket = log.commit(shard, term, commit.commit());
    if (!ticket) return ticket.error();
    return log.await(*ticket);
}

inline Status commit_text(Log& log, ShardId shard, Term term, std::uint64_t number,
                          std::string_view text, std::uint64_t next_command = 0) {
    return commit_and_await(log, shard, term, TextCommit(number, text, next_command));
}

/// The steps that wait for a shard from an offset on, or the fault that reading them met as the
/// only element.
inline std::vector<std::string> step_texts(Log& log, ShardId shard, Offset from = Offset(0),
                                           std::size_t batches_max = ~std::size_t{0}) {
    std::vector<StepInput> steps;
    const Status read = log.read_steps(shard, from, batches_max, steps);
    if (!read) return {fault_of(read)};
    std::vector<std::string> texts;
    for (const StepInput& batch : steps) texts.push_back(text_of(batch.payload));
    return texts;
}

/// The records of a shard from `from` on, or the fault that reading them met as the only element.
inline std::vector<std::string> texts(LogReader& log, ShardId shard, std::uint64_t from = 0) {
    std::vector<std::string> texts;
    const Result<RecordNumber> end = log.end(shard);
    if (!end) return {fault_of(end)};
    std::vector<StoredRecord> records;
    const Status read = log.read_records(shard, RecordNumber(from), ~std::size_t{0}, records);
    if (!read) return {fault_of(read)};
    for (const StoredRecord& record : records) texts.push_back(text_of(record.bytes));
    return texts;
}

}  // namespace vouch::test
