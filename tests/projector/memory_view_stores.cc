#include "tests/projector/memory_view_stores.h"

#include <cerrno>
#include <iterator>
#include <utility>

namespace vouch::test {
namespace {

using namespace projector;

using Rows = MemoryRows<Bytes, Bytes>::Rows;

Bytes bytes_of(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

class Cursor final : public RowCursor {
public:
    explicit Cursor(const Rows& rows) : rows_(rows), at_(rows.end()) {}
    void seek(ByteView key) override { at_ = rows_.lower_bound(bytes_of(key)); }
    void seek_at_or_before(ByteView key) override {
        at_ = rows_.upper_bound(bytes_of(key));
        at_ = at_ == rows_.begin() ? rows_.end() : std::prev(at_);
    }
    void next() override { ++at_; }
    bool is_valid() const override { return at_ != rows_.end(); }
    ByteView key() const override { return at_->first; }
    ByteView value() const override { return at_->second; }
    Status status() const override { return {}; }

private:
    const Rows& rows_;
    Rows::const_iterator at_;
};

class Snapshot final : public ViewSnapshot {
public:
    explicit Snapshot(std::shared_ptr<const Rows> rows) : rows_(std::move(rows)) {
        const auto found = rows_->find(bytes_of(position_key().view()));
        if (found != rows_->end()) position_ = decode_position(found->second);
    }
    const std::optional<ViewPosition>& position() const override { return position_; }
    Result<bool> get(ByteView key, Bytes& value) override {
        const auto found = rows_->find(bytes_of(key));
        if (found == rows_->end()) return false;
        value = found->second;
        return true;
    }
    std::unique_ptr<RowCursor> cursor() override { return std::make_unique<Cursor>(*rows_); }
    bool newest_history(AccountNumber, EventNumber, Bytes&) override { return false; }

private:
    const std::shared_ptr<const Rows> rows_;
    std::optional<ViewPosition> position_;
};

}  // namespace

class MemoryViewStores::Store final : public ViewStore {
public:
    Store(MemoryFiles& machine, std::shared_ptr<Kept> kept, bool is_written)
        : machine_(machine), kept_(std::move(kept)), is_written_(is_written) {
        position_ = Snapshot(kept_->rows.share()).position();
    }
    ~Store() override {
        if (!is_written_) return;
        const std::lock_guard lock(kept_->mutex);
        kept_->is_open = false;
    }

    const std::optional<ViewPosition>& position() const override { return position_; }
    Status has_room() override { return {}; }
    std::unique_ptr<ViewWrite> start_batch() override;
    Result<std::unique_ptr<ViewWrite>> start_bulk() override;
    std::optional<Fault> damage() const override { return std::nullopt; }
    Result<std::unique_ptr<ViewSnapshot>> snapshot() override {
        const std::lock_guard lock(kept_->mutex);
        return std::unique_ptr<ViewSnapshot>(std::make_unique<Snapshot>(kept_->rows.share()));
    }

    Status write(MemoryRows<Bytes, Bytes>::Batch rows, const ViewPosition& position,
                 bool is_synced) {
        if (!is_written_ || has_failed_)
            return Fault{FaultCode::storage, "view: its store takes no rows"};
        if (const int error = machine_.change("view write"); error != 0) return fail(error);
        {
            const std::lock_guard lock(kept_->mutex);
            kept_->rows.write(std::move(rows));
        }
        if (is_synced) {
            if (const int error = machine_.change("view sync"); error != 0) return fail(error);
            const std::lock_guard lock(kept_->mutex);
            kept_->rows.sync();
        }
        position_ = position;
        return {};
    }

private:
    Fault fail(int error) {
        has_failed_ = true;
        return storage_fault("view write", "memory", error);
    }

    MemoryFiles& machine_;
    const std::shared_ptr<Kept> kept_;
    const bool is_written_;
    bool has_failed_ = false;
    std::optional<ViewPosition> position_;
};

class MemoryViewStores::Write final : public ViewWrite {
public:
    Write(Store& store, bool is_synced) : store_(store), is_synced_(is_synced) {}

    void put_history(AccountNumber account, EventNumber event, std::uint16_t change,
                     ByteView value) override {
        put(history_key(account, event, change), value);
    }
    void put_command(LedgerId ledger, CommandId id, EventNumber event) override {
        Bytes number;
        encode_number(event.value(), number);
        put(command_key(ledger, id), number);
    }
    void put_at_end(const RowKey& key, ByteView value) override { put(key, value); }
    void put(const RowKey& key, ByteView value) override {
        bytes_ += key.view().size() + value.size();
        rows_.emplace_back(bytes_of(key.view()), bytes_of(value));
    }
    std::size_t bytes() const override { return bytes_; }
    Status commit(const ViewPosition& position) override {
        Bytes value;
        encode_position(position, value);
        put(position_key(), value);
        return store_.write(std::move(rows_), position, is_synced_);
    }

private:
    Store& store_;
    const bool is_synced_;
    MemoryRows<Bytes, Bytes>::Batch rows_;
    std::size_t bytes_ = 0;
};

std::unique_ptr<ViewWrite> MemoryViewStores::Store::start_batch() {
    return std::make_unique<Write>(*this, false);
}

Result<std::unique_ptr<ViewWrite>> MemoryViewStores::Store::start_bulk() {
    return std::unique_ptr<ViewWrite>(std::make_unique<Write>(*this, true));
}

Result<std::unique_ptr<ViewStore>> MemoryViewStores::open(const std::filesystem::path& directory,
                                                          const SecretKey&,
                                                          const ViewStoreOptions&) {
    if (machine_.is_off()) return storage_fault("open", directory.string(), EIO);
    const std::lock_guard lock(mutex_);
    std::shared_ptr<Kept>& kept = kept_[directory.string()];
    if (kept == nullptr) kept = std::make_shared<Kept>();
    const std::lock_guard inside(kept->mutex);
    if (std::exchange(kept->is_open, true))
        return Fault{FaultCode::configuration, "view: " + directory.string() + " is in use"};
    return std::unique_ptr<ViewStore>(std::make_unique<Store>(machine_, kept, true));
}

Result<std::unique_ptr<ViewStore>> MemoryViewStores::open_to_read(
    const std::filesystem::path& directory, const SecretKey&, const ViewStoreOptions&) {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(directory.string());
    if (found == kept_.end())
        return Fault{FaultCode::configuration, "view: there is none in " + directory.string()};
    const std::lock_guard inside(found->second->mutex);
    // As of now, whoever writes on.
    auto kept = std::make_shared<Kept>();
    kept->rows = found->second->rows.copy();
    return std::unique_ptr<ViewStore>(std::make_unique<Store>(machine_, kept, false));
}

Result<SetAside> MemoryViewStores::set_aside(const std::filesystem::path& directory) {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(directory.string());
    if (found == kept_.end()) return storage_fault("set aside", directory.string(), ENOENT);
    const SetAside aside{directory.string() + ".damaged-" + std::to_string(kept_.size()), 1};
    kept_[aside.path.string()] = std::move(found->second);
    kept_.erase(directory.string());
    return aside;
}

void MemoryViewStores::power_on(std::uint64_t seed) {
    const std::lock_guard lock(mutex_);
    for (const auto& [directory, kept] : kept_) kept->rows.crash(seed);
}

}  // namespace vouch::test
