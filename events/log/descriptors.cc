#include "events/log/descriptors.h"

#include <cerrno>
#include <system_error>

namespace vouch {

bool is_out_of_descriptors(const std::string& message) {
    for (const int error : {EMFILE, ENFILE}) {
        if (message.find(std::generic_category().message(error)) != std::string::npos) return true;
    }
    return false;
}

}  // namespace vouch
