#include "tests/support/text_of_file.h"

#include <fstream>
#include <sstream>
#include <utility>

namespace vouch::test {

std::string text_of_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

}  // namespace vouch::test
