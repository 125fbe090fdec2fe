#include "command-handler/shard/snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

// snapshot = chunk* end
// chunk    = length:4 kind:1 content            length counts kind and content; the first is a head
// end      = 0:4 tag:32
// head     = kind 1: next_record:8 next_event:8 last_tag:32 last_time:8 term:8 epoch:8
//            epoch_first_event:8 epoch_first_time:8 epoch_has_record:1 next_command:8
// accounts = kind 2: rows of id:16 ledger:4 class:1 asset:16 totals:4x16 limit:16 version:8 block:1
//            closed:1 unlimited:1, in order of their numbers
// holds    = kind 3: rows of ledger:4 id:16 payer:4 payee+1:4 remaining:16 captured:16 expires_at:8
//
// All numbers are big-endian. The tag runs over the chunks: tag 0 is zero, and tag n+1 is
// HMAC-SHA256(tag n | length | kind | content).

namespace vouch::command_handler {
namespace {

enum class Kind : std::uint8_t { head = 1, accounts = 2, holds = 3 };

constexpr std::size_t kAccountBytes = 16 + 4 + 1 + 16 + 64 + 16 + 8 + 3;
constexpr std::size_t kHoldBytes = 4 + 16 + 4 + 4 + 16 + 16 + 8;
constexpr std::size_t kHeadBytes = 8 + 8 + 32 + 8 * 5 + 1 + 8;

class Writer {
public:
    explicit Writer(std::vector<std::byte>& out) : out_(out) {}
    void number(std::uint64_t value, int bytes) {
        for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out_.push_back(static_cast<std::byte>(value >> shift));
    }
    void amount(Amount amount) {
        number(amount.high(), 8);
        number(amount.low(), 8);
    }

private:
    std::vector<std::byte>& out_;
};

class Reader {
public:
    explicit Reader(std::span<const std::byte> in) : in_(in) {}
    std::uint64_t number(std::size_t bytes) {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes; ++i) value = (value << 8) | static_cast<std::uint64_t>(in_[i]);
        in_ = in_.subspan(bytes);
        return value;
    }
    Amount amount() {
        const std::uint64_t high = number(8);
        return Amount::from_halves(high, number(8));
    }
    template <class Tag>
    Id<Tag> id() {
        const std::uint64_t high = number(8);
        return Id<Tag>(high, number(8));
    }
    std::span<const std::byte> bytes(std::size_t count) {
        const std::span<const std::byte> taken = in_.first(count);
        in_ = in_.subspan(count);
        return taken;
    }
    std::size_t left() const { return in_.size(); }

private:
    std::span<const std::byte> in_;
};

void write_head(std::vector<std::byte>& chunk, const ChainHead& head) {
    Writer out(chunk);
    out.number(head.next_record.value(), 8);
    out.number(head.next_event.value(), 8);
    chunk.insert(chunk.end(), head.last_tag.begin(), head.last_tag.end());
    out.number(static_cast<std::uint64_t>(head.last_time.value()), 8);
    out.number(head.term.value(), 8);
    out.number(head.epoch.value(), 8);
    out.number(head.epoch_first_event.value(), 8);
    out.number(static_cast<std::uint64_t>(head.epoch_first_time.value()), 8);
    out.number(head.epoch_has_record ? 1 : 0, 1);
    out.number(head.next_command.value(), 8);
}

ChainHead read_head(Reader in) {
    ChainHead head;
    head.next_record = RecordNumber(in.number(8));
    head.next_event = EventNumber(in.number(8));
    const std::span<const std::byte> tag = in.bytes(head.last_tag.size());
    std::copy(tag.begin(), tag.end(), head.last_tag.begin());
    head.last_time = Timestamp(static_cast<std::int64_t>(in.number(8)));
    head.term = Term(in.number(8));
    head.epoch = Epoch(in.number(8));
    head.epoch_first_event = EventNumber(in.number(8));
    head.epoch_first_time = Timestamp(static_cast<std::int64_t>(in.number(8)));
    head.epoch_has_record = in.number(1) != 0;
    head.next_command = Offset(in.number(8));
    return head;
}

void write_account(std::vector<std::byte>& chunk, const AccountRow& row, Asset asset) {
    Writer out(chunk);
    const AccountStanding& standing = row.standing;
    out.number(row.id.high(), 8);
    out.number(row.id.low(), 8);
    out.number(row.ledger.value(), 4);
    out.number(static_cast<std::uint64_t>(row.account_class), 1);
    out.number(asset.high(), 8);
    out.number(asset.low(), 8);
    out.amount(standing.totals.debits_posted);
    out.amount(standing.totals.credits_posted);
    out.amount(standing.totals.debits_held);
    out.amount(standing.totals.credits_held);
    out.amount(standing.limit_below_zero);
    out.number(standing.version.value(), 8);
    out.number(static_cast<std::uint64_t>(standing.block), 1);
    out.number(standing.closed ? 1 : 0, 1);
    out.number(standing.unlimited ? 1 : 0, 1);
}

void read_account(Reader& in, ShardState& state) {
    AccountRow row;
    row.id = in.id<AccountIdTag>();
    row.ledger = LedgerId(static_cast<std::uint32_t>(in.number(4)));
    row.account_class = static_cast<AccountClass>(in.number(1));
    const std::uint64_t asset_high = in.number(8);
    const Asset asset = Asset::from_halves(asset_high, in.number(8));
    AccountStanding& standing = row.standing;
    standing.totals.debits_posted = in.amount();
    standing.totals.credits_posted = in.amount();
    standing.totals.debits_held = in.amount();
    standing.totals.credits_held = in.amount();
    standing.limit_below_zero = in.amount();
    standing.version = Version(in.number(8));
    standing.block = static_cast<Block>(in.number(1));
    standing.closed = in.number(1) != 0;
    standing.unlimited = in.number(1) != 0;
    state.load_account(row, asset);
}

void write_hold(std::vector<std::byte>& chunk, LedgerId ledger, const HoldState& hold) {
    Writer out(chunk);
    out.number(ledger.value(), 4);
    out.number(hold.id.high(), 8);
    out.number(hold.id.low(), 8);
    out.number(hold.payer.value(), 4);
    out.number(hold.payee ? std::uint64_t{hold.payee->value()} + 1 : 0, 4);
    out.amount(hold.remaining);
    out.amount(hold.captured);
    out.number(static_cast<std::uint64_t>(hold.expires_at.value()), 8);
}

void read_hold(Reader& in, ShardState& state) {
    const LedgerId ledger(static_cast<std::uint32_t>(in.number(4)));
    HoldState hold;
    hold.id = in.id<CommandIdTag>();
    hold.payer = AccountNumber(static_cast<std::uint32_t>(in.number(4)));
    const std::uint64_t payee = in.number(4);
    if (payee != 0) hold.payee = AccountNumber(static_cast<std::uint32_t>(payee - 1));
    hold.remaining = in.amount();
    hold.captured = in.amount();
    hold.expires_at = Timestamp(static_cast<std::int64_t>(in.number(8)));
    state.load_hold(ledger, hold);
}

Fault storage(const char* what) {
    return {FaultCode::storage, std::string("snapshot: ") + what + ": " + std::strerror(errno)};
}

std::vector<std::byte> begin_chunk(Kind kind) {
    std::vector<std::byte> chunk(4);
    chunk.push_back(static_cast<std::byte>(kind));
    return chunk;
}

}  // namespace

