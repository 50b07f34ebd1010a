// Libraries of the system that are loaded when something first needs them, not at the start: libpq, libcurl and NATS with the
// thirty libraries behind them, which a book on SQLite without webhooks never uses. Why:
// docs/decisions/0011-libraries-when-needed.md.
//
// A header beside the users of a library (store/postgres/libpq.hpp) makes one SharedLibrary and a SharedFunction of each
// function's own name in the users' namespace, where it hides the declaration of the C header: calls are written, and checked, as
// if it were linked. A library is never unloaded. Threading: everything from any thread at any time; both classes are constant
// initialized.
#pragma once

#include <atomic>

#include "base/result.hpp"

namespace possync::shared_library {

class SharedLibrary {
public:
    /// `soname` as the program was built with, `package` of Debian, what it is needed `for` in words that end a sentence.
    constexpr SharedLibrary(char const* soname, char const* package, char const* needed_for)
        : soname_(soname), package_(package), needed_for_(needed_for) {}
    SharedLibrary(SharedLibrary const&) = delete;
    SharedLibrary& operator=(SharedLibrary const&) = delete;

    /// Fails (unavailable) where this machine has none, and tries again when asked again. To be asked before the first call.
    [[nodiscard]] base::Result<void> load();

    /// Aborts where the library was not loaded, or has no such function: it is not the one the soname promises.
    [[nodiscard]] void* symbol(char const* name);

private:
    char const* soname_;
    char const* package_;
    char const* needed_for_;
    std::atomic<void*> handle_{nullptr};
};

/// Called like the function itself, as `SharedFunction<decltype(::PQclear)> PQclear{libpq, "PQclear"}`.
template <class Function>
class SharedFunction {
public:
    constexpr SharedFunction(SharedLibrary& library, char const* name) : library_(library), name_(name) {}
    SharedFunction(SharedFunction const&) = delete;
    SharedFunction& operator=(SharedFunction const&) = delete;

    // A call of an object that converts to a pointer to a function calls that function, variable arguments and all.
    operator Function*() const {  // NOLINT(google-explicit-constructor)
        Function* found = function_.load(std::memory_order_acquire);
        if (found == nullptr) {
            found = reinterpret_cast<Function*>(library_.symbol(name_));
            function_.store(found, std::memory_order_release);
        }
        return found;
    }

private:
    SharedLibrary& library_;
    char const* name_;
    mutable std::atomic<Function*> function_{nullptr};
};

}  // namespace possync::shared_library
