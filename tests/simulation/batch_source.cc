#include "tests/simulation/batch_source.h"

#include "events/check.h"
#include "events/entries/codec.h"
#include "tests/berka/bank_rows.h"
#include "tests/command-handler/mixed_load.h"

#include <limits>
#include <vector>

namespace vouch::test {
namespace {

class MixedSource final : public BatchSource {
public:
    MixedSource(std::uint64_t seed, bool sets_clock) : load_(seed, sets_clock) {}
    std::uint64_t batches() const override { return std::numeric_limits<std::uint64_t>::max(); }
    std::size_t size(std::uint64_t batch) const override { return load_.size(batch); }
    Bytes batch(std::uint64_t batch) const override { return load_.batch(batch); }
    CommandId id(std::uint64_t batch, std::size_t member) const override {
        return load_.id(batch, member);
    }

private:
    MixedLoad load_;
};

class BankSource final : public BatchSource {
public:
    BankSource(const std::string& file, std::size_t times)
        : load_(read_bank_rows(file)), times_(times) {}
    std::uint64_t batches() const override { return load_.batches(); }
    std::size_t size(std::uint64_t batch) const override { return load_.size(batch) * times_; }
    Bytes batch(std::uint64_t batch) const override {
        const Bytes once = load_.batch(batch);
        if (times_ == 1) return once;
        std::vector<CommandBytes> members;
        VOUCH_ASSERT(!split_batch(once, members));
        Bytes bytes;
        Arena arena;
        for (const CommandBytes member : members) {
            Command command;
            VOUCH_ASSERT(!decode_command(member, arena, command));
            for (std::size_t i = 0; i < times_; ++i) append_to_batch(command, bytes);
        }
        return bytes;
    }
    CommandId id(std::uint64_t batch, std::size_t member) const override {
        return load_.id(batch, member / times_);
    }

private:
    BankLoad load_;
    std::size_t times_;
};

}  // namespace

std::unique_ptr<BatchSource> make_batch_source(const std::string& name) {
    const std::size_t colon = name.find(':');
    if (colon == std::string::npos) return nullptr;
    const std::string kind = name.substr(0, colon);
    const std::string rest = name.substr(colon + 1);
    if (kind == "mixed" || kind == "mixed-clock")
        return std::make_unique<MixedSource>(std::stoull(rest), kind == "mixed-clock");
    if (kind == "bank" || kind == "bank-twice")
        return std::make_unique<BankSource>(rest, kind == "bank" ? 1 : 2);
    return nullptr;
}

}  // namespace vouch::test