SnapshotWriter::SnapshotWriter(std::filesystem::path path, const SecretKey& key)
    : path_(std::move(path)), unfinished_(path_.string() + ".unfinished"), mac_(key) {}

SnapshotWriter::~SnapshotWriter() {
    if (file_ == nullptr) return;
    std::fclose(file_);
    std::error_code error;
    std::filesystem::remove(unfinished_, error);
}

Result<std::unique_ptr<SnapshotWriter>> SnapshotWriter::begin(const std::filesystem::path& path, const SecretKey& key,
                                                              const ChainHead& head) {
    std::unique_ptr<SnapshotWriter> writer(new SnapshotWriter(path, key));
    writer->file_ = std::fopen(writer->unfinished_.c_str(), "wb");
    if (writer->file_ == nullptr) return storage("create");
    std::vector<std::byte> chunk = begin_chunk(Kind::head);
    write_head(chunk, head);
    if (Status status = writer->write_chunk(chunk); !status) return status.error();
    return writer;
}

Status SnapshotWriter::write_chunk(std::vector<std::byte>& chunk) {
    const std::size_t length = chunk.size() - 4;
    for (std::size_t i = 0; i < 4; ++i) chunk[i] = static_cast<std::byte>(length >> (24 - 8 * i));
    const std::array<std::span<const std::byte>, 2> pieces{running_, chunk};
    running_ = mac_.tag(pieces);
    if (std::fwrite(chunk.data(), 1, chunk.size(), file_) != chunk.size()) return storage("write");
    return {};
}

