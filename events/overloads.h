#pragma once

namespace vouch {

/// Functions as one, for std::visit: with one for each kind of a variant, the compiler finds the
/// kind that is forgotten.
template <class... Functions>
struct Overloads : Functions... {
    using Functions::operator()...;
};

}  // namespace vouch
