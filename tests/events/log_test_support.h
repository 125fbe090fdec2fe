#pragma once

#include "events/log/log.h"

#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

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

/// A commit whose record's bytes live as long as this object.
class TextCommit {
public:
    TextCommit(std::uint64_t number, std::string_view text, std::uint64_t next_command = 0)
        : bytes_(bytes_of(text)), number_(number), next_command_(next_command) {
        // In two pieces, as a sealed record comes.
        const std::size_t half = bytes_.size() / 2;
        pieces_ = {ByteView(bytes_).first(half), ByteView(bytes_).subspan(half)};
    }
    Commit commit() const {
        return {RecordNumber(number_), pieces_, {Offset(next_command_), Offset(0)}};
    }

private:
    Bytes bytes_;
    std::vector<ByteView> pieces_;
    std::uint64_t number_;
    std::uint64_t next_command_;
};

/// Commits and waits.
inline Status commit_text(Log& log, ShardId shard, Term term, std::uint64_t number,
                          std::string_view text, std::uint64_t next_command = 0) {
    const TextCommit commit(number, text, next_command);
    const Result<CommitTicket> ticket = log.commit(shard, term, commit.commit());
    if (!ticket) return ticket.error();
    return log.await(*ticket);
}

/// All records of a shard, or the fault that reading them met as the only element.
inline std::vector<std::string> texts(LogReader& log, ShardId shard) {
    std::vector<std::string> texts;
    const Result<RecordNumber> end = log.end(shard);
    if (!end) return {fault_of(end)};
    std::vector<StoredRecord> records;
    const Status read = log.read_records(shard, RecordNumber(0), ~std::size_t{0}, records);
    if (!read) return {fault_of(read)};
    for (const StoredRecord& record : records) texts.push_back(text_of(record.bytes));
    return texts;
}

}  // namespace vouch::test
