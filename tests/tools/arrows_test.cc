// Reads the #include lines of the tree and fails on one that points the wrong way.

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <optional>
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

// A foreign library and the places that may include it. A place ending in `.cc` stands for the
// folder's own .cc files, one ending in `/` for everything below it.
struct Door {
    std::string_view library;
    std::string_view header_prefix;
    std::vector<std::string_view> places;
};

const std::vector<Door>& doors() {
    static const std::vector<Door> all = {
        {"librdkafka", "librdkafka/", {"events/log/kafka/"}},
        {"OpenSSL", "openssl/", {"events/seal/", "tests/"}},
        {"Protobuf", "google/protobuf/", {"events/entries/*.cc", "events/seal/*.cc", "tests/"}},
        {"RocksDB", "rocksdb/", {"events/store/*.cc", "events/store/sealed_writer.h", "projector/views/*.cc", "command-handler/shard/*.cc", "tests/"}},
        {"Boost.Beast", "boost/beast", {"tools/vouch/http/"}},
    };
    return all;
}

constexpr std::string_view kGeneratedProtobuf = ".pb.h";

const Folder* folder_of(std::string_view path) {
    for (const Folder& folder : kFolders) {
        if (path.starts_with(folder.name) && path.substr(folder.name.size()).starts_with('/')) {
            return &folder;
        }
    }
    return nullptr;
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
                                           std::string_view("is_within_limit")};

bool calls(std::string_view line, std::string_view function) {
    const auto is_of_name = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    for (std::size_t at = line.find(function); at != std::string_view::npos;
         at = line.find(function, at + 1)) {
        const bool begins = at == 0 || !is_of_name(line[at - 1]);
        if (begins && line.substr(at + function.size()).starts_with('(')) return true;
    }
    return false;
}

/// What is wrong with `line` of `file`, a path from the root; empty when nothing is.
std::string find_fault(std::string_view file, std::string_view line) {
    for (const std::string_view function : kDecidingFunctions) {
        if (file.starts_with("reconciler/") && calls(line, function))
            return "the reconciler does not call " + std::string(function);
    }
    const std::optional<Include> include = parse_include(line);
    if (!include) return {};
    const std::string_view header = include->header;

    const bool is_generated = header.ends_with(kGeneratedProtobuf);
    for (const Door& door : doors()) {
        const bool applies =
            header.starts_with(door.header_prefix) || (is_generated && door.library == "Protobuf");
        if (applies && std::ranges::none_of(door.places, [file](std::string_view place) {
                return is_at(file, place);
            })) {
            return std::string(door.library) + " is not included here";
        }
    }

    const Folder* const from = folder_of(file);
    const Folder* const to = folder_of(header);
    if (to == nullptr) {
        if (include->is_quoted && !is_generated) return "project includes start at the root";
        return {};
    }
    if (!include->is_quoted) return "project includes are in quotes";
    if (from == nullptr || from->name == to->name || from->level > to->level) return {};
    return std::string(from->name) + " does not include " + std::string(to->name);
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
        {"tests/events/a_test.cc", "#include \"tools/vouch/serve.h\"", ""},
        {"events/log/log.h", "// #include \"tools/vouch/serve.h\"", ""},
        {"events/log/log.h", "#include <vector>", ""},

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
        {"events/log/log.cc", "#include \"log.h\"", "project includes start at the root"},
        {"events/log/log.cc", "#include \"../log/log.h\"", "project includes start at the root"},
        {"events/log/log.cc", "#include <events/log/log.h>", "project includes are in quotes"},

        {"reconciler/a.cc", "if (!vouch::is_within_limit(totals, side, limit)) {",
         "the reconciler does not call is_within_limit"},
        {"reconciler/a.cc", "return available(totals, side, limit);",
         "the reconciler does not call available"},
        {"reconciler/a.cc", "facts.available = not_available(totals);", ""},
        {"command-handler/a.cc", "return available(totals, side, limit);", ""},

        {"events/log/kafka/a.cc", "#include <librdkafka/rdkafka.h>", ""},
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
        {"projector/views/view_store.cc", "#include <rocksdb/db.h>", ""},
        {"command-handler/shard/shard_store.cc", "#include <rocksdb/db.h>", ""},
        {"projector/views/view_store.h", "#include <rocksdb/db.h>", "RocksDB is not included here"},
        {"projector/queries/a.cc", "#include <rocksdb/db.h>", "RocksDB is not included here"},
        {"tests/projector/a_test.cc", "#include <rocksdb/db.h>", ""},
        {"tools/vouch/http/server.h", "#include <boost/beast/http.hpp>", ""},
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
