#include "events/log/set_aside.h"

#include "events/money/rfc3339.h"
#include "events/world/clock.h"

#include <algorithm>
#include <vector>

namespace vouch {
namespace {

namespace fs = std::filesystem;

/// 20260131T235959Z
std::string time_text() {
    std::string text = to_rfc3339(SystemClock().now());
    std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
    return text.erase(text.find('.')) + "Z";
}

}  // namespace

Result<SetAside> set_aside(const fs::path& path, const std::string& why, Files& files) {
    const std::string directory = directory_of(path.string());
    const std::string kind = path.filename().string() + "." + why + "-";
    const std::string name = kind + time_text() + "-";
    std::vector<std::string> names;
    const CallResult listed = files.list(directory, names);
    if (!listed) return storage_fault("readdir", directory, listed.error);
    const auto is_taken = [&](const std::string& each) {
        return std::find(names.begin(), names.end(), each) != names.end();
    };
    std::size_t n = 0;
    while (is_taken(name + std::to_string(n))) ++n;
    SetAside aside{path.parent_path() / (name + std::to_string(n)), 1};
    for (const std::string& each : names) aside.kept += each.starts_with(kind) ? 1U : 0U;
    const CallResult moved = files.rename(path.string(), aside.path.string());
    if (!moved) return storage_fault("rename", path.string(), moved.error);
    if (Status synced = sync_directory(files, directory); !synced) return synced.error();
    return aside;
}

}  // namespace vouch
