// A sealed stream:
//
//   "vouchss1" | salt:16 | frame 0 | frame 1 …        frame = length:4 big-endian | tag:16 | data
//
// The tag is a BlockMac of the data under file_key(store's key, salt) and the frame's number.
// A frame that is cut short, or begins with a length of zero (room that was never written), ends
// it.

#include "events/store/sealed_stream.h"

#include "events/bytes/big_endian.h"
#include "events/seal/file_key.h"
#include "events/store/sealed_writer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace vouch {

namespace {

using namespace std::string_view_literals;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr std::string_view kStreamMagic = "vouchss1"sv;
constexpr std::size_t kHeadBytes = kStreamMagic.size() + sizeof(FileSalt);
constexpr std::size_t kFrameHeadBytes = sizeof(std::uint32_t) + sizeof(BlockTag);
/// Data of one frame, at most: what a reader takes memory for on a length that it cannot trust yet.
constexpr std::size_t kFrameBytesMax = std::size_t{1} << 20;

class StreamWriter final : public SealedWriter {
public:
    StreamWriter(const SecretKey& store_key, std::unique_ptr<rocksdb::FSWritableFile> file)
        : SealedWriter(std::move(file)),
          salt_(make_file_salt()),
          mac_(file_key(store_key, salt_)) {}

    IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
        if (IOStatus begun = begin(options, debug); !begun.ok()) return begun;
        for (auto rest = slice_bytes(data); !rest.empty();) {
            const auto piece = rest.first(std::min(rest.size(), kFrameBytesMax));
            if (IOStatus added = add(piece, options, debug); !added.ok()) return added;
            rest = rest.subspan(piece.size());
        }
        return IOStatus::OK();
    }
    std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return size_; }

    // Places in the stream are none in the file: what only makes writing quicker is left out.
    void PrepareWrite(std::size_t, std::size_t, const IOOptions&, IODebugContext*) override {}
    IOStatus Allocate(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
        return IOStatus::OK();
    }
    IOStatus RangeSync(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override {
        return IOStatus::OK();
    }

private:
    IOStatus begin(const IOOptions& options, IODebugContext* debug) {
        if (has_begun_) return IOStatus::OK();
        has_begun_ = true;
        std::vector<std::byte> head(kHeadBytes);
        std::memcpy(head.data(), kStreamMagic.data(), kStreamMagic.size());
        std::copy(salt_.begin(), salt_.end(), head.begin() + kStreamMagic.size());
        return target()->Append(slice_of(head), options, debug);
    }

    // Head and data in one write: a frame is found whole or cut short.
    IOStatus add(std::span<const std::byte> data, const IOOptions& options,
                 IODebugContext* debug) {
        const auto length = big_endian(static_cast<std::uint32_t>(data.size()));
        const BlockTag tag = mac_.tag(frames_++, data);
        frame_.assign(length.begin(), length.end());
        frame_.insert(frame_.end(), tag.begin(), tag.end());
        frame_.insert(frame_.end(), data.begin(), data.end());
        size_ += data.size();
        return target()->Append(slice_of(frame_), options, debug);
    }

    FileSalt salt_;
    BlockMac mac_;
    std::vector<std::byte> frame_;
    std::uint64_t frames_ = 0;
    std::uint64_t size_ = 0;  // of the data
    bool has_begun_ = false;
};

class StreamReader final : public rocksdb::FSSequentialFileOwnerWrapper {
public:
    StreamReader(const SecretKey& store_key, std::string path,
                 std::unique_ptr<rocksdb::FSSequentialFile> file)
        : FSSequentialFileOwnerWrapper(std::move(file)),
          store_key_(store_key.clone()),
          path_(std::move(path)) {}

    IOStatus Read(std::size_t size, const IOOptions& options, Slice* result, char* scratch,
                  IODebugContext* debug) override {
        std::size_t done = 0;
        while (done < size && !has_ended_) {
            if (taken_ == frame_.size()) {
                if (IOStatus next = read_frame(options, debug); !next.ok()) return next;
                continue;
            }
            const std::size_t piece = std::min(size - done, frame_.size() - taken_);
            std::memcpy(scratch + done, frame_.data() + taken_, piece);
            taken_ += piece;
            done += piece;
        }
        *result = Slice(scratch, done);
        return IOStatus::OK();
    }

