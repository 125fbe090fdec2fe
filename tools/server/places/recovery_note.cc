#include "tools/server/places/recovery_note.h"

#include "events/entries/voucher.h"
#include "events/read_number.h"
#include "events/seal/private_file.h"
#include "events/world/files.h"

#include <fstream>
#include <span>
#include <system_error>

// recovery = line(asked by) line(loss)+
// loss = SHARD:RECORD [" known " RECORD " " digest in hexadecimal]

namespace vouch::places {

namespace {

constexpr std::string_view kNoteFile = "recovery";
constexpr std::string_view kKnown = " known ";

std::string line_of(const AcceptedLoss& loss) {
    std::string line =
        std::to_string(loss.shard.value()) + ":" + std::to_string(loss.record.value());
    if (loss.known_record) {
        line += kKnown;
        line += std::to_string(loss.known_record->value()) + " " + digest_text(loss.known_digest);
    }
    return line + "\n";
}

std::string text_of(const RecoveryNote& note) {
    std::string text = note.asked_by + "\n";
    for (const AcceptedLoss& loss : note.losses) text += line_of(loss);
    return text;
}

std::optional<AcceptedLoss> parse_line(const std::string& line) {
    const std::size_t known = line.find(kKnown);
    std::optional<AcceptedLoss> loss = parse_loss(line.substr(0, known));
    if (!loss || known == std::string::npos) return loss;
    const std::string_view rest = std::string_view(line).substr(known + kKnown.size());
    const std::size_t space = rest.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    std::uint64_t record = 0;
    const std::optional<Digest> digest = parse_digest(rest.substr(space + 1));
    if (!read_number(rest.substr(0, space), record) || !digest) return std::nullopt;
    if (RecordNumber(record) < loss->record) return std::nullopt;
    loss->known_record = RecordNumber(record);
    loss->known_digest = *digest;
    return loss;
}

}  // namespace

std::optional<AcceptedLoss> parse_loss(const std::string& text) {
    const std::size_t colon = text.find(':');
    std::uint32_t shard = 0;
    std::uint64_t record = 0;
    if (colon == std::string::npos) return std::nullopt;
    const std::string_view view(text);
    if (!read_number(view.substr(0, colon), shard)) return std::nullopt;
    if (!read_number(view.substr(colon + 1), record)) return std::nullopt;
    return AcceptedLoss{ShardId(shard), RecordNumber(record)};
}

Result<std::optional<RecoveryNote>> read_recovery_note(const std::filesystem::path& directory) {
    const std::filesystem::path file = directory / kNoteFile;
    std::error_code error;
    if (!std::filesystem::exists(file, error)) return std::optional<RecoveryNote>();
    const Fault unreadable{FaultCode::configuration, file.string() + " is no note of a recovery"};
    std::ifstream in(file);
    RecoveryNote note;
    if (!std::getline(in, note.asked_by) || note.asked_by.empty()) return unreadable;
    for (std::string line; std::getline(in, line);) {
        const std::optional<AcceptedLoss> loss = parse_line(line);
        if (!loss) return unreadable;
        note.losses.push_back(*loss);
    }
    if (in.bad() || note.losses.empty()) return unreadable;
    return std::optional(std::move(note));
}

Status write_recovery_note(const std::filesystem::path& directory, const RecoveryNote& note) {
    const std::string text = text_of(note);
    const Result<bool> written =
        create_private_file(directory / kNoteFile, std::as_bytes(std::span(text)));
    if (!written) return written.error();
    if (*written) return {};
    return Fault{FaultCode::configuration,
                 directory.string() + ": another process began a recovery just now"};
}

Status replace_recovery_note(const std::filesystem::path& directory, const RecoveryNote& note) {
    const std::string text = text_of(note);
    return replace_private_file(directory / kNoteFile, std::as_bytes(std::span(text)));
}

Status remove_recovery_note(const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::remove(directory / kNoteFile, error);
    if (error) {
        return Fault{FaultCode::storage,
                     (directory / kNoteFile).string() + ": " + error.message()};
    }
    return sync_directory(system_files(), directory.string());
}

}  // namespace vouch::places
