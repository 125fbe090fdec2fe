#pragma once

#include "events/result.h"
#include "tools/server/places/data_directory.h"

namespace vouch::places {

/// Before anything is made: books that cannot hold a record are not begun.
Status check_room_for_books(const DataOptions& options);

/// Makes what `data` describes: directory, keys, log or topics, and last the file that says what it
/// is. When it fails, what was made is taken away again, unless topics may name these books.
Status make_books(const DataDirectory& data);

/// Goes on with books whose topics were being made.
Status finish_books(const DataDirectory& data);

}  // namespace vouch::places
