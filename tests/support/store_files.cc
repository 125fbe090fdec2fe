#include "tests/support/store_files.h"

#include "tests/support/text_of_file.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

namespace vouch::test {

namespace {

namespace fs = std::filesystem;

bool is_of(StoreFile kind, const std::string& name) {
    switch (kind) {
        case StoreFile::table:
            return name.ends_with(".sst");
        case StoreFile::manifest:
            return name.starts_with("MANIFEST-");
        case StoreFile::current:
            return name == "CURRENT";
        case StoreFile::options:
            return name.starts_with("OPTIONS-");
    }
    return false;
}

std::vector<fs::path> files_of(const fs::path& store, StoreFile kind) {
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(store)) {
        if (is_of(kind, entry.path().filename().string())) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

/// Who has the file open reads the new bytes.
void write_in_place(const fs::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

std::string flipped(std::string bytes) {
    constexpr std::size_t kStep = 512;
    for (std::size_t at = kStep / 16; at < bytes.size(); at += kStep)
        bytes[at] = static_cast<char>(bytes[at] ^ 1);
    if (!bytes.empty()) bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 2);
    return bytes;
}

}  // namespace

std::string_view name_of(StoreFile file) {
    switch (file) {
        case StoreFile::table:
            return "table";
        case StoreFile::manifest:
            return "manifest";
        case StoreFile::current:
            return "current";
        case StoreFile::options:
            return "options";
    }
    return "";
}

std::string_view name_of(FileAct act) {
    switch (act) {
        case FileAct::flip:
            return "flip";
        case FileAct::swap:
            return "swap";
        case FileAct::drop:
            return "drop";
        case FileAct::older:
            return "older";
    }
    return "";
}

std::size_t change_files(const fs::path& store, StoreFile kind, FileAct act,
                         const StoreCopies& copies) {
    std::size_t changed = 0;
    const std::vector<fs::path> twins = files_of(copies.twin, kind);
    std::size_t nth = 0;
    for (const fs::path& file : files_of(store, kind)) {
        const std::string right = text_of_file(file);
        std::string bytes = right;
        switch (act) {
            case FileAct::flip:
                bytes = flipped(right);
                break;
            case FileAct::swap:
                if (!twins.empty()) bytes = text_of_file(twins[nth++ % twins.size()]);
                break;
            case FileAct::drop:
                fs::remove(file);
                ++changed;
                continue;
            case FileAct::older:
                if (fs::exists(copies.older / file.filename()))
                    bytes = text_of_file(copies.older / file.filename());
                break;
        }
        if (bytes == right) continue;
        write_in_place(file, bytes);
        ++changed;
    }
    return changed;
}

void put_copy(const fs::path& from, const fs::path& to) {
    fs::remove_all(to);
    fs::create_directories(to.parent_path());
    fs::copy(from, to, fs::copy_options::recursive);
}

}  // namespace vouch::test