Result<bool> SnapshotWriter::copy_some(const ShardState& state) {
    const AccountTable& accounts = state.accounts();
    std::vector<std::byte> chunk = begin_chunk(Kind::accounts);
    chunk.reserve(chunk.size() + kChunkAccounts * kAccountBytes);
    for (std::size_t i = 0; i < kChunkAccounts && next_account_ < accounts.size(); ++i, ++next_account_) {
        const AccountRow& row = accounts.row(AccountNumber(next_account_));
        write_account(chunk, row, accounts.asset(row));
    }
    if (Status status = write_chunk(chunk); !status) return status.error();
    if (next_account_ < accounts.size()) return false;
    chunk = begin_chunk(Kind::holds);
    for (const auto& [key, hold] : state.holds().sorted()) write_hold(chunk, key.ledger, hold);
    if (Status status = write_chunk(chunk); !status) return status.error();
    return true;
}

Status SnapshotWriter::publish() {
    const std::array<std::byte, 4> end{};
    const bool written = std::fwrite(end.data(), 1, end.size(), file_) == end.size() &&
                         std::fwrite(running_.data(), 1, running_.size(), file_) == running_.size() &&
                         std::fflush(file_) == 0 && ::fsync(::fileno(file_)) == 0;
    if (!written) return storage("write");
    std::fclose(file_);
    file_ = nullptr;
    std::error_code error;
    std::filesystem::rename(unfinished_, path_, error);
    if (error) return Fault{FaultCode::storage, "snapshot: rename: " + error.message()};
    const int directory = ::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return storage("open directory");
    const bool synced = ::fsync(directory) == 0;
    ::close(directory);
    return synced ? Status() : Status(storage("sync directory"));
}

namespace {

/// Checks lengths and the running tag over all chunks; gives them without their lengths.
std::optional<std::vector<std::span<const std::byte>>> authentic_chunks(std::span<const std::byte> file, Mac& mac) {
    std::vector<std::span<const std::byte>> chunks;
    Tag running{};
    for (std::size_t at = 0; at + 4 <= file.size();) {
        const auto length = static_cast<std::size_t>(Reader(file.subspan(at)).number(4));
        if (length == 0) {
            const std::span<const std::byte> tag = file.subspan(at + 4);
            if (tag.size() != running.size() || !equal_tags(tag, running)) return std::nullopt;
            return chunks;
        }
        if (length > file.size() - at - 4) return std::nullopt;
        const std::array<std::span<const std::byte>, 2> pieces{running, file.subspan(at, 4 + length)};
        running = mac.tag(pieces);
        chunks.push_back(file.subspan(at + 4, length));
        at += 4 + length;
    }
    return std::nullopt;
}

}  // namespace

Result<std::optional<ChainHead>> load_snapshot(const std::filesystem::path& path, const SecretKey& key,
                                               ShardState& state) {
    std::error_code error;
    const std::uintmax_t size = std::filesystem::file_size(path, error);
    if (error) return std::optional<ChainHead>();
    std::vector<std::byte> file(size);
    std::ifstream in(path, std::ios::binary);
    in.read(reinterpret_cast<char*>(file.data()), static_cast<std::streamsize>(size));
    Mac mac(key);
    const auto chunks = in ? authentic_chunks(file, mac) : std::nullopt;
    const Fault edited{FaultCode::corrupt, "snapshot: not what was written"};
    if (!chunks || chunks->empty()) return edited;
    std::optional<ChainHead> head;
    for (const std::span<const std::byte> chunk : *chunks) {
        Reader rows(chunk.subspan(1));
        switch (static_cast<Kind>(chunk[0])) {
            case Kind::head:
                if (rows.left() != kHeadBytes) return edited;
                head = read_head(rows);
                break;
            case Kind::accounts:
                while (rows.left() >= kAccountBytes) read_account(rows, state);
                break;
            case Kind::holds:
                while (rows.left() >= kHoldBytes) read_hold(rows, state);
                break;
        }
    }
    if (!head) return edited;
    return head;
}

}  // namespace vouch::command_handler
