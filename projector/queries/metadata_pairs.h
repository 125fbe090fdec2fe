#pragma once

#include <string>
#include <utility>
#include <vector>

namespace vouch::projector {

using MetadataPairs = std::vector<std::pair<std::string, std::string>>;

}  // namespace vouch::projector
