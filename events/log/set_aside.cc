#include "events/log/set_aside.h"

#include "events/log/disk.h"

#include <array>
#include <ctime>
#include <system_error>

namespace vouch {
namespace {

namespace fs = std::filesystem;

/// 20260131T235959Z
std::string time_text() {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    std::array<char, 32> text{};
    return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts)};
}

}  // namespace

Result<SetAside> set_aside(const fs::path& path, const std::string& why) {
    const fs::path directory = path.parent_path();
    const std::string kind = path.filename().string() + "." + why + "-";
    const std::string name = kind + time_text() + "-";
    std::error_code error;
    SetAside aside{directory / (name + "0"), 1};
    fs::directory_iterator each(directory, error);
    for (; !error && each != fs::directory_iterator(); each.increment(error))
        aside.kept += each->path().filename().string().starts_with(kind) ? 1U : 0U;
    for (std::size_t n = 1; !error && fs::exists(aside.path, error); ++n)
        aside.path = directory / (name + std::to_string(n));
    if (!error) fs::rename(path, aside.path, error);
    if (error) {
        return Fault{FaultCode::storage,
                     path.string() + " cannot be moved aside: " + error.message()};
    }
    if (Status synced = sync_directory(system_disk(), directory.string()); !synced)
        return synced.error();
    return aside;
}

}  // namespace vouch
