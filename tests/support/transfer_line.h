#pragma once

#include <string>

namespace vouch::test {

/// A line that pays `amount`, as a sender writes it.
inline std::string transfer_line(const std::string& id, const std::string& debit,
                                 const std::string& credit, const std::string& amount = "1.00") {
    return R"({"id":")" + id + R"(","transfer":{"debit":")" + debit + R"(","credit":")" + credit +
           R"(","amount":")" + amount + "\"}}\n";
}

}  // namespace vouch::test
