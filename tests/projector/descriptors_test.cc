#include "projector/views/view_store.h"
#include "tests/projector/views.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>

namespace {

using namespace vouch;
using namespace vouch::projector;

/// Lets this process open no file while it lives.
class NoDescriptors {
public:
    NoDescriptors() {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        REQUIRE(next >= 0);
        ::close(next);
        rlimit none = before_;
        none.rlim_cur = static_cast<rlim_t>(next);
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    }
    ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

private:
    rlimit before_{};
};

Bytes row(int number) {
    Bytes value;
    encode_number(static_cast<std::uint64_t>(number), value);
    return value;
}

RowKey key(int number) {
    return account_opened_key(AccountNumber(static_cast<std::uint32_t>(number)));
}

ViewPosition position(int records) {
    ViewPosition position;
    position.next_record = RecordNumber(static_cast<std::uint64_t>(records));
    return position;
}

/// One row, as a load of its own; or as a batch.
Status load(ViewStore& store, int number) {
    Result<std::unique_ptr<ViewWrite>> write = store.start_bulk();
    if (!write) return write.error();
    (*write)->put(key(number), row(number));
    return (*write)->commit(position(number));
}
Status batch(ViewStore& store, int number) {
    if (Status room = store.has_room(); !room) return room;
    const std::unique_ptr<ViewWrite> write = store.start_batch();
    write->put(key(number), row(number));
    return write->commit(position(number));
}

/// As the follower does, at once instead of after its interval.
Status again(const std::function<Status()>& write) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    Status written = write();
    while (!written && written.error().code == FaultCode::retriable &&
           std::chrono::steady_clock::now() < until) {
        written = write();
    }
    return written;
}

bool is_waiting(const Status& status) {
    if (!status) INFO(status.error().message);
    return !status && status.error().code == FaultCode::retriable;
}

TEST_CASE("view: without descriptors it waits, and goes on by itself when there are some") {
    const test::TemporaryDirectory home;
    auto store = rocks_view_stores().open(home.path() / "view", test::view_key());
    REQUIRE(store);
    REQUIRE(load(**store, 1));
    SUBCASE("a load's own files") {
        {
            const NoDescriptors none;
            CHECK(is_waiting(load(**store, 2)));
        }
        const Status written = again([&] { return load(**store, 2); });
        CHECK_MESSAGE(written, written.error().message);
    }
    SUBCASE("rows that are to leave the memory") {
        REQUIRE(batch(**store, 2));
        {
            const NoDescriptors none;
            CHECK(is_waiting(load(**store, 3)));
            CHECK(is_waiting(load(**store, 3)));
        }
        const Status written = again([&] { return load(**store, 3); });
        CHECK_MESSAGE(written, written.error().message);
        const Status batched = again([&] { return batch(**store, 4); });
        CHECK_MESSAGE(batched, batched.error().message);
    }
    const auto snapshot = (*store)->snapshot();
    REQUIRE(snapshot);
    Bytes value;
    CHECK(*(*snapshot)->get(key(2).view(), value));
    CHECK(value == row(2));
}

}  // namespace
