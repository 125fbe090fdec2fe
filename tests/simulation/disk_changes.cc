#include "tests/simulation/disk_changes.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

namespace vouch::test {
namespace {

/// Of a segment: its header, and what is before the first record.
constexpr std::size_t kHeaderEnd = kBlock;
/// Of a last write, behind which a line of the log's own may stand.
constexpr std::size_t kNearEnd = 300;
constexpr std::string_view kSegment = ".segment";

/// The newest file of a log that holds records.
std::optional<std::string> newest_segment(const MemoryFiles::Image& log) {
    std::optional<std::string> newest;
    for (const auto& [path, bytes] : log)
        if (path.ends_with(kSegment) && written_end(bytes) > kHeaderEnd) newest = path;
    return newest;
}

}  // namespace

std::size_t written_end(const Bytes& file) {
    const auto last = std::find_if(file.rbegin(), file.rend(),
                                   [](std::byte byte) { return byte != std::byte{}; });
    return static_cast<std::size_t>(file.rend() - last);
}

const DiskChange::Maker* DiskChange::find_maker(FaultKind kind) {
    static constexpr std::array kMakers = {
        Maker{FaultKind::old_segment, &DiskChange::put_segment_back},
        Maker{FaultKind::old_log, &DiskChange::put_log_back},
        Maker{FaultKind::lost_segment, &DiskChange::lose_segment},
        Maker{FaultKind::rotten_end, &DiskChange::rot_end},
        Maker{FaultKind::misdirected_write, &DiskChange::misdirect},
        Maker{FaultKind::rot_beside, &DiskChange::rot_beside},
        Maker{FaultKind::old_beside, &DiskChange::put_beside_back},
    };
    const auto found = std::ranges::find(kMakers, kind, &Maker::kind);
    return found == kMakers.end() ? nullptr : &*found;
}

bool is_between_lives(FaultKind kind) { return DiskChange::find_maker(kind) != nullptr; }

bool is_beside(FaultKind kind) {
    return kind == FaultKind::rot_beside || kind == FaultKind::old_beside;
}

DiskChange::DiskChange(const PlannedFault& fault, MemoryFiles& disk)
    : kind_(fault.kind), draw_(fault.draw) {
    if (kind_ == FaultKind::old_segment || kind_ == FaultKind::old_log)
        before_ = disk.image(Machine::kLog);
    if (kind_ == FaultKind::old_beside) before_ = disk.image(Machine::kShards);
}

bool DiskChange::takes_records() const {
    return kind_ == FaultKind::old_segment || kind_ == FaultKind::old_log ||
           kind_ == FaultKind::lost_segment;
}

std::uint64_t DiskChange::below(std::uint64_t bound) {
    draw_ = draw_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return (draw_ >> 32) % bound;
}

bool DiskChange::make(MemoryFiles& disk) { return (this->*find_maker(kind_)->make)(disk); }

bool DiskChange::put_segment_back(MemoryFiles& disk) {
    const std::optional<std::string> newest = newest_segment(before_);
    return newest && put_back(disk, *newest);
}

bool DiskChange::put_log_back(MemoryFiles& disk) {
    if (disk.image(Machine::kLog) == before_) return false;
    disk.put_back(Machine::kLog, before_);
    return true;
}

bool DiskChange::lose_segment(MemoryFiles& disk) {
    MemoryFiles::Image left = disk.image(Machine::kLog);
    const std::optional<std::string> newest = newest_segment(left);
    if (!newest) return false;
    left.erase(*newest);
    disk.put_back(Machine::kLog, left);
    return true;
}

bool DiskChange::rot_end(MemoryFiles& disk) {
    const std::optional<std::string> newest = newest_segment(disk.image(Machine::kLog));
    return newest && rot(disk, *newest, kNearEnd);
}

bool DiskChange::rot_beside(MemoryFiles& disk) {
    const std::optional<std::string> file = any_of(disk.image(Machine::kShards));
    return file && rot(disk, *file, ~std::size_t{0});
}

bool DiskChange::put_beside_back(MemoryFiles& disk) {
    const std::optional<std::string> file = any_of(before_);
    return file && put_back(disk, *file);
}

std::optional<std::string> DiskChange::any_of(const MemoryFiles::Image& files) {
    if (files.empty()) return std::nullopt;
    return std::next(files.begin(), static_cast<std::ptrdiff_t>(below(files.size())))->first;
}

/// One file, where it is another one by now.
bool DiskChange::put_back(MemoryFiles& disk, const std::string& path) const {
    const Bytes& old = before_.at(path);
    if (!disk.exists(path) || disk.contents(path) == old) return false;
    disk.overwrite(path, old);
    return true;
}

/// A bit of the last so many bytes that were written.
bool DiskChange::rot(MemoryFiles& disk, const std::string& path, std::size_t of_last) {
    const Bytes file = disk.contents(path);
    const std::size_t end = written_end(file);
    if (end == 0) return false;
    const std::size_t at = end - 1 - below(std::min(end, of_last));
    return change(disk, path, at, {file[at] ^ std::byte{1} << below(8)});
}

/// A block of a segment stands where another one was.
bool DiskChange::misdirect(MemoryFiles& disk) {
    std::vector<std::pair<std::string, Bytes>> segments;
    for (auto& [path, bytes] : disk.image(Machine::kLog)) {
        if (path.ends_with(kSegment) && written_end(bytes) > 2 * kBlock)
            segments.emplace_back(path, bytes);
    }
    if (segments.empty()) return false;
    const auto& [path, file] = segments[below(segments.size())];
    const std::size_t blocks = written_end(file) / kBlock;
    const std::size_t from = below(blocks), to = below(blocks);
    const auto begin = file.begin() + static_cast<std::ptrdiff_t>(from * kBlock);
    return change(disk, path, to * kBlock, Bytes(begin, begin + kBlock));
}

bool DiskChange::change(MemoryFiles& disk, const std::string& path, std::size_t at, Bytes now) {
    Bytes file = disk.contents(path);
    const auto begin = file.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = begin + static_cast<std::ptrdiff_t>(now.size());
    path_ = path;
    at_ = at;
    was_.assign(begin, end);
    is_ = std::move(now);
    if (was_ == is_) return false;
    std::ranges::copy(is_, begin);
    disk.overwrite(path, std::move(file));
    return true;
}

void DiskChange::undo(MemoryFiles& disk) const {
    if (kind_ != FaultKind::misdirected_write) return;
    Bytes file = disk.contents(path_);
    if (file.size() < at_ + is_.size()) return;
    const auto begin = file.begin() + static_cast<std::ptrdiff_t>(at_);
    if (!std::equal(is_.begin(), is_.end(), begin)) return;
    std::ranges::copy(was_, begin);
    disk.overwrite(path_, std::move(file));
}

}  // namespace vouch::test
