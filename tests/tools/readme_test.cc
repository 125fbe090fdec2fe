#include "reconciler/verdict/finding.h"
#include "tests/tools/program.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace vouch;

namespace {

/// The last word of a paragraph that ends with "`NAME`:", which the block below it is the file of.
std::string file_named_by(const std::string& line) {
    if (!line.ends_with("`:")) return "";
    const std::size_t end = line.size() - 2;
    const std::size_t begin = line.rfind('`', end - 1);
    return begin == std::string::npos ? "" : line.substr(begin + 1, end - begin - 1);
}

constexpr std::string_view kShownAddress = "127.0.0.1:8080";

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
    return text;
}

/// A reader at work: runs one command after the other in a directory of his own.
class Reader {
public:
    const std::filesystem::path& home() const { return program_.home(); }

    /// What a command prints: one of vouch or curl, or `vouch serve … &`, that prints its address.
    /// The port that pages show is one that is free in truth.
    std::string run(const std::string& command) {
        const std::string vouch = "vouch ";
        if (command.ends_with(" &")) return serve(command.substr(vouch.size()));
        if (command.starts_with(vouch)) return program_.shell(command.substr(vouch.size())).out;
        const std::string asked = replace_all(command, kShownAddress, address_);
        return program_.shell("--version >&2; " + asked).out;
    }

private:
    std::string serve(std::string words) {
        words = replace_all(words.substr(0, words.size() - 2), kShownAddress, "127.0.0.1:0");
        std::istringstream text(words);
        const std::vector<std::string> arguments(std::istream_iterator<std::string>(text), {});
        server_ = std::make_unique<test::RunningProgram>(
            program_, arguments, test::RunningProgram::Options{.err = home() / "stderr"});
        const std::string printed = server_->read_line();
        address_ = printed.substr(printed.rfind('/') + 1);
        return replace_all(printed, address_, kShownAddress) + "\n";
    }

    test::Program program_;
    std::unique_ptr<test::RunningProgram> server_;  ///< ends before its home is removed
    std::string address_{kShownAddress};
};

/// Does what a reader of the page does, in its order: writes the files of its json blocks, runs the
/// commands of its console blocks, and holds what they print against what stands below them.
/// Returns how many commands there were.
std::size_t follow(const std::string& page) {
    Reader reader;
    std::ifstream text(VOUCH_SOURCE_DIR "/" + page);
    REQUIRE(text.good());
    std::size_t commands = 0;
    std::string block;    // its kind; empty outside of blocks
    std::string said;     // the last line before the block
    std::string command;  // of the console block, whose output is being read
    std::string shown;
    std::ofstream file;
    const auto run = [&] {
        if (command.empty()) return;
        CAPTURE(command);
        CHECK(test::without_places(reader.run(command)) == test::without_places(shown));
        ++commands;
        command.clear();
        shown.clear();
    };
    for (std::string line; std::getline(text, line);) {
        if (line == "```") {
            run();
            if (file.is_open()) file.close();
            block.clear();
        } else if (line.starts_with("```")) {
            block = line.substr(3);
            if (block != "json") continue;
            CAPTURE(said);
            const std::string name = file_named_by(said);
            REQUIRE(!name.empty());
            file.open(reader.home() / name);
        } else if (block == "json") {
            file << line << '\n';
        } else if (block == "console" && line.starts_with("$ ")) {
            run();
            command = line.substr(2);
        } else if (block == "console" && command.ends_with('\\')) {
            command += "\n" + line;
        } else if (block == "console") {
            REQUIRE(!command.empty());
            shown += line + "\n";
        } else if (!line.empty()) {
            said = line;
        }
    }
    return commands;
}

std::vector<std::string> matches(const std::string& text, const std::string& pattern) {
    const std::regex regex(pattern);
    return {std::sregex_token_iterator(text.begin(), text.end(), regex), {}};
}

/// What a page says in code: its blocks, each command of several lines in one, and what stands
/// between backticks.
std::vector<std::string> code_of(const std::filesystem::path& page) {
    std::ifstream file(page);
    REQUIRE(file.good());
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const std::string joined = std::regex_replace(text, std::regex("\\\\\n *"), " ");
    std::vector<std::string> found;
    std::istringstream lines(joined);
    bool is_inside = false;
    std::string prose;
    for (std::string line; std::getline(lines, line);) {
        const bool is_fence = line.find("```") != std::string::npos;
        if (is_fence) is_inside = !is_inside;
        else if (is_inside) found.push_back(line);
        else prose += line + " ";
    }
    for (const std::string& span : matches(prose, "`[^`]+`")) found.push_back(span);
    return found;
}

/// The commands of a page's sh blocks, without their comments.
std::vector<std::string> commands_of(const std::string& page) {
    std::ifstream file(VOUCH_SOURCE_DIR "/" + page);
    REQUIRE(file.good());
    std::vector<std::string> found;
    bool is_inside = false;
    for (std::string line; std::getline(file, line);) {
        line = std::regex_replace(line, std::regex("^ +| +#.*$| +$"), "");
        if (line.starts_with("```")) is_inside = line == "```sh";
        else if (is_inside && !line.empty()) found.push_back(line);
    }
    return found;
}

