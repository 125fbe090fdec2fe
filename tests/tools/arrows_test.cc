// Reads the #include lines of the tree and fails on one that points the wrong way.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct Folder {
    std::string_view name;
    int level;  // a folder includes itself and lower levels; equals never include each other
};

// schemas <- events <- {command-handler, projector, reconciler} <- tools <- tests
constexpr std::array kFolders = {
    Folder{"schemas", 0},   Folder{"events", 1},     Folder{"command-handler", 2},
    Folder{"projector", 2}, Folder{"reconciler", 2}, Folder{"tools", 3},
    Folder{"tests", 4},
};

// The same within a folder, for its sub-folders.
constexpr std::array kRooms = {
    Folder{"events/bytes", 0},            Folder{"events/money", 1},
    Folder{"events/entries", 2},          Folder{"events/world", 2},
    Folder{"events/seal", 3},             Folder{"events/log/embedded", 5},
    Folder{"events/log/kafka/librdkafka", 6}, Folder{"events/log/kafka", 5},
    Folder{"events/log", 4},              Folder{"events/store", 5},

    Folder{"command-handler/core", 0},    Folder{"command-handler/shard", 1},
    Folder{"command-handler/intake", 2},  Folder{"command-handler/gateway", 3},

    Folder{"projector/views", 0},         Folder{"projector/queries", 1},
    Folder{"projector/answers", 2},

    Folder{"reconciler/verdict", 0}, Folder{"reconciler/reading", 1},
    Folder{"reconciler/state", 1},   Folder{"reconciler/archive", 2},
    Folder{"reconciler/ids", 2},     Folder{"reconciler/rules", 3},
    Folder{"reconciler/views", 4},   Folder{"reconciler/replay", 5},

    Folder{"tools/terminal", 0},          Folder{"tools/server/http/wire", 0},
    Folder{"tools/server/metrics", 0},    Folder{"tools/server/places", 1},
    Folder{"tools/server/http/api", 2},   Folder{"tools/server/deployment", 3},
    Folder{"tools/vouch", 4},
};

// What a sub-folder knows nothing of.
struct Stranger {
    std::string_view folder;
    std::string_view header_prefix;
};
constexpr std::array kStrangers = {
    Stranger{"tools/server/http/wire/", "command-handler/"},
    Stranger{"tools/server/http/wire/", "projector/"},
    Stranger{"tools/server/http/wire/", "events/entries/"},
    Stranger{"tools/server/http/wire/", "events/money/"},
    Stranger{"tools/server/", "reconciler/"},
};

// A foreign library and the places that may include it. A place ending in `.cc` stands for the
// folder's own .cc files, one ending in `/` for everything below it.
struct ForeignLibrary {
    std::string_view name;
    std::string_view header_prefix;
    std::vector<std::string_view> places;
};

const std::vector<ForeignLibrary>& foreign_libraries() {
    static const std::vector<ForeignLibrary> all = {
        {"librdkafka", "librdkafka/", {"events/log/kafka/librdkafka/", "tests/kafka/*.cc"}},
        {"OpenSSL", "openssl/", {"events/bytes/sha256.cc", "events/seal/", "tests/"}},
        {"Protobuf", "google/protobuf/", {"events/entries/*.cc", "events/seal/*.cc", "tests/"}},
        {"RocksDB",
         "rocksdb/",
         {"events/store/*.cc", "events/store/sealed_writer.h", "projector/views/rocks/",
          "command-handler/shard/*.cc", "tests/"}},
        {"Boost.Beast", "boost/beast", {"tools/server/http/wire/"}},
        {"prometheus-cpp", "prometheus/", {"tools/server/metrics/*.cc"}},
    };
    return all;
}

// What is asked of the machine goes through events/world, or through what stands before a library:
// ShardStores, ViewStores, KafkaClient: a simulation puts its own in their place. `places` are
// those behind, and a few beside; events/world/README.md says why. tests/ may use all of it.
struct OfMachine {
    std::string_view what;
    std::vector<std::string_view> words;
    std::vector<std::string_view> functions;
    std::vector<std::string_view> places;
};

