#include "tests/specs/spec_words.h"

#include <sstream>

namespace vouch::test {

SpecWords::SpecWords(std::string_view text) {
    std::string line(text);
    const std::size_t comment = line.find('#');
    if (comment != std::string::npos) line.resize(comment);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t')) line.pop_back();
    indented_ = !line.empty() && line.front() == ' ';
    if (!line.empty() && line.back() == ')') {
        const std::size_t open = line.rfind('(');
        if (open == std::string::npos) throw std::runtime_error("no ( for the last )");
        bracket_ = line.substr(open + 1, line.size() - open - 2);
        line.resize(open);
    }
    std::istringstream in(line);
    for (std::string word; in >> word;) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos) {
            words_.push_back(word);
        } else if (!options_.emplace(word.substr(0, equals), word.substr(equals + 1)).second) {
            throw std::runtime_error("given twice: " + word);
        }
    }
    if (!words_.empty()) {
        last_ = words_.back();
        words_.pop_back();
    }
}

std::string SpecWords::take() {
    if (words_.empty()) throw std::runtime_error("the line ends too early");
    std::string word = words_.front();
    words_.erase(words_.begin());
    return word;
}

std::optional<std::string> SpecWords::peek() const {
    if (words_.empty()) return std::nullopt;
    return words_.front();
}

bool SpecWords::accept(std::string_view word) {
    if (words_.empty() || words_.front() != word) return false;
    words_.erase(words_.begin());
    return true;
}

std::optional<std::string> SpecWords::option(const std::string& key) {
    const auto found = options_.find(key);
    if (found == options_.end()) return std::nullopt;
    std::string value = found->second;
    options_.erase(found);
    return value;
}

void SpecWords::no_last_column() {
    if (!last_.empty()) words_.push_back(std::move(last_));
    last_.clear();
}

void SpecWords::expect_end() const {
    if (!words_.empty()) throw std::runtime_error("not expected here: " + words_.front());
    if (!options_.empty()) throw std::runtime_error("no such option: " + options_.begin()->first);
}

}  // namespace vouch::test
