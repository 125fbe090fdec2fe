#include "command-handler/gateway/sent_names.h"

#include "events/money/text_ids.h"

namespace vouch::command_handler {

SentNames::Range SentNames::add(const RawLine& line) {
    line_ = first_ + bytes_.size();
    add(line.command);
    for (const RawPosting& posting : line.postings) add(posting.account);
    for (const RawCommand& member : line.members) add(member);
    return {line_, first_ + bytes_.size()};
}

void SentNames::add(const RawCommand& command) {
    for (const Field field : {Field::debit, Field::credit, Field::account, Field::from})
        add(command.text(field));
}

void SentNames::add(std::string_view name) {
    const std::uint64_t used = first_ + bytes_.size() - line_;
    if (name.empty() || name.size() > kNameMax || used + name.size() >= kLineBytesMax) return;
    bytes_.push_back(static_cast<char>(static_cast<unsigned char>(name.size())));
    bytes_.append(name);
}

std::string_view SentNames::find(const Range& line, LedgerId ledger, AccountId account) const {
    for (std::uint64_t at = line.begin; at < line.end;) {
        const std::string_view left = std::string_view(bytes_).substr(at - first_);
        const std::string_view name = left.substr(1, static_cast<unsigned char>(left.front()));
        const std::optional<TextId> id = parse_account_id(name, ledger);
        if (id && AccountId(id->high, id->low) == account) return name;
        at += 1 + name.size();
    }
    return {};
}

void SentNames::forget_before(std::uint64_t begin) {
    if (begin <= first_) return;
    // Moved only when that halves it, so seldom.
    const std::uint64_t gone = begin - first_;
    if (gone < bytes_.size() && gone <= bytes_.size() / 2) return;
    bytes_.erase(0, gone);
    first_ = begin;
}

}  // namespace vouch::command_handler
