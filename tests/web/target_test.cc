#include "tools/server/http/wire/target.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

/// "a|b ? name=value", or "refused".
std::string taken_apart(std::string_view target) {
    const auto parsed = vouch::http::parse_target(target);
    if (!parsed) return "refused";
    std::string text;
    for (const std::string& segment : parsed->segments) text += (text.empty() ? "" : "|") + segment;
    for (const auto& [name, value] : parsed->parameters) text += " ?" + name + "=" + value;
    return text;
}

}  // namespace

TEST_CASE("target: segments and parameters are decoded, each by itself") {
    const struct {
        std::string target;
        std::string parts;
    } rows[] = {
        {"/", ""},
        {"/v1/accounts", "v1|accounts"},
        {"/v1/accounts/a%2Fb", "v1|accounts|a/b"},
        {"/v1/accounts/%2e%2e", "v1|accounts|.."},
        {"/v1/accounts/caf%C3%A9", "v1|accounts|caf\xc3\xa9"},
        {"/v1/accounts/a+b", "v1|accounts|a+b"},
        // Nothing new is named so; older books may have it.
        {"/x/a%00b", std::string("x|a\0b", 5)},
        {"/x?at=1&b=%2B+c", "x ?at=1 ?b=+ c"},
        {"/x?", "x"},
        {"/x?a", "x ?a="},
        {"/x?a=b=c", "x ?a=b=c"},
        {"/x?&a=1&", "x ?a=1"},
        {"/x?a=/?", "x ?a=/?"},
        {"", "refused"},
        {"x", "refused"},
        {"//", "refused"},
        {"/x/", "refused"},
        {"/x//y", "refused"},
        {"/./x", "refused"},
        {"/x/../y", "refused"},
        {"/x#y", "refused"},
        {"/x/%", "refused"},
        {"/x/%4", "refused"},
        {"/x/%4g", "refused"},
        {"/x/%ff", "refused"},
        {"/x/%C0%AF", "refused"},
        {"/x/%ED%A0%80", "refused"},
        {"/x/%F4%90%80%80", "refused"},
        {"/x?a=%ff", "refused"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.target);
        CHECK(taken_apart(row.target) == row.parts);
    }
}
