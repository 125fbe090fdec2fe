#pragma once

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace vouch::test {

/// One line of a table in words: "transfer t1 a -> b 1.00 EUR context=x  posted(moved 0.50)".
class SpecWords {
public:
    /// `text` without its comment. Throws std::runtime_error for an unclosed bracket.
    explicit SpecWords(std::string_view text);

    bool empty() const { return words_.empty() && last_.empty(); }
    bool is_indented() const { return indented_; }

    /// The next word from the left. Throws when there is none.
    std::string take();
    std::optional<std::string> peek() const;
    /// Takes the next word if it is `word`.
    bool accept(std::string_view word);
    /// `key=value` anywhere in the line, taken out.
    std::optional<std::string> option(const std::string& key);
    /// The last column; bracketed facts split off.
    const std::string& last() const { return last_; }
    const std::string& bracket() const { return bracket_; }
    /// Puts the last column back among the words, for lines that have none.
    void no_last_column();
    /// Throws when words or options are left over.
    void expect_end() const;

private:
    std::vector<std::string> words_;
    std::map<std::string, std::string> options_;
    std::string last_;
    std::string bracket_;
    bool indented_ = false;
};

}  // namespace vouch::test
