#include "base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace possync::base {

void check_failed(char const* condition, char const* file, int line) {
    std::fprintf(stderr, "possync: internal error: %s does not hold (%s:%d)\n", condition, file, line);
    std::abort();
}

}  // namespace possync::base