const std::vector<OfMachine>& all_of_machine() {
    static const std::vector<OfMachine> all = {
        {"files",
         {"<fstream>", "<dirent.h>", "<unistd.h>", "<sys/stat.h>", "<sys/statvfs.h>",
          "<sys/file.h>", "std::fopen", "filesystem::", "fs::"},
         {"::open", "::openat", "::rename", "std::rename", "::mkdir"},
         {"events/world/", "events/store/", "events/seal/file_key_store.cc",
          "command-handler/shard/shard_store.cc", "command-handler/gateway/wake_descriptor.cc",
          "projector/views/rocks/", "tools/"}},
        {"clocks",
         {"steady_clock", "system_clock", "clock_gettime"},
         {"std::time", "::time"},
         {"events/world/", "events/log/kafka/librdkafka/", "tools/"}},
        {"threads",
         {"<thread>", "<condition_variable>", "<future>", "std::thread", "std::jthread",
          "std::this_thread", "std::condition_variable", "std::async", "pthread_"},
         {},
         {"events/world/", "events/log/kafka/librdkafka/", "events/store/",
          "projector/views/rocks/", "tools/"}},
        {"locks",
         {"std::mutex", "<shared_mutex>"},
         {},
         {"events/world/", "events/log/kafka/librdkafka/", "events/store/",
          "events/seal/secret_bytes.cc", "projector/views/rocks/", "tools/"}},
        {"chance",
         {"<random>", "getentropy", "getrandom", "RAND_"},
         {},
         {"events/world/", "events/money/keyed_hash.cc", "events/seal/file_key_store.cc"}},
        {"stderr",
         {"stderr", "STDERR_FILENO", "std::cerr", "std::clog", "<iostream>"},
         {},
         {"events/world/notice.cc", "events/check.cc", "tools/"}},
    };
    return all;
}

/// A name is no file.
constexpr std::string_view kPathType = "path";

constexpr std::string_view kGeneratedProtobuf = ".pb.h";

const Folder* folder_of(std::string_view path, std::span<const Folder> folders) {
    for (const Folder& folder : folders) {
        if (path.starts_with(folder.name) && path.substr(folder.name.size()).starts_with('/')) {
            return &folder;
        }
    }
    return nullptr;
}

std::string_view top_of(const Folder& folder) {
    const std::size_t slash = folder.name.find('/');
    return folder.name.substr(0, slash == std::string_view::npos ? 0 : slash);
}

/// Empty unless an include from one of `folders` to another below the same top points the wrong
/// way.
std::string find_wrong_arrow(std::string_view file, std::string_view header,
                             std::span<const Folder> folders) {
    const Folder* const from = folder_of(file, folders);
    const Folder* const to = folder_of(header, folders);
    if (from == nullptr || to == nullptr || from == to) return {};
    if (top_of(*from) != top_of(*to) || from->level > to->level) return {};
    return std::string(from->name) + " does not include " + std::string(to->name);
}

bool is_at(std::string_view file, std::string_view place) {
    constexpr std::string_view kSources = "*.cc";
    if (!place.ends_with(kSources)) return file.starts_with(place);
    place.remove_suffix(kSources.size());
    return file.starts_with(place) && file.ends_with(".cc") &&
           file.find('/', place.size()) == std::string_view::npos;
}

struct Include {
    std::string_view header;
    bool is_quoted;
};

/// Empty when `line` is no include.
std::optional<Include> parse_include(std::string_view line) {
    const auto skip_blanks = [&line] {
        line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    };
    skip_blanks();
    if (!line.starts_with('#')) return std::nullopt;
    line.remove_prefix(1);
    skip_blanks();
    constexpr std::string_view kInclude = "include";
    if (!line.starts_with(kInclude)) return std::nullopt;
    line.remove_prefix(kInclude.size());
    skip_blanks();
    if (line.empty() || (line.front() != '"' && line.front() != '<')) return std::nullopt;
    const bool is_quoted = line.front() == '"';
    line.remove_prefix(1);
    const std::size_t end = line.find(is_quoted ? '"' : '>');
    if (end == std::string_view::npos) return std::nullopt;
    return Include{line.substr(0, end), is_quoted};
}

/// Functions by which the command handler decides limits: the reconciler derives them again, or a
/// fault in one would be in both.
constexpr std::array kDecidingFunctions = {std::string_view("available"),
                                           std::string_view("is_of_payee"),
                                           std::string_view("is_within_limit")};

