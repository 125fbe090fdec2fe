#include "tools/server/http/wire/accept.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

namespace {

constexpr std::array<std::string_view, 3> kOffered = {"application/json", "application/x-ndjson",
                                                      "text/plain"};

std::string wanted(std::string_view accept) {
    return std::string(vouch::http::wanted_type(accept, kOffered).value_or("none"));
}

}  // namespace

TEST_CASE("accept: the form that is wanted most, or none") {
    struct Row {
        std::string accept;
        std::string type;
    };
    const std::string browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    for (const Row& row : {
             Row{"", "application/json"},
             {" ", "application/json"},
             {"*/*", "application/json"},
             {browser, "application/json"},
             {"application/json", "application/json"},
             {"application/x-ndjson", "application/x-ndjson"},
             {"text/plain", "text/plain"},
             {"Text/PLAIN; charset=utf-8", "text/plain"},
             {"text/*", "text/plain"},
             {"text/plain, */*", "text/plain"},
             {"application/json, text/plain, */*", "application/json"},
             {"text/plain;q=0.5, application/x-ndjson;q=0.7", "application/x-ndjson"},
             {"text/plain;q=1.0, application/json;q=0.999", "text/plain"},
             {"*/*, application/json;q=0", "application/x-ndjson"},
             {"*/*;q=0.1, application/*;q=0", "text/plain"},
             {"application/json;q=0", "none"},
             {"application/json;q=0.000", "none"},
             {"*/*;q=0", "none"},
             {"image/png", "none"},
             {"image/*, text/html", "none"},
             {"application", "none"},
             {"application/json;q=high", "application/json"},
             {",,;,", "none"},
         }) {
        CAPTURE(row.accept);
        CHECK(wanted(row.accept) == row.type);
    }
}
