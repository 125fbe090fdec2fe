#pragma once

#include "command-handler/shard/shard_loop.h"
#include "tests/command-handler/handler_rig.h"
#include "tests/command-handler/whole_books.h"

#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace vouch::test {

/// The shards of a rig's deployment, each run or halted by itself, with a look at their inside; so
/// a test says which shard takes its steps when. Not beside the rig's own handler.
class ShardLoops {
public:
    explicit ShardLoops(HandlerRig& rig);
    ~ShardLoops();

    /// Takes every shard over and runs none, as after a start of the process.
    void start();
    /// Runs a shard on a thread of its own.
    void run(std::uint32_t shard);
    /// Stops a shard after what it has read, with a snapshot of it, and waits. It can be run again.
    void halt(std::uint32_t shard);
    /// Waits for a shard that stops by itself.
    Fault wait_for_fault(std::uint32_t shard);
    /// Drops every shard as it is: the process dies.
    void drop();

    /// State, chain head and peers of a shard. Of a running one as of what is decided.
    std::string inside(std::uint32_t shard);
    /// Sends one batch and waits until all of it is answered for the first time.
    std::vector<Answered> play(std::uint32_t shard, std::span<const Command> commands);
    /// Waits until the shard has taken `batches` of another one's.
    void wait_until_taken(std::uint32_t shard, std::uint32_t from, std::uint64_t batches);

    /// What the shards know of each other's stops; a test says which.
    command_handler::StepCuts cuts;

private:
    struct Running {
        std::unique_ptr<command_handler::ShardLoop> loop;
        std::thread thread;
        Status status;
    };
    std::unique_ptr<command_handler::ShardLoop> make(std::uint32_t shard);

    HandlerRig& rig_;
    command_handler::SentSteps sent_;
    std::vector<Running> shards_;
};

}  // namespace vouch::test
