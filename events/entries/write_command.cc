#include "events/entries/write_command.h"

namespace vouch::wire {
namespace {

// Bounds of what is not text. A tag takes at most 2 bytes, a length at most 3 (64 KiB), a varint
// at most 10, half an id 9 or 10.
constexpr std::size_t kTextOverhead = 5;
constexpr std::size_t kPostingBound = 2 + 2 * 9 + 2 + 2 * 11;
constexpr std::size_t kMetadataBound = kTextOverhead + 2 * 4;
constexpr std::size_t kReferenceBound = 2 * kTextOverhead + 2;
constexpr std::size_t kAttachmentBound = 3 * kTextOverhead + sizeof(AttachmentDigest) + 11;
// Ids, amounts, flags and limit of the largest body (refund, or open_account without its texts).
constexpr std::size_t kBodyBound = kTextOverhead + 6 * 10 + 4 * 11 + 3 * kTextOverhead + 32;
// Trace, document date and kind.
constexpr std::size_t kVoucherBound = kTextOverhead + 3 * 9 + 3 + 7 + 3;
// Everything in a command but body, metadata and text.
constexpr std::size_t kFixedBound =
    2 * 9 + 6 + kBodyBound + 11 * kTextOverhead + 3 * 11 + kVoucherBound + kWriterSlack;

}  // namespace

std::size_t command_size_bound(const Command& command) {
    std::size_t bound = kFixedBound + command.context.size() + command.actor_id.size() +
                        command.actor_address.size() + command.actor_device.size() +
                        command.module.size() + command.ticket.size() +
                        command.channel.size() + command.id_text.size() + command.reason.size();
    for (const Metadata& pair : command.metadata) {
        bound += kMetadataBound + pair.key.size() + pair.value.size();
    }
    for (const Reference& reference : command.references) {
        bound += kReferenceBound + reference.value.size();
    }
    for (const Attachment& attachment : command.attachments) {
        bound += kAttachmentBound + attachment.media_type.size();
    }
    if (const auto* entry = std::get_if<PostEntry>(&command.body)) {
        bound += entry->postings.size() * kPostingBound;
    } else if (const auto* open = std::get_if<OpenAccount>(&command.body)) {
        bound += open->name.size() + Asset::kCodeMax + open->chart_code.size() + open->owner.size();
    } else if (const auto* group = std::get_if<Group>(&command.body)) {
        for (const Command& member : group->members)
            bound += kTextOverhead + command_size_bound(member);
    }
    return bound;
}

}  // namespace vouch::wire
