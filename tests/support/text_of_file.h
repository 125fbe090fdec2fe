#pragma once

#include <filesystem>
#include <string>

namespace vouch::test {

/// All bytes of a file; of one that is not there none. In blocks: letter by letter, a segment of a
/// log takes ThreadSanitizer a minute.
std::string text_of_file(const std::filesystem::path& file);

}  // namespace vouch::test
