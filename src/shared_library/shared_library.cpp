#include "shared_library/shared_library.hpp"

#include <dlfcn.h>

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
                          fmt::format("{} needs {}, which could not be loaded ({}); install it (Debian: apt install {})", user_,
                                      soname_, why != nullptr ? why : "no reason given", package_));
    }
    for (char const* const name : functions_) {
        if (::dlsym(handle, name) == nullptr) {
            ::dlclose(handle);
            return base::fail(base::ErrorCode::unavailable,
                              fmt::format("{} needs a newer {}: this one has no {}", user_, soname_, name));
        }
    }
    handle_.store(handle, std::memory_order_release);
    return {};
}

void* SharedLibrary::symbol(char const* name) {
    void* const handle = handle_.load(std::memory_order_acquire);
    CHECK(handle != nullptr);
    void* const found = ::dlsym(handle, name);
    CHECK(found != nullptr);
    return found;
}

}  // namespace possync::shared_library