bool calls(std::string_view line, std::string_view function) {
    const auto is_of_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
    };
    for (std::size_t at = line.find(function); at != std::string_view::npos;
         at = line.find(function, at + 1)) {
        const bool begins = at == 0 || !is_of_name(line[at - 1]);
        if (begins && line.substr(at + function.size()).starts_with('(')) return true;
    }
    return false;
}

bool has_word(std::string_view line, std::string_view word) {
    for (std::size_t at = line.find(word); at != std::string_view::npos;
         at = line.find(word, at + 1)) {
        if (!word.ends_with("::") || !line.substr(at + word.size()).starts_with(kPathType))
            return true;
    }
    return false;
}

/// What `line` asks of the machine by itself, at a place that may not.
std::string_view find_asked(std::string_view file, std::string_view line) {
    if (file.starts_with("tests/")) return {};
    line = line.substr(0, line.find("//"));
    for (const OfMachine& each : all_of_machine()) {
        const auto is_word = [line](std::string_view word) { return has_word(line, word); };
        const auto is_called = [line](std::string_view name) { return calls(line, name); };
        if (std::ranges::none_of(each.words, is_word) &&
            std::ranges::none_of(each.functions, is_called))
            continue;
        if (std::ranges::none_of(each.places, [file](auto place) { return is_at(file, place); }))
            return each.what;
    }
    return {};
}

/// What is wrong with `line` of `file`, a path from the root; empty when nothing is.
std::string find_fault(std::string_view file, std::string_view line) {
    for (const std::string_view function : kDecidingFunctions) {
        if (file.starts_with("reconciler/") && calls(line, function))
            return "the reconciler does not call " + std::string(function);
    }
    if (const std::string_view asked = find_asked(file, line); !asked.empty())
        return "only through events/world: " + std::string(asked);
    const std::optional<Include> include = parse_include(line);
    if (!include) return {};
    const std::string_view header = include->header;

    const bool is_generated = header.ends_with(kGeneratedProtobuf);
    for (const ForeignLibrary& library : foreign_libraries()) {
        const bool applies =
            header.starts_with(library.header_prefix) || (is_generated && library.name == "Protobuf");
        if (applies && std::ranges::none_of(library.places, [file](std::string_view place) {
                return is_at(file, place);
            })) {
            return std::string(library.name) + " is not included here";
        }
    }

    if (folder_of(header, kFolders) == nullptr) {
        if (include->is_quoted && !is_generated) return "project includes start at the root";
        return {};
    }
    if (!include->is_quoted) return "project includes are in quotes";
    for (const Stranger& each : kStrangers) {
        if (file.starts_with(each.folder) && header.starts_with(each.header_prefix))
            return std::string(each.folder) + " knows nothing of " +
                   std::string(each.header_prefix);
    }
    std::string fault = find_wrong_arrow(file, header, kFolders);
    return fault.empty() ? find_wrong_arrow(file, header, kRooms) : fault;
}

/// The header of the source's own name; empty when there is none.
std::string own_header(const fs::path& root, const std::string& file) {
    const std::string header = fs::path(file).replace_extension(".h").generic_string();
    return file.ends_with(".cc") && fs::exists(root / header) ? header : std::string();
}

std::vector<std::string> find_faults_in(const fs::path& root, const std::string& file) {
    std::vector<std::string> faults;
    std::ifstream input(root / file);
    std::string line;
    std::string first = own_header(root, file);  // emptied when it is seen
    for (std::size_t number = 1; std::getline(input, line); ++number) {
        if (const auto include = parse_include(line); include && !first.empty()) {
            // So that each header is compiled alone once (cmake/headers_alone.cmake).
            if (include->header != first) faults.push_back(file + " does not include " + first + " first");
            first.clear();
        }
        const std::string fault = find_fault(file, line);
        if (!fault.empty()) {
            faults.push_back(file + ":" + std::to_string(number) + ": " + line + ": " + fault);
        }
    }
    return faults;
}

