#pragma once

namespace vouch::terminal {

/// Before any file is opened: of stdin, stdout and stderr, what is closed stays in use, and fails
/// to be read or written. Otherwise the next file would get its number, and output would go into
/// it.
void hold_standard_descriptors();

}  // namespace vouch::terminal
