// A sealed table, n being the number of its blocks of 8 KiB, the last one perhaps shorter:
//
//   data | tag of block 0:16 … tag of block n-1:16 | salt:16 | tag of the tags:16 | "vouchst1"
//
// The tags are BlockMacs under file_key(store's key, salt), of block i under the number i; the tags
// themselves are a block of the number 2^64-1. So the size of the data follows from the file's.

#include "events/store/sealed_table.h"

#include "events/seal/file_key.h"
#include "events/store/sealed_writer.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vouch {

namespace {

using namespace std::string_view_literals;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

/// A look-up reads the blocks that its rows lie in: small ones cost less to verify for it, large
/// ones less for a merge.
constexpr std::uint64_t kBlockBytes = std::uint64_t{8} << 10;
constexpr std::uint64_t kTagBytes = sizeof(BlockTag);
constexpr std::uint64_t kTagsNumber = ~std::uint64_t{0};
constexpr std::string_view kTableMagic = "vouchst1"sv;
constexpr std::uint64_t kEndBytes = sizeof(FileSalt) + sizeof(BlockTag) + kTableMagic.size();

class TableWriter final : public SealedWriter {
public:
    TableWriter(const SecretKey& store_key, std::unique_ptr<rocksdb::FSWritableFile> file)
        : SealedWriter(std::move(file)),
          salt_(make_file_salt()),
          mac_(file_key(store_key, salt_)) {
        mac_.begin(0);
    }

    IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
        if (is_ended_) return IOStatus::NotSupported("a sealed table takes no more rows");
        const IOStatus status = target()->Append(data, options, debug);
        if (status.ok()) add(slice_bytes(data));
        return status;
    }
    IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
        const IOStatus ended = end(options, debug);
        return ended.ok() ? target()->Sync(options, debug) : ended;
    }
    IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
        const IOStatus ended = end(options, debug);
        return ended.ok() ? target()->Fsync(options, debug) : ended;
    }
    IOStatus Close(const IOOptions& options, IODebugContext* debug) override {
        const IOStatus ended = end(options, debug);
        const IOStatus closed = target()->Close(options, debug);
        return ended.ok() ? closed : ended;
    }
    bool IsSyncThreadSafe() const override { return false; }
    std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }

private:
    void add(std::span<const std::byte> data) {
        while (!data.empty()) {
            const std::uint64_t room = kBlockBytes - size_ % kBlockBytes;
            const auto piece = data.first(std::min<std::uint64_t>(room, data.size()));
            mac_.add(piece);
            size_ += piece.size();
            data = data.subspan(piece.size());
            if (size_ % kBlockBytes == 0) finish_block();
        }
    }

    void finish_block() {
        const BlockTag tag = mac_.finish();
        tags_.insert(tags_.end(), tag.begin(), tag.end());
        mac_.begin(tags_.size() / kTagBytes);
    }

    IOStatus end(const IOOptions& options, IODebugContext* debug) {
        if (is_ended_) return IOStatus::OK();
        is_ended_ = true;
        if (size_ % kBlockBytes != 0) finish_block();
        const BlockTag tag = mac_.tag(kTagsNumber, tags_);
        tags_.insert(tags_.end(), salt_.begin(), salt_.end());
        tags_.insert(tags_.end(), tag.begin(), tag.end());
        const auto magic = std::as_bytes(std::span(kTableMagic));
        tags_.insert(tags_.end(), magic.begin(), magic.end());
        return target()->Append(slice_of(tags_), options, debug);
    }

    FileSalt salt_;
    BlockMac mac_;
    std::vector<std::byte> tags_;
    std::uint64_t size_ = 0;  // of the data
    bool is_ended_ = false;
};

class TableReader final : public rocksdb::FSRandomAccessFileOwnerWrapper {
public:
    TableReader(std::string path, std::unique_ptr<rocksdb::FSRandomAccessFile> file, SecretKey key,
                std::uint64_t size, std::vector<std::byte> tags)
        : FSRandomAccessFileOwnerWrapper(std::move(file)),
          path_(std::move(path)),
          key_(std::move(key)),
          size_(size),
          tags_(std::move(tags)) {}

    IOStatus Read(std::uint64_t offset, std::size_t size, const IOOptions& options, Slice* result,
                  char* scratch, IODebugContext* debug) const override {
        *result = Slice(scratch, 0);
        if (offset >= size_) return IOStatus::OK();
        size = static_cast<std::size_t>(std::min<std::uint64_t>(size, size_ - offset));
        if (size == 0) return IOStatus::OK();
        const std::uint64_t begin = offset / kBlockBytes * kBlockBytes;
        const std::uint64_t end = std::min(
            size_, (offset + size + kBlockBytes - 1) / kBlockBytes * kBlockBytes);
        // Whole blocks can be read to where they are wanted.
        static thread_local std::vector<char> blocks;
        char* into = scratch;
        if (end - begin != size) {
            blocks.resize(end - begin);
            into = blocks.data();
        }
        Slice read;
        const IOStatus status = target()->Read(begin, end - begin, options, &read, into, debug);
        if (!status.ok()) return status;
        if (read.size() != end - begin) return corruption("is shorter than it was");
        if (!is_authentic(begin / kBlockBytes, slice_bytes(read)))
            return corruption("is not what was written");
        if (read.data() + (offset - begin) != scratch)
            std::memcpy(scratch, read.data() + (offset - begin), size);
        *result = Slice(scratch, size);
        return IOStatus::OK();
    }

