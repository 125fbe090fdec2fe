#include "tools/vouch/usage_mistake.h"

#include "tools/vouch/nearest_name.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

namespace vouch::cli {
namespace {

/// Those of groups, too, which CLI11 has as subcommands without a name.
std::vector<std::string> option_names(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::Option* const option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
    for (const CLI::App* const each : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (!each->get_name().empty()) continue;
        for (std::string& name : option_names(*each)) names.push_back(std::move(name));
    }
    return names;
}

std::optional<std::string> unknown_option(const CLI::App& at, std::span<const char* const> words) {
    const std::vector<std::string> names = option_names(at);
    for (const std::string_view word : words.subspan(std::min<std::size_t>(1, words.size()))) {
        if (word == "--") break;
        const std::string name(word.substr(0, word.find('=')));
        if (!word.starts_with("--") || std::ranges::find(names, name) != names.end()) continue;
        const std::string near = nearest_name(name, names);
        return "there is no option '" + name + "'" +
               (near.empty() ? "" : ", the nearest is '" + near + "'");
    }
    return std::nullopt;
}

/// The text on both sides of `between`, when that is in it.
struct Sides {
    std::string before, behind;
};
std::optional<Sides> split(const std::string& text, std::string_view between) {
    const std::size_t at = text.find(between);
    if (at == std::string::npos) return std::nullopt;
    return Sides{text.substr(0, at), text.substr(at + between.size())};
}

/// Of "... from [--data,--http] is required and 2 were given".
std::optional<std::string> choice(const std::string& text) {
    const auto list = split(text, "[");
    const auto names = list ? split(list->behind, "]") : std::nullopt;
    if (!names) return std::nullopt;
    std::string found = "none";
    if (names->behind.find("given") != std::string::npos ||
        text.find("at most") != std::string::npos)
        found = "more than that";
    std::string either = names->before;
    for (std::size_t at = 0; (at = either.find(',', at)) != std::string::npos; at += 4)
        either.replace(at, 1, " or ");
    return "expected one of " + either + ", found " + found;
}

/// CLI11's own words end where ours begin. A text of another version of it stays as it is.
std::string in_our_words(const CLI::App& at, const std::string& text) {
    constexpr std::string_view kNoValue = ": expected a value, found nothing";
    if (text.starts_with("The following argument")) {
        std::string found;
        for (const std::string& word : at.remaining()) found += (found.empty() ? "" : " ") + word;
        return "expected nothing more, found '" + found + "'";
    }
    if (text == "A subcommand is required") return "expected a subcommand, found none";
    if (const auto named = split(text, "Could not convert: ")) {
        const auto value = split(named->behind, " = ");
        if (value) return value->before + ": expected a number, found '" + value->behind + "'";
    }
    if (const auto chosen = choice(text)) return *chosen;
    if (const auto named = split(text, ": At Most 1 required but received "))
        return named->before + ": expected once, found " + named->behind + " times";
    for (const char* const missing : {": 1 required ", " is required"}) {
        const auto named = split(text, missing);
        if (!named) continue;
        const std::vector<std::string> left = at.remaining();
        const bool is_dashed = !left.empty() && left.front().starts_with('-');
        return named->before + std::string(kNoValue) +
               (is_dashed ? " ('" + left.front() + "' is taken as one behind '--')" : "");
    }
    if (const auto both = split(text, " requires "))
        return both->before + ": expected with " + both->behind;
    if (const auto both = split(text, " excludes "))
        return both->before + ": expected without " + both->behind;
    for (const char* const flag : {" was given a disallowed flag override", ": Should be true"}) {
        if (const auto named = split(text, flag)) return named->before + ": expected no value";
    }
    return text;
}

}  // namespace

std::string usage_mistake(const CLI::App& at, std::span<const char* const> words,
                          const CLI::ParseError& error) {
    if (const auto unknown = unknown_option(at, words)) return *unknown;
    std::string text = in_our_words(at, error.what());
    std::ranges::replace(text, '\n', ' ');
    return text;
}

}  // namespace vouch::cli
