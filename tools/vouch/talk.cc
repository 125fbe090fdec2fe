#include "tools/vouch/talk.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

namespace vouch::cli {

void say(std::string_view sentence) {
    std::string line = "vouch: ";
    line += sentence;
    line += '\n';
    std::fwrite(line.data(), 1, line.size(), stderr);
}

ExitCode fail(const Fault& fault) {
    say(fault.message);
    return exit_code_of(fault);
}

Status print(std::string_view data) {
    if (std::fwrite(data.data(), 1, data.size(), stdout) == data.size() && std::fflush(stdout) == 0)
        return {};
    return Fault{FaultCode::storage,
                 "stdout cannot be written: " + std::generic_category().message(errno)};
}

}  // namespace vouch::cli
