#include "tools/server/http/api/told_by_fields.h"

#include "tools/server/http/wire/client.h"
#include "tools/server/http/wire/request_head.h"

namespace vouch::http {
namespace {

std::vector<std::string> values_of(const Reply& reply, std::string_view wanted) {
    std::vector<std::string> values;
    for (const auto& [name, value] : reply.fields) {
        if (equal_ignoring_case(name, wanted)) values.push_back(value);
    }
    return values;
}

}  // namespace

bool has_finding(const Reply& reply) { return !values_of(reply, kFindingField).empty(); }

std::vector<std::string> not_covered(const Reply& reply) {
    return values_of(reply, kNotCoveredField);
}

bool is_unsettled(const Reply& reply) {
    const std::vector<std::string> settled = values_of(reply, kSettledField);
    return !settled.empty() && settled.front() == "false";
}

}  // namespace vouch::http