/// The first block of that kind, each line with its end.
std::string block_of(const std::string& page, const std::string& kind) {
    std::ifstream file(VOUCH_SOURCE_DIR "/" + page);
    std::string block;
    bool is_inside = false;
    for (std::string line; std::getline(file, line);) {
        if (is_inside && line == "```") return block;
        if (is_inside) block += line + "\n";
        else is_inside = line == "```" + kind;
    }
    FAIL("no block of " << kind);
    return block;
}

/// True when a line of a subcommand's help begins with the option.
bool has_option(const std::string& help, const std::string& option) {
    return std::regex_search(help, std::regex("\n +(-[a-z],)?" + option + "[ \n\\[]"));
}

}  // namespace

TEST_CASE("README: the first run gives what it shows") { CHECK(follow("README.md") == 4); }

TEST_CASE("tutorial: each command gives what it shows") { CHECK(follow("docs/tutorial.md") == 17); }

TEST_CASE("http: the first commands and questions give what they show") {
    CHECK(follow("docs/http.md") == 3);
}

TEST_CASE("operations: each command of the page works, in its order") {
    const test::Program program;
    const std::string build =
        std::filesystem::path(test::program_path()).parent_path().parent_path();
    std::unique_ptr<test::RunningProgram> server;
    std::string address;
    std::size_t commands = 0;
    for (std::string command : commands_of("docs/operations.md")) {
        for (const auto& [shown, here] : std::map<std::string, std::string>{
                 {"/var/lib/vouch/books", "books"},
                 {" DIR", " books"},
                 {"/etc/vouch/books.passphrase", "passphrase"},
                 {"/usr/local", "installed"},
                 {"build/release", build},
                 {"apt-get install", "dpkg-query -W"},  // they are here already
                 {kShownAddress.data(), address}}) {
            command = replace_all(command, shown, here);
        }
        CAPTURE(command);
        ++commands;
        if (command.starts_with("vouch serve ")) {
            std::istringstream words(command.substr(6) + " --listen 127.0.0.1:0");
            const std::vector<std::string> arguments(std::istream_iterator<std::string>(words), {});
            server = std::make_unique<test::RunningProgram>(
                program, arguments,
                test::RunningProgram::Options{.err = program.home() / "stderr"});
            const std::string printed = server->read_line();
            address = printed.substr(printed.rfind('/') + 1);
            REQUIRE(program.submit(R"({"id":"o1","open_account":{"account":"cash","asset":"EUR/2",)"
                                   R"("class":"asset","limit":"unlimited"}})" "\n").exit == 0);
            continue;
        }
        const bool is_ours = command.starts_with("vouch ");
        const test::ProgramResult result =
            program.shell(is_ours ? command.substr(6) : "--version >&2; " + command);
        // What a view has not written out yet could not be checked, and the page says so.
        const bool may_be_behind = command.find(" --views") != std::string::npos;
        CHECK_MESSAGE((result.exit == 0 || (may_be_behind && result.exit == 6)), result.err);
        if (command.ends_with("echo $?")) CHECK(result.out.ends_with("0\n"));
    }
    CHECK(commands == 12);
    CHECK(std::filesystem::exists(program.home() / "installed/bin/vouch"));
    REQUIRE(server);
    server->terminate();
    CHECK(server->wait() == 0);
}

TEST_CASE("operations: the unit is one that systemd takes, and what it starts serves") {
    const test::Program program;
    const std::string unit = block_of("docs/operations.md", "ini");
    {
        std::ofstream file(program.home() / "vouch.service");
        file << replace_all(replace_all(unit, "/usr/local/bin/vouch", test::program_path()),
                            "User=vouch", "User=root");
    }
    // It says what it does not know, and then ends with 0.
    const test::ProgramResult verified =
        program.shell("--version >&2; systemd-analyze verify --man=no --recursive-errors=no "
                      "./vouch.service 2>&1");
    CHECK_MESSAGE(verified.exit == 0, verified.out);
    CHECK_MESSAGE(verified.out.empty(), verified.out);

    REQUIRE(program.submit("", {"--create", "--passphrase-file", "passphrase"}).exit == 0);
    std::string command = std::regex_replace(unit, std::regex("\\\\\n *"), " ");
    const std::vector<std::string> starts = matches(command, "ExecStart=.*");
    REQUIRE(starts.size() == 1);
    command = starts.front();
    for (const auto& [shown, here] : std::map<std::string, std::string>{
             {"ExecStart=/usr/local/bin/vouch ", ""},
             {"/var/lib/vouch/books", program.books().string()},
             {"/etc/vouch/books.passphrase", (program.home() / "passphrase").string()},
             {kShownAddress.data(), "127.0.0.1:0"}}) {
        CHECK(command.find(shown) != std::string::npos);
        command = replace_all(command, shown, here);
    }
    std::istringstream words(command);
    const std::vector<std::string> arguments(std::istream_iterator<std::string>(words), {});
    test::RunningProgram server(program, arguments);
    CHECK(server.read_line().find("http://127.0.0.1:") != std::string::npos);
    server.terminate();
    CHECK(server.wait() == 0);
}

