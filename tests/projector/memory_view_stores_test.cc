#include "tests/projector/memory_view_stores.h"

#include "tests/projector/random_books.h"
#include "tests/projector/views.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>

// Views in memory are as those in RocksDB are, but for what a crash takes.

namespace {

using namespace vouch;
using namespace vouch::projector;
using namespace vouch::test;

OpenView open(RandomBooks& books, ViewStores& stores, const std::filesystem::path& directory,
              const ProjectorOptions& options) {
    return {directory, books.log, books.deployment, options, ShardId(0), stores};
}

}  // namespace

TEST_CASE("views in memory: the same rows, history and order as in RocksDB") {
    const auto books = random_books(51, 500);
    const TemporaryDirectory directory;
    MemoryFiles machine;
    MemoryViewStores stores(machine);
    for (const bool in_bulk : {false, true}) {
        const ProjectorOptions options = in_bulk ? always_bulk() : always_batch();
        const std::string name = in_bulk ? "bulk" : "batch";
        OpenView real = open(*books, rocks_view_stores(), directory.path() / name, options);
        OpenView twin = open(*books, stores, name, options);
        REQUIRE(real.projector->catch_up_to_end());
        REQUIRE(twin.projector->catch_up_to_end());
        CHECK((rows_of(*twin.store) == rows_of(*real.store)));
        const auto one = *real.store->snapshot();
        const auto other = *twin.store->snapshot();
        const auto of_one = one->cursor();
        const auto of_other = other->cursor();
        for (const auto kind : {RowKind::position, RowKind::history, RowKind::command}) {
            const std::byte key{static_cast<std::uint8_t>(kind)};
            of_one->seek_at_or_before({&key, 1});
            of_other->seek_at_or_before({&key, 1});
            REQUIRE(of_one->is_valid() == of_other->is_valid());
            if (of_one->is_valid()) CHECK(hex(of_one->key()) == hex(of_other->key()));
        }
        CHECK(stores.open(name, view_key()).error().code == FaultCode::configuration);
        CHECK((rows_of(**stores.open_to_read(name, view_key())) == rows_of(*real.store)));
    }
    CHECK(stores.open_to_read("nowhere", view_key()).error().code == FaultCode::configuration);
}

TEST_CASE("views in memory: one that is set aside makes room for a new one, and can be read") {
    const auto books = random_books(53, 50);
    MemoryFiles machine;
    MemoryViewStores stores(machine);
    CHECK_FALSE(stores.set_aside("view"));
    {
        OpenView view = open(*books, stores, "view", always_batch());
        REQUIRE(view.projector->catch_up_to_end());
    }
    const auto aside = stores.set_aside("view");
    REQUIRE(aside);
    CHECK_FALSE(open(*books, stores, "view", always_batch()).store->position());
    const auto kept = stores.open_to_read(aside->path, SecretKey());
    REQUIRE(kept);
    CHECK((*kept)->position().has_value());
}

TEST_CASE("views in memory: killed at any write, a view goes on from where it then stands") {
    const auto books = random_books(52, 300);
    MemoryFiles machine;
    MemoryViewStores stores(machine);
    const auto end_of = [&](const std::string& name, const ProjectorOptions& options) {
        OpenView view = open(*books, stores, name, options);
        REQUIRE(view.projector->catch_up_to_end());
        return rows_of(*view.store);
    };
    const auto expected = end_of("undisturbed", always_batch());
    std::uint64_t fell_back = 0;
    for (const bool in_bulk : {false, true}) {
        const ProjectorOptions options = in_bulk ? always_bulk(2048) : always_batch();
        bool dies = true;
        for (std::uint64_t nth = 1; dies; ++nth) {
            CAPTURE(nth);
            const std::string name = std::to_string(in_bulk) + "-" + std::to_string(nth);
            std::optional<ViewPosition> reached;
            {
                OpenView view = open(*books, stores, name, options);
                machine.power_off_at(nth);
                (void)view.projector->catch_up_to_end();
                reached = view.store->position();
            }
            dies = machine.is_off();
            machine.power_on(nth);
            stores.power_on(nth);
            const auto stands = (*stores.open_to_read(name, view_key()))->position();
            const RecordNumber next = stands ? stands->next_record : RecordNumber(0);
            const RecordNumber was = reached ? reached->next_record : RecordNumber(0);
            // A load is synced: it stands, and so may the one that was under way.
            if (in_bulk) CHECK(next >= was);
            fell_back += next < was ? 1U : 0U;
            CHECK((end_of(name, options) == expected));
        }
    }
    CHECK(fell_back > 3);
}
