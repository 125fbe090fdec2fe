// RocksDB is a library of the system, which ThreadSanitizer does not see into: its counters look like races.
// Read by the sanitizer's runtime; of no effect in other builds.

extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:librocksdb.so\n"; }
