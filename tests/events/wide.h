#pragma once

#include "events/money/amount.h"

#include <boost/multiprecision/cpp_int.hpp>

namespace vouch::test {

/// Numbers that no test can overflow, to hold 128-bit arithmetic against.
using Wide = boost::multiprecision::cpp_int;

inline Wide wide(Amount amount) { return (Wide(amount.high()) << 64) | amount.low(); }

inline const Wide kTwoTo128 = Wide(1) << 128;

}  // namespace vouch::test
