#pragma once

#include <string_view>

namespace vouch::http {

/// schemas/openapi.yaml, as it was when the program was built.
extern const std::string_view kOpenApi;

}  // namespace vouch::http