/// The project's C++ files, as paths from the root.
std::vector<std::string> list_sources(const fs::path& root) {
    std::vector<std::string> files;
    for (const Folder& folder : kFolders) {
        if (!fs::exists(root / folder.name)) continue;
        for (const fs::directory_entry& entry :
             fs::recursive_directory_iterator(root / folder.name)) {
            const fs::path extension = entry.path().extension();
            if (entry.is_regular_file() && (extension == ".h" || extension == ".cc")) {
                files.push_back(entry.path().lexically_relative(root).generic_string());
            }
        }
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace

TEST_CASE("arrows: a wrong include is found, a right one is not") {
    struct Row {
        std::string_view file;
        std::string_view line;
        std::string_view fault;
    };
    const Row rows[] = {
        {"events/log/log.h", "#include \"events/money/number.h\"", ""},
        {"projector/views/a.cc", "#include \"events/log/log.h\"", ""},
        {"tools/vouch/main.cc", "#include \"reconciler/replay.h\"", ""},
        {"tests/events/a_test.cc", "#include \"tools/server/http/wire/server.h\"", ""},
        {"events/log/log.h", "// #include \"tools/server/http/wire/server.h\"", ""},
        {"events/log/log.h", "#include <vector>", ""},
        {"events/log/a.cc", "#include \"events/world/clock.h\"", ""},
        {"events/world/a.cc", "#include \"events/log/log.h\"",
         "events/world does not include events/log"},

        {"events/bytes/a.cc", "#include \"events/money/ids.h\"",
         "events/bytes does not include events/money"},
        {"events/money/a.cc", "#include \"events/seal/mac.h\"",
         "events/money does not include events/seal"},
        {"events/seal/a.cc", "#include \"events/entries/codec.h\"", ""},
        {"events/log/kafka/a.cc", "#include \"events/log/log.h\"", ""},
        {"events/log/a.cc", "#include \"events/log/kafka/a.h\"",
         "events/log does not include events/log/kafka"},
        {"events/log/kafka/a.cc", "#include \"events/log/kafka/librdkafka/handle.h\"",
         "events/log/kafka does not include events/log/kafka/librdkafka"},

        {"events/log/log.h", "#include \"projector/views/a.h\"",
         "events does not include projector"},
        {"events/log/log.h", "  #  include \"tools/a.h\"", "events does not include tools"},
        {"projector/a.cc", "#include \"reconciler/replay.h\"",
         "projector does not include reconciler"},
        {"reconciler/a.cc", "#include \"command-handler/core/decide.h\"",
         "reconciler does not include command-handler"},
        {"command-handler/a.cc", "#include \"projector/a.h\"",
         "command-handler does not include projector"},
        {"tools/vouch/main.cc", "#include \"tests/support/shared_data.h\"",
         "tools does not include tests"},
        {"command-handler/gateway/a.cc", "#include \"command-handler/gateway/b.h\"", ""},
        {"command-handler/gateway/a.cc", "#include \"command-handler/intake/a.h\"", ""},
        {"command-handler/intake/a.cc", "#include \"command-handler/gateway/a.h\"",
         "command-handler/intake does not include command-handler/gateway"},
        {"tools/terminal/a.cc", "#include \"tools/server/http/wire/a.h\"",
         "tools/terminal does not include tools/server/http/wire"},
        {"tools/server/places/a.cc", "#include \"tools/server/http/wire/a.h\"", ""},
        {"tools/server/http/wire/a.cc", "#include \"tools/server/http/api/a.h\"",
         "tools/server/http/wire does not include tools/server/http/api"},
        {"tools/server/deployment/a.cc", "#include \"tools/vouch/a.h\"",
         "tools/server/deployment does not include tools/vouch"},
        {"tools/server/http/wire/a.h", "#include \"events/money/ids.h\"",
         "tools/server/http/wire/ knows nothing of events/money/"},
        {"reconciler/rules/a.cc", "#include \"reconciler/rules/b.h\"", ""},
        {"reconciler/rules/a.cc", "#include \"reconciler/ids/a.h\"", ""},
        {"reconciler/ids/a.cc", "#include \"reconciler/rules/a.h\"",
         "reconciler/ids does not include reconciler/rules"},
        {"reconciler/reading/a.cc", "#include \"reconciler/state/a.h\"",
         "reconciler/reading does not include reconciler/state"},
        {"events/log/log.cc", "#include \"log.h\"", "project includes start at the root"},
        {"events/log/log.cc", "#include \"../log/log.h\"", "project includes start at the root"},
        {"events/log/log.cc", "#include <events/log/log.h>", "project includes are in quotes"},

        {"reconciler/a.cc", "if (!vouch::is_within_limit(totals, side, limit)) {",
         "the reconciler does not call is_within_limit"},
        {"reconciler/a.cc", "return available(totals, side, limit);",
         "the reconciler does not call available"},
        {"reconciler/a.cc", "facts.available = not_available(totals);", ""},
        {"command-handler/a.cc", "return available(totals, side, limit);", ""},

        {"events/log/a.cc", "const int fd = ::open(path.c_str(), O_RDONLY);",
         "only through events/world: files"},
        {"events/log/a.cc", "auto log = EmbeddedLog::open(options);", ""},
        {"events/log/a.cc", "#include <fstream>", "only through events/world: files"},
        {"projector/views/a.cc", "return std::filesystem::exists(path);",
         "only through events/world: files"},
        {"projector/views/a.cc", "std::filesystem::path path;  // std::filesystem::exists", ""},
        {"reconciler/a.cc", "const auto now = std::chrono::steady_clock::now();",
         "only through events/world: clocks"},
        {"command-handler/a.cc", "#include <thread>", "only through events/world: threads"},
        {"command-handler/a.cc", "std::mutex mutex;", "only through events/world: locks"},
        {"tools/vouch/a.cc", "#include <random>", "only through events/world: chance"},
        {"events/log/a.cc", "std::fputs(text, stderr);", "only through events/world: stderr"},
        {"tools/vouch/a.cc", "std::fputs(text, stderr);", ""},
        {"events/world/files.cc", "return ::open(path, flags);", ""},
        {"tests/events/a_test.cc", "#include <thread>", ""},

        {"events/log/kafka/librdkafka/a.cc", "#include <librdkafka/rdkafka.h>", ""},
        {"events/log/kafka/a.cc", "#include <librdkafka/rdkafka.h>",
         "librdkafka is not included here"},
        {"events/log/a.cc", "#include <librdkafka/rdkafka.h>", "librdkafka is not included here"},
        {"events/seal/mac_chain.cc", "#include <openssl/evp.h>", ""},
        {"tests/events/a_test.cc", "#include <openssl/evp.h>", ""},
        {"reconciler/a.cc", "#include <openssl/evp.h>", "OpenSSL is not included here"},
        {"events/entries/codec.cc", "#include \"schemas/event.pb.h\"", ""},
        {"events/entries/codec.cc", "#include \"event.pb.h\"", ""},
        {"events/entries/codec.cc", "#include <google/protobuf/arena.h>", ""},
        {"events/entries/codec.h", "#include \"schemas/event.pb.h\"",
         "Protobuf is not included here"},
        {"tools/vouch/main.cc", "#include <google/protobuf/arena.h>",
         "Protobuf is not included here"},
        {"projector/views/rocks/damage.cc", "#include <rocksdb/db.h>", ""},
        {"command-handler/shard/shard_store.cc", "#include <rocksdb/db.h>", ""},
        {"projector/views/view_store.h", "#include <rocksdb/db.h>", "RocksDB is not included here"},
        {"projector/queries/a.cc", "#include <rocksdb/db.h>", "RocksDB is not included here"},
        {"tests/projector/a_test.cc", "#include <rocksdb/db.h>", ""},
        {"tools/server/http/wire/client.cc", "#include <boost/beast/http.hpp>", ""},
        {"tools/vouch/main.cc", "#include <boost/beast.hpp>", "Boost.Beast is not included here"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.file);
        CAPTURE(row.line);
        CHECK(find_fault(row.file, row.line) == row.fault);
    }
}

TEST_CASE("arrows: every include of the tree points the right way") {
    const fs::path root(VOUCH_SOURCE_DIR);
    const std::vector<std::string> files = list_sources(root);
    CHECK(std::ranges::find(files, "tests/tools/arrows_test.cc") != files.end());
    for (const std::string& file : files) {
        for (const std::string& fault : find_faults_in(root, file)) FAIL_CHECK(fault);
    }
}
