#include "events/world/notice.h"

#include <atomic>
#include <cstdio>

namespace vouch {
namespace {

std::atomic<NoticeSink> notice_sink{nullptr};

std::string_view word_of(Severity severity) {
    switch (severity) {
        case Severity::note:
            return "";
        case Severity::warning:
            return "warning: ";
        case Severity::alarm:
            return "ALARM: ";
    }
    return "";
}

}  // namespace

std::string line_of(const Notice& notice) {
    return std::string(word_of(notice.severity)) + notice.text;
}

void tell(const Notice& notice) {
    if (const NoticeSink sink = notice_sink) return sink(notice);
    const std::string line = "vouch: " + line_of(notice) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
}

void send_notices_to(NoticeSink sink) { notice_sink = sink; }

}  // namespace vouch
