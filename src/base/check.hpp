// CHECK: a broken invariant of our own aborts with file and line, in release too. Never for input:
// whatever comes from outside is answered with base::Error.
#pragma once

namespace possync::base {
[[noreturn]] void check_failed(char const* condition, char const* file, int line);
}

#define CHECK(condition)                                 \
    (static_cast<bool>(condition) ? static_cast<void>(0) \
                                  : ::possync::base::check_failed(#condition, __FILE__, __LINE__))