    IOStatus Skip(std::uint64_t size) override {
        std::vector<char> scratch(
            static_cast<std::size_t>(std::min<std::uint64_t>(size, kFrameBytesMax)));
        while (size > 0 && !has_ended_) {
            Slice read;
            const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(size,
                                                                                scratch.size()));
            IOStatus status = Read(piece, IOOptions(), &read, scratch.data(), nullptr);
            if (!status.ok()) return status;
            size -= read.size();
        }
        return IOStatus::OK();
    }
    IOStatus PositionedRead(std::uint64_t, std::size_t, const IOOptions&, Slice*, char*,
                            IODebugContext*) override {
        return IOStatus::NotSupported("a sealed stream is read in order");
    }

private:
    IOStatus corruption(const char* what) const {
        return IOStatus::Corruption(path_, std::string("the sealed stream ") + what);
    }

    /// Fills `out`; false when the file ends before.
    IOStatus read_all(std::span<std::byte> out, const IOOptions& options, IODebugContext* debug,
                      bool& is_whole) {
        std::size_t done = 0;
        while (done < out.size()) {
            Slice read;
            auto* into = reinterpret_cast<char*>(out.data()) + done;
            IOStatus status = target()->Read(out.size() - done, options, &read, into, debug);
            if (!status.ok()) return status;
            if (read.empty()) break;
            if (read.data() != into) std::memcpy(into, read.data(), read.size());
            done += read.size();
        }
        is_whole = done == out.size();
        return IOStatus::OK();
    }

    IOStatus read_head(const IOOptions& options, IODebugContext* debug) {
        std::array<std::byte, kHeadBytes> head;
        bool is_whole = false;
        if (IOStatus status = read_all(head, options, debug, is_whole); !status.ok()) return status;
        if (!is_whole) {
            has_ended_ = true;
            return IOStatus::OK();
        }
        if (std::memcmp(head.data(), kStreamMagic.data(), kStreamMagic.size()) != 0)
            return corruption("does not begin as one");
        FileSalt salt;
        std::copy_n(head.begin() + kStreamMagic.size(), salt.size(), salt.begin());
        mac_.emplace(file_key(store_key_, salt));
        return IOStatus::OK();
    }

    IOStatus read_frame(const IOOptions& options, IODebugContext* debug) {
        frame_.clear();
        taken_ = 0;
        if (!mac_) {
            if (IOStatus status = read_head(options, debug); !status.ok() || has_ended_)
                return status;
        }
        std::array<std::byte, kFrameHeadBytes> head;
        bool is_whole = false;
        if (IOStatus status = read_all(head, options, debug, is_whole); !status.ok()) return status;
        const std::uint64_t length = from_big_endian(std::span(head).first(sizeof(std::uint32_t)));
        if (!is_whole || length == 0) {
            has_ended_ = true;
            return IOStatus::OK();
        }
        if (length > kFrameBytesMax) return corruption("is not what was written");
        frame_.resize(length);
        if (IOStatus status = read_all(frame_, options, debug, is_whole); !status.ok())
            return status;
        if (!is_whole) {
            frame_.clear();
            has_ended_ = true;
            return IOStatus::OK();
        }
        const auto tag = std::span(head).last(sizeof(BlockTag));
        if (equal_tags(mac_->tag(frames_++, frame_), tag)) return IOStatus::OK();
        frame_.clear();
        return corruption("is not of this store, or not what was written");
    }

    SecretKey store_key_;
    const std::string path_;
    std::optional<BlockMac> mac_;  // once the head is read
    std::vector<std::byte> frame_;
    std::size_t taken_ = 0;
    std::uint64_t frames_ = 0;
    bool has_ended_ = false;
};

}  // namespace

std::unique_ptr<rocksdb::FSWritableFile> seal_stream(
    const SecretKey& store_key, std::unique_ptr<rocksdb::FSWritableFile> file) {
    return std::make_unique<StreamWriter>(store_key, std::move(file));
}

std::unique_ptr<rocksdb::FSSequentialFile> open_sealed_stream(
    const SecretKey& store_key, const std::string& path,
    std::unique_ptr<rocksdb::FSSequentialFile> file) {
    return std::make_unique<StreamReader>(store_key, path, std::move(file));
}

}  // namespace vouch
