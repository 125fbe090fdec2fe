#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace vouch::projector {

/// Names and values, one pair a line, the values aligned.
using Fields = std::vector<std::pair<std::string, std::string>>;
std::string as_text(const Fields& fields);

/// Rows of texts with a head; columns named in `right` are aligned to the right.
class Table {
public:
    explicit Table(std::vector<std::string> head, std::vector<std::size_t> right = {});
    void add(std::vector<std::string> row);
    std::string text() const;

private:
    std::vector<std::vector<std::string>> rows_;
    std::vector<std::size_t> right_;
};

}  // namespace vouch::projector