/// Families of a page that a server in files with whole shards and a command behind it has no
/// sample of.
const std::set<std::string> kMetricsOfTrouble = {"vouch_brokers_unanswered_seconds",
                                                 "vouch_shard_stopped_info"};

TEST_CASE("operations: what Prometheus is told to ask is served, and each metric of the page") {
    const test::Program program;
    const std::string scrape = block_of("docs/operations.md", "yaml");
    // As Prometheus reads it: a job, and whom it asks; the path is its usual one.
    const std::regex expected("scrape_configs:\n  - job_name: \\w+\n    scrape_interval: \\d+s\n"
                              "    static_configs:\n      - targets: \\[\"([^\"]+)\"\\]\n");
    std::smatch target;
    REQUIRE_MESSAGE(std::regex_match(scrape, target, expected), scrape);
    CHECK(target[1].str() == kShownAddress);

    REQUIRE(program.submit(R"({"id":"o1","open_account":{"account":"cash","asset":"EUR/2",)"
                           R"("class":"asset","limit":"unlimited"}})" "\n", {"--create"})
                .exit == 0);
    test::RunningProgram server(program, {"serve", "--data", program.books().string(), "--listen",
                                          "127.0.0.1:0"});
    const std::string printed = server.read_line();
    const std::string address = printed.substr(printed.rfind('/') + 1);
    REQUIRE(program.submit(R"({"id":"o2","open_account":{"account":"bob","asset":"EUR/2",)"
                           R"("class":"liability"}})" "\n").exit == 0);
    const std::string text =
        program.shell("--version >&2; curl -s http://" + address + "/metrics").out;
    std::set<std::string> served;
    for (const std::string& line : matches(text, "# TYPE \\w+")) served.insert(line.substr(7));

    std::ifstream page(VOUCH_SOURCE_DIR "/docs/operations.md");
    std::set<std::string> listed;   // in the table
    std::set<std::string> watched;  // in an expression, or anywhere
    for (std::string line; std::getline(page, line);) {
        for (const std::string& span : matches(line, "`[^`]*`")) {
            for (const std::string& name : matches(span, "\\bvouch_\\w+")) {
                watched.insert(std::regex_replace(name, std::regex("_bucket$"), ""));
                if (line.starts_with("| `vouch_")) listed.insert(name);
            }
        }
    }
    CHECK(listed.size() >= 20);
    for (const std::string& name : watched) CHECK_MESSAGE(listed.contains(name), name);
    for (const std::string& name : served) CHECK_MESSAGE(listed.contains(name), name);
    for (const std::string& name : listed)
        CHECK_MESSAGE((served.contains(name) || kMetricsOfTrouble.contains(name)), name);
    server.terminate();
    CHECK(server.wait() == 0);
}

TEST_CASE("pages: each command that is named is one of the program, with options that it has") {
    const test::Program program;
    std::map<std::string, std::string> helps;  // of subcommands
    std::vector<std::filesystem::path> pages = {VOUCH_SOURCE_DIR "/README.md"};
    for (const auto& page : std::filesystem::directory_iterator(VOUCH_SOURCE_DIR "/docs"))
        pages.push_back(page.path());
    std::size_t options = 0;
    for (const std::filesystem::path& page : pages) {
        for (const std::string& code : code_of(page)) {
            CAPTURE(page);
            CAPTURE(code);
            for (const std::string& command : matches(code, "vouch [a-z][^`|;#]*")) {
                const std::string subcommand = matches(command, "\\b(keys )?[a-z-]+").at(1);
                std::string& help = helps[subcommand];
                if (help.empty()) help = program.shell(subcommand + " --help").out;
                CHECK_MESSAGE(!help.empty(), subcommand);
                for (const std::string& option : matches(command, "--[a-z][a-z-]*")) {
                    CHECK_MESSAGE(has_option(help, option), option);
                    ++options;
                }
            }
        }
    }
    CHECK(helps.size() >= 14);
    CHECK(options > 60);
}

TEST_CASE("findings: the page has each word that replay can print, and no other") {
    std::set<std::string> expected;
    for (unsigned i = 0; i < 256; ++i) {
        const auto check = static_cast<reconciler::Check>(i);
        if (const std::string word(to_text(check)); !word.empty()) expected.insert(word);
    }
    std::set<std::string> found;
    std::ifstream page(VOUCH_SOURCE_DIR "/docs/findings.md");
    for (std::string line; std::getline(page, line);) {
        if (line.starts_with("| `")) found.insert(line.substr(3, line.find('`', 3) - 3));
    }
    CHECK(expected.size() > 40);
    for (const std::string& word : expected) CHECK_MESSAGE(found.contains(word), word);
    for (const std::string& word : found) CHECK_MESSAGE(expected.contains(word), word);
}
