#include "shared_library/shared_library.hpp"

#include <dlfcn.h>

#include <cstdio>

#include <fmt/format.h>

#include "base/check.hpp"

namespace possync::shared_library {

base::Result<void> SharedLibrary::load() {
    if (handle_.load(std::memory_order_acquire) != nullptr) return {};
    // Two threads that come at once get one handle twice. Local, so that its symbols are nobody else's.
    void* const handle = ::dlopen(soname_, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        char const* const why = ::dlerror();
        return base::fail(base::ErrorCode::unavailable,
                          fmt::format("{} needs {}, which could not be loaded ({}); install it (Debian: apt install {})",
                                      needed_for_, soname_, why != nullptr ? why : "no reason given", package_));
    }
    handle_.store(handle, std::memory_order_release);
    return {};
}

void* SharedLibrary::symbol(char const* name) {
    void* const handle = handle_.load(std::memory_order_acquire);
    CHECK(handle != nullptr);
    void* const found = ::dlsym(handle, name);
    if (found == nullptr) std::fprintf(stderr, "%s has no %s\n", soname_, name);
    CHECK(found != nullptr);
    return found;
}

}  // namespace possync::shared_library
