#include "command-handler/shard/plausible_clock.h"

#include <algorithm>
#include <span>
#include <sstream>
#include <string>

// look = "clock 1" time boot machine, decimal numbers with a blank between, and a line end

namespace vouch::command_handler {
namespace {

constexpr const char* kClockFormat = "1";

std::string seconds_text(std::int64_t us) { return std::to_string(us / 1'000'000) + " s"; }

}  // namespace

bool is_later(Timestamp a, Timestamp b, std::int64_t by_us) {
    std::int64_t end = 0;
    return !__builtin_add_overflow(b.value(), by_us, &end) && a.value() > end;
}

std::optional<Timestamp> expected_time(const ClockLook& look, const MachineTime& machine) {
    std::int64_t passed = 0;
    std::int64_t time = 0;
    const bool is_countable = look.machine.boot == machine.boot && look.machine.us <= machine.us &&
                              !__builtin_sub_overflow(machine.us, look.machine.us, &passed) &&
                              !__builtin_add_overflow(look.time.value(), passed, &time);
    if (!is_countable) return std::nullopt;
    return Timestamp(time);
}

Timestamp PlausibleClock::now() {
    const ClockLook found = look();
    const std::optional<Timestamp> expected = expected_time(trusted_, found.machine);
    if (!expected) trusted_ = found;
    is_leaping_ = expected && is_later(found.time, *expected, kLeapMax_us);
    if (expected) follow(found, *expected);
    return is_leaping_ ? *expected : found.time;
}

// A clock that was set back is no measure either, of one that is put right again.
void PlausibleClock::follow(const ClockLook& found, Timestamp expected) {
    const std::int64_t passed = found.machine.us - trusted_.machine.us;
    if (passed < kFollowEvery_us) return;
    const bool is_far = is_leaping_ || is_later(expected, found.time, kLeapMax_us);
    const std::int64_t most = is_far ? 0 : passed / kFollowPart;
    const std::int64_t moved =
        is_far ? 0 : std::clamp(found.time.value() - expected.value(), -most, most);
    trusted_ = {Timestamp(expected.value() + moved), found.machine};
}

std::optional<Fault> doubt_of_start(const ClockLook& found, const std::optional<ClockLook>& kept,
                                    Timestamp last, Timestamp accepted) {
    const auto doubt = [](const std::string& what) {
        return Fault{
            FaultCode::configuration,
            what + "; set it right and start again, or accept it with --accept-clock NAME"};
    };
    if (is_later(last, found.time, kClockBehindMax_us) && last > accepted) {
        const std::string behind = "the clock is " +
                                   seconds_text(last.value() - found.time.value()) +
                                   " behind the newest record";
        if (is_later(last, found.time, PlausibleClock::kLeapMax_us)) return doubt(behind);
        return Fault{FaultCode::retriable, behind + "; start again when it has caught up"};
    }
    const std::optional<Timestamp> expected =
        kept ? expected_time(*kept, found.machine) : std::nullopt;
    if (expected && is_later(found.time, *expected, PlausibleClock::kLeapMax_us)) {
        return doubt("the clock is " + seconds_text(found.time.value() - expected->value()) +
                     " ahead of what this machine has counted since it was last believed");
    }
    if (!expected && is_later(found.time, last, kRestMax_us)) {
        return doubt("the clock is " + seconds_text(found.time.value() - last.value()) +
                     " later than the newest record, and nothing here says that so much time has "
                     "passed");
    }
    return std::nullopt;
}

void keep_look(const std::filesystem::path& path, const ClockLook& look, Files& files) {
    const std::string text = std::string("clock ") + kClockFormat + ' ' +
                             std::to_string(look.time.value()) + ' ' +
                             std::to_string(look.machine.boot) + ' ' +
                             std::to_string(look.machine.us) + '\n';
    Result<File> file = File::make(files, path.string() + ".new");
    if (file && file->write(std::as_bytes(std::span(text)), 0)) (void)file->rename(path.string());
}

std::optional<ClockLook> kept_look(const std::filesystem::path& path, Files& files) {
    const auto kept = read_file(files, path.string());
    if (!kept || !*kept) return std::nullopt;
    std::istringstream file(
        std::string(reinterpret_cast<const char*>((*kept)->data()), (*kept)->size()));
    std::string name, format;
    std::int64_t time = 0;
    ClockLook look;
    if (!(file >> name >> format >> time >> look.machine.boot >> look.machine.us))
        return std::nullopt;
    if (name != "clock" || format != kClockFormat) return std::nullopt;
    look.time = Timestamp(time);
    return look;
}

}  // namespace vouch::command_handler
