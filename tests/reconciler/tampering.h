#pragma once

#include "tests/support/log_writer.h"

#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>

namespace vouch::test {

/// What somebody does to a log who has the disk in his hands, but no key: lengths, checksums and
/// counts are right afterwards, tags are not, or stand where they do not belong.
enum class Tampering : std::uint8_t {
    edit_event,   ///< any field of any event; the tag stays
    edit_header,  ///< any field of the header; the tag stays
    edit_tag,     ///< one bit of the tag
    reseal,       ///< an edited event, with the tag of a key of one's own
    drop_event,   ///< the record counts one less
    swap_events,
    duplicate_event,
    drop_record,
    swap_records,
    duplicate_record,  ///< the same again, directly behind
    repeat_record,     ///< an old one, anywhere
    splice_record,     ///< another deployment's in its place
    insert_spliced,    ///< another deployment's before it
    wrong_epoch,       ///< header says another epoch
    renumber,          ///< a record is taken out, and those behind it are renumbered
    cut_tail,          ///< the last records are missing
};
inline constexpr std::size_t kTamperings = 16;
std::string_view to_text(Tampering tampering);

/// A log that was tampered with, and where: exactly the records that are not as they were, by the
/// position that they have now.
struct Tampered {
    Tampering what = Tampering::edit_event;
    RecordList records;
    std::set<std::uint64_t> edited;
};

/// One act on shard 0 of `original`, in the newest record when `newest`. `other` is a log of
/// another deployment, of at least as many records. Empty when chance found nothing to change.
std::optional<Tampered> tamper(const RecordList& original, const RecordList& other, Tampering what,
                               bool newest, std::mt19937_64& random);

}  // namespace vouch::test
