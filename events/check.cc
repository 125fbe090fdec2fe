#include "events/check.h"

#include <cstdio>
#include <cstdlib>

namespace vouch {

void assertion_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr, "vouch: internal error: expected %s at %s:%d\n", condition, file, line);
    std::abort();
}

}  // namespace vouch
