#include "tools/terminal/standard_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

namespace vouch::terminal {

void hold_standard_descriptors() {
    for (int each = STDIN_FILENO; each <= STDERR_FILENO; ++each) {
        if (::fcntl(each, F_GETFD) >= 0) continue;
        // The lowest number that is free is this one. Opened for what nobody does with it.
        (void)::open("/dev/null", each == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

}  // namespace vouch::terminal
