#include "events/seal/secret_bytes.h"

#include <openssl/crypto.h>

namespace vouch {

void wipe(void* memory, std::size_t size) { OPENSSL_cleanse(memory, size); }

}  // namespace vouch
