#include "projector/views/rocks/damage.h"

#include <fstream>
#include <iterator>

namespace vouch::projector {
namespace {

constexpr const char* kDamageNote = "damage";

}  // namespace

Damage::Damage(const std::filesystem::path& directory, bool is_noted)
    : note_(is_noted ? directory / kDamageNote : std::filesystem::path()) {}

Fault Damage::keep(Fault fault) {
    if (fault.code != FaultCode::corrupt) return fault;
    const std::lock_guard lock(mutex_);
    if (!first_) {
        first_ = fault;
        if (!note_.empty() && !write_note(fault.message))
            first_->message += "; the disk took no note of that";
    }
    return fault;
}

std::optional<Fault> Damage::first() const {
    const std::lock_guard lock(mutex_);
    return first_;
}

bool Damage::write_note(const std::string& message) const {
    return static_cast<bool>(std::ofstream(note_) << message << std::flush);
}

std::optional<std::string> Damage::noted_in(const std::filesystem::path& directory) {
    std::ifstream note(directory / kDamageNote);
    if (!note) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(note), {});
}

}  // namespace vouch::projector
