#include "tools/terminal/say.h"

#include "events/printable_text.h"
#include "tools/terminal/progress.h"

#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>

#include <unistd.h>

namespace vouch::terminal {

void say(std::string_view sentence) {
    std::string line = "vouch: ";
    line += printable_lines(sentence);
    line += '\n';
    make_way_for_line();
    std::fwrite(line.data(), 1, line.size(), stderr);
}

bool is_read_by_people() { return ::isatty(STDOUT_FILENO) == 1; }

Status print(std::string_view data) {
    make_way_for_line();
    if (std::fwrite(data.data(), 1, data.size(), stdout) == data.size() && std::fflush(stdout) == 0)
        return {};
    return Fault{FaultCode::storage,
                 "stdout cannot be written: " + std::generic_category().message(errno)};
}

}  // namespace vouch::terminal
