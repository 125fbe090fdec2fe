#pragma once

#include "tests/simulation/machine.h"
#include "tests/simulation/plan.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace vouch::test {

/// What is done to a machine's files while no process runs: what somebody puts back, takes away, or
/// what a disk does to them meanwhile. Made when the fault begins, for what has to be older than
/// the process's end.
class DiskChange {
public:
    DiskChange(const PlannedFault& fault, MemoryFiles& disk);

    FaultKind kind() const { return kind_; }
    /// Whether records may be gone with it: who has seen them must then be asked, and the start
    /// stop.
    bool takes_records() const;
    /// False when nothing is another one by it.
    bool make(MemoryFiles& disk);
    /// Under or after a process that went on with it: what was only read there is put back.
    void undo(MemoryFiles& disk) const;

private:
    friend bool is_between_lives(FaultKind kind);
    struct Maker {
        FaultKind kind;
        bool (DiskChange::*make)(MemoryFiles& disk);
    };
    static const Maker* find_maker(FaultKind kind);

    bool put_segment_back(MemoryFiles& disk);
    bool put_log_back(MemoryFiles& disk);
    bool lose_segment(MemoryFiles& disk);
    bool rot_end(MemoryFiles& disk);
    bool rot_beside(MemoryFiles& disk);
    bool put_beside_back(MemoryFiles& disk);

    std::optional<std::string> any_of(const MemoryFiles::Image& files);
    bool put_back(MemoryFiles& disk, const std::string& path) const;
    bool rot(MemoryFiles& disk, const std::string& path, std::size_t of_last);
    bool misdirect(MemoryFiles& disk);
    bool change(MemoryFiles& disk, const std::string& path, std::size_t at, Bytes now);
    std::uint64_t below(std::uint64_t bound);

    FaultKind kind_;
    std::uint64_t draw_;
    MemoryFiles::Image before_;  ///< as the fault began
    /// Bytes in place of others.
    std::string path_;
    std::size_t at_ = 0;
    Bytes was_;
    Bytes is_;
};

/// Behind the last byte of the file that is not zero, as those are that wait to be written.
std::size_t written_end(const Bytes& file);

bool is_between_lives(FaultKind kind);
/// Beside the log is nothing that a start could not do without.
bool is_beside(FaultKind kind);

}  // namespace vouch::test
