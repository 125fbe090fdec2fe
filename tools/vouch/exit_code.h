#pragma once

#include "events/result.h"

namespace vouch::cli {

/// What the process ends with (docs/cli.md).
enum class ExitCode : int {
    done = 0,
    findings = 1,       ///< something is wrong in the books: a check failed
    usage = 2,          ///< the command line, or a line of input, is not understood
    configuration = 3,  ///< settings, keys or a directory do not fit
    unreachable = 4,    ///< somebody else holds the books, or the disk fails
    refused = 5,        ///< the ledger says no, or does not know what was asked for
    unchecked = 6,      ///< replay: no findings, but not everything could be checked
    internal = 70,      ///< a bug of this program
};

/// Of a fault that ends a subcommand.
ExitCode exit_code_of(const Fault& fault);

/// Says what went wrong; gives what the process ends with.
ExitCode fail(const Fault& fault);
/// The same of what the command line says.
ExitCode fail_usage(const Fault& fault);

}  // namespace vouch::cli
