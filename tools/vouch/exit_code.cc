#include "tools/vouch/exit_code.h"

#include "tools/terminal/say.h"

namespace vouch::cli {

ExitCode exit_code_of(const Fault& fault) {
    switch (fault.code) {
        case FaultCode::retriable:
        case FaultCode::fenced:
        case FaultCode::storage:
            return ExitCode::unreachable;
        case FaultCode::corrupt:
            return ExitCode::findings;
        case FaultCode::configuration:
            return ExitCode::configuration;
    }
    return ExitCode::internal;
}

ExitCode fail(const Fault& fault) {
    terminal::say(fault.message);
    return exit_code_of(fault);
}

ExitCode fail_usage(const Fault& fault) {
    terminal::say(fault.message);
    return ExitCode::usage;
}

}  // namespace vouch::cli
