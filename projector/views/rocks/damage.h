#pragma once

#include "events/result.h"

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>

namespace vouch::projector {

/// What was found in a store's files that is not what was written. Any thread.
class Damage {
public:
    /// Writes nothing when the store is only read.
    Damage(const std::filesystem::path& directory, bool is_noted);

    /// Passes the fault on; the first that is damage stays.
    Fault keep(Fault fault);
    std::optional<Fault> first() const;

    /// What was noted in a directory; empty: nothing.
    static std::optional<std::string> noted_in(const std::filesystem::path& directory);

private:
    bool write_note(const std::string& message) const;

    const std::filesystem::path note_;
    mutable std::mutex mutex_;
    std::optional<Fault> first_;
};

}  // namespace vouch::projector
