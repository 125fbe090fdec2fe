#include "projector/views/rocks/translation.h"

#include "events/log/descriptors.h"

#include <string>

namespace vouch::projector {

Fault fault(const rocksdb::Status& status, const char* doing) {
    const bool is_altered = status.IsCorruption() || status.IsPathNotFound();
    const std::string what = std::string("view: ") + doing + ": " + status.ToString();
    if (is_altered) return {FaultCode::corrupt, what};
    const bool may_pass = status.IsNoSpace() || is_out_of_descriptors(what);
    return {may_pass ? FaultCode::retriable : FaultCode::storage, what};
}

// RocksDB reports a held lock as an I/O error like any other; how its text begins tells, and not
// the path behind that.
bool is_lock_held(const rocksdb::Status& status) {
    const std::string text = status.ToString();
    return text.starts_with("IO error: While lock file") ||
           text.starts_with("IO error: lock hold by current process");
}

}  // namespace vouch::projector
