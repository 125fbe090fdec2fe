#include "tools/vouch/out_of_memory.h"

#include "tools/vouch/exit_code.h"

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>
#include <system_error>

namespace vouch::cli {

namespace {

std::terminate_handler default_terminate = nullptr;

[[noreturn]] void end_or_terminate() {
    if (is_out_of_memory()) end_out_of_memory();
    if (default_terminate != nullptr) default_terminate();
    std::abort();
}

}  // namespace

bool is_out_of_memory() {
    const std::exception_ptr current = std::current_exception();
    if (!current) return false;
    try {
        std::rethrow_exception(current);
    } catch (const std::bad_alloc&) {
        return true;
    } catch (const std::system_error& error) {
        return error.code() == std::errc::resource_unavailable_try_again ||
               error.code() == std::errc::not_enough_memory;
    } catch (...) {
        return false;
    }
}

// No memory is taken from here on.
void end_out_of_memory() {
    constexpr std::string_view kSentence =
        "vouch: out of memory or threads; what was acknowledged is safe, give it more and start "
        "again\n";
    const ssize_t ignored = ::write(STDERR_FILENO, kSentence.data(), kSentence.size());
    (void)ignored;
    ::_exit(static_cast<int>(ExitCode::unreachable));
}

void end_clearly_without_memory() {
    default_terminate = std::set_terminate(end_or_terminate);
    std::set_new_handler(end_out_of_memory);
}

}  // namespace vouch::cli