    // One by one: what the wrapped file has would go past the tags.
    IOStatus MultiRead(rocksdb::FSReadRequest* requests, std::size_t count,
                       const IOOptions& options, IODebugContext* debug) override {
        for (rocksdb::FSReadRequest& request : std::span(requests, count)) {
            request.status = Read(request.offset, request.len, options, &request.result,
                                  request.scratch, debug);
        }
        return IOStatus::OK();
    }
    IOStatus ReadAsync(rocksdb::FSReadRequest& request, const IOOptions& options,
                       std::function<void(const rocksdb::FSReadRequest&, void*)> done,
                       void* argument, void** handle, rocksdb::IOHandleDeleter* deleter,
                       IODebugContext* debug) override {
        return FSRandomAccessFile::ReadAsync(request, options, std::move(done), argument, handle,
                                             deleter, debug);
    }

private:
    IOStatus corruption(const char* what) const {
        return IOStatus::Corruption(path_, std::string("the sealed table ") + what);
    }

    bool is_authentic(std::uint64_t number, std::span<const std::byte> blocks) const {
        BlockMac mac = take_mac();
        bool is_good = true;
        for (; !blocks.empty() && is_good; ++number) {
            const auto block = blocks.first(std::min<std::size_t>(kBlockBytes, blocks.size()));
            is_good = equal_tags(mac.tag(number, block),
                                 std::span(tags_).subspan(number * kTagBytes, kTagBytes));
            blocks = blocks.subspan(block.size());
        }
        give_back(std::move(mac));
        return is_good;
    }

    // One for each thread that reads at the same time; making one costs more than a block.
    BlockMac take_mac() const {
        const std::lock_guard lock(mutex_);
        if (macs_.empty()) return BlockMac(key_);
        BlockMac mac = std::move(macs_.back());
        macs_.pop_back();
        return mac;
    }
    void give_back(BlockMac mac) const {
        const std::lock_guard lock(mutex_);
        macs_.push_back(std::move(mac));
    }

    const std::string path_;
    const SecretKey key_;
    const std::uint64_t size_;
    const std::vector<std::byte> tags_;
    mutable std::mutex mutex_;
    mutable std::vector<BlockMac> macs_;
};

IOStatus read_all(const rocksdb::FSRandomAccessFile& file, std::uint64_t offset,
                  std::span<std::byte> out) {
    Slice read;
    auto* into = reinterpret_cast<char*>(out.data());
    const IOStatus status = file.Read(offset, out.size(), IOOptions(), &read, into, nullptr);
    if (!status.ok()) return status;
    if (read.size() != out.size()) return IOStatus::Corruption("the file is shorter than it was");
    if (read.data() != into) std::memcpy(into, read.data(), read.size());
    return IOStatus::OK();
}

}  // namespace

std::optional<std::uint64_t> table_bytes(std::uint64_t file_bytes) {
    if (file_bytes < kEndBytes) return std::nullopt;
    const std::uint64_t sealed = file_bytes - kEndBytes;
    const std::uint64_t blocks =
        (sealed + kBlockBytes + kTagBytes - 1) / (kBlockBytes + kTagBytes);
    // A file cut so that its last block would have a tag and no data is none.
    if (blocks * kTagBytes > sealed) return std::nullopt;
    const std::uint64_t data = sealed - blocks * kTagBytes;
    if ((data + kBlockBytes - 1) / kBlockBytes != blocks) return std::nullopt;
    return data;
}

std::unique_ptr<rocksdb::FSWritableFile> seal_table(const SecretKey& store_key,
                                                    std::unique_ptr<rocksdb::FSWritableFile> file) {
    return std::make_unique<TableWriter>(store_key, std::move(file));
}

IOStatus open_sealed_table(const SecretKey& store_key, const std::string& path,
                           std::uint64_t file_bytes,
                           std::unique_ptr<rocksdb::FSRandomAccessFile> file,
                           std::unique_ptr<rocksdb::FSRandomAccessFile>& opened) {
    const auto corruption = [&path](const char* what) {
        return IOStatus::Corruption(path, std::string("the sealed table ") + what);
    };
    const std::optional<std::uint64_t> size = table_bytes(file_bytes);
    if (!size) return corruption("has lost its end");
    std::vector<std::byte> end(file_bytes - *size);
    if (const IOStatus read = read_all(*file, *size, end); !read.ok()) return read;
    const std::size_t tags_bytes = end.size() - kEndBytes;
    const auto magic = std::span(end).last(kTableMagic.size());
    if (std::memcmp(magic.data(), kTableMagic.data(), kTableMagic.size()) != 0)
        return corruption("has lost its end");
    FileSalt salt;
    std::copy_n(end.begin() + static_cast<std::ptrdiff_t>(tags_bytes), salt.size(), salt.begin());
    SecretKey key = file_key(store_key, salt);
    const auto tags = std::span(end).first(tags_bytes);
    const auto tag = std::span(end).subspan(tags_bytes + salt.size(), kTagBytes);
    if (!equal_tags(BlockMac(key).tag(kTagsNumber, tags), tag))
        return corruption("is not of this store, or not what was written");
    end.resize(tags_bytes);
    opened = std::make_unique<TableReader>(path, std::move(file), std::move(key), *size,
                                           std::move(end));
    return IOStatus::OK();
}

}  // namespace vouch
