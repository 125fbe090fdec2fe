#include "tests/model/owned_command.h"

#include <variant>

namespace vouch::test {

const Command& OwnedCommand::view() const {
    view_ = head;
    if (auto* entry = std::get_if<PostEntry>(&view_.body)) entry->postings = postings;
    if (auto* open = std::get_if<OpenAccount>(&view_.body)) open->name = account_name;
    if (auto* group = std::get_if<Group>(&view_.body)) {
        member_views_.clear();
        for (const OwnedCommand& member : members) member_views_.push_back(member.view());
        group->members = member_views_;
    }
    view_.context = context;
    view_.actor_id = actor_id;
    view_.module = module;
    view_.ticket = ticket;
    metadata_views_.clear();
    for (const auto& [key, value] : metadata) metadata_views_.push_back({key, value});
    view_.metadata = metadata_views_;
    return view_;
}

OwnedCommand own(const Command& command) {
    OwnedCommand owned;
    owned.head = command;
    if (const auto* entry = std::get_if<PostEntry>(&command.body)) {
        owned.postings.assign(entry->postings.begin(), entry->postings.end());
    }
    if (const auto* open = std::get_if<OpenAccount>(&command.body)) owned.account_name = open->name;
    if (const auto* group = std::get_if<Group>(&command.body)) {
        for (const Command& member : group->members) owned.members.push_back(own(member));
    }
    owned.context = command.context;
    owned.actor_id = command.actor_id;
    owned.module = command.module;
    owned.ticket = command.ticket;
    for (const Metadata& pair : command.metadata) owned.metadata.emplace_back(pair.key, pair.value);
    return owned;
}

}  // namespace vouch::test
