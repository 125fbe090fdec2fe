#include "events/seal/secret_bytes.h"

#include "events/seal/mac.h"

#include <doctest/doctest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace vouch;

/// The flags of the mapping that `address` is in, as /proc/self/smaps has them.
std::string flags_at(const void* address) {
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    std::ifstream maps("/proc/self/smaps");
    bool is_it = false;
    for (std::string line; std::getline(maps, line);) {
        std::uintptr_t begin = 0;
        std::uintptr_t end = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2)
            is_it = begin <= wanted && wanted < end;
        if (is_it && line.starts_with("VmFlags:")) return line + " ";
    }
    return "none";
}

/// The sanitizers' runtimes answer mlock themselves, and lock nothing.
bool may_lock_memory() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return false;
#endif
    rlimit limit{};
    return ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur >= (1U << 16);
}

void check_kept(const void* address) {
    const std::string flags = flags_at(address);
    CAPTURE(flags);
    CHECK(flags.find(" dd ") != std::string::npos);  // not dumped
    if (may_lock_memory()) CHECK(flags.find(" lo ") != std::string::npos);
}

}  // namespace

TEST_CASE("secret bytes: keys and passphrases of any length stand on locked pages that no core has") {
    const std::array<std::byte, 32> bytes_of_key{std::byte{7}};
    const SecretKey key(bytes_of_key);
    check_kept(key.bytes().data());
    for (const std::size_t size : {1U, 64U, 65U, 4096U, 4097U, 100'000U}) {
        CAPTURE(size);
        const SecretBytes bytes(size, std::byte{1});
        check_kept(bytes.data());
        check_kept(bytes.data() + size - 1);
    }
}

TEST_CASE("secret bytes: what is taken is one's own, is wiped when given back, and used again") {
    std::set<void*> taken;
    for (std::size_t i = 0; i < 300; ++i) {
        void* const memory = allocate_secret(48);
        std::fill_n(static_cast<char*>(memory), 48, 'k');
        CHECK(taken.insert(memory).second);
    }
    for (void* const memory : taken) {
        free_secret(memory, 48);
        // Past the link to the next free one.
        const char* const bytes = static_cast<const char*>(memory);
        CHECK(std::count(bytes + sizeof(void*), bytes + 48, 'k') == 0);
    }
    void* const again = allocate_secret(33);
    CHECK(taken.contains(again));
    free_secret(again, 33);
}

TEST_CASE("secret bytes: a process that forbids core files writes none") {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        forbid_core_files();
        rlimit limit{1, 1};
        const bool none = ::getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 &&
                          limit.rlim_max == 0 && ::prctl(PR_GET_DUMPABLE) == 0;
        ::_exit(none ? 0 : 1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
