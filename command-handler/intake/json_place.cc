#include "command-handler/intake/json_place.h"

#include "events/check.h"

namespace vouch::command_handler {

void JsonPlace::open(const Frame& frame) {
    VOUCH_ASSERT(depth_ < frames_.size());
    frames_[depth_++] = frame;
}

std::string JsonPlace::path(const RawLine& line) const {
    std::string path;
    for (std::size_t i = 0; i < depth_; ++i) {
        switch (frames_[i].kind) {
            case FrameKind::line:
            case FrameKind::body:
                break;
            case FrameKind::group:
                if (!is_in_member()) path += "group.";
                break;
            case FrameKind::member:
                path += "group[" + std::to_string(line.members.size() - 1) + "].";
                break;
            case FrameKind::actor:
                path += "actor.";
                break;
            case FrameKind::metadata:
                path += "metadata.";
                break;
            case FrameKind::postings:
                if (i + 1 == depth_) path += "postings.";
                break;
            case FrameKind::posting: {
                const RawCommand& owner = is_in_member() ? line.members.back() : line.command;
                path += "postings[" +
                        std::to_string(line.postings.size() - 1 - owner.postings.begin) + "].";
                break;
            }
            case FrameKind::list:
                if (i + 1 == depth_) path += std::string(frames_[i].list->name) + ".";
                break;
            case FrameKind::item:
                path += std::string(frames_[i].list->name) + "[" +
                        std::to_string(line.items.size() - 1 - frames_[i].first_item) + "].";
                break;
        }
    }
    return path;
}

}  // namespace vouch::command_handler
