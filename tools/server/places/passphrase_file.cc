#include "tools/server/places/passphrase_file.h"

#include "tools/server/places/deployment_file.h"

#include <cstdlib>

namespace vouch::places {

namespace fs = std::filesystem;

std::string own_passphrase_name(const DeploymentId& deployment) {
    return id_text(deployment) + ".passphrase";
}

Result<fs::path> passphrase_file(const fs::path& given, const DeploymentId& deployment) {
    if (!given.empty()) return given;
    const auto variable = [](const char* name) -> fs::path {
        const char* const value = std::getenv(name);
        return value == nullptr ? "" : value;
    };
    if (const fs::path file = variable("VOUCH_PASSPHRASE_FILE"); !file.empty()) return file;
    fs::path config = variable("XDG_CONFIG_HOME");
    if (config.empty()) {
        const fs::path home = variable("HOME");
        if (home.empty()) {
            return configuration(
                "no place for the passphrase: set VOUCH_PASSPHRASE_FILE, or give "
                "--passphrase-file");
        }
        config = home / ".config";
    }
    return config / "vouch" / own_passphrase_name(deployment);
}

}  // namespace vouch::places
