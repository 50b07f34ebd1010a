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
#include <span>

#include "base/result.hpp"

namespace possync::shared_library {

class SharedLibrary {
public:
    /// `soname` and Debian's `package` as the program was built with, `user` in words that begin a sentence, `functions` all that
    /// are called.
    constexpr SharedLibrary(char const* soname, char const* package, char const* user, std::span<char const* const> functions)
        : soname_(soname), package_(package), user_(user), functions_(functions) {}
    SharedLibrary(SharedLibrary const&) = delete;
    SharedLibrary& operator=(SharedLibrary const&) = delete;

    /// Fails (unavailable) where this machine has none, or one that lacks a function, and tries again when asked again. To be
    /// asked before the first call.
    [[nodiscard]] base::Result<void> load();

    /// Aborts where the library was not loaded.
    [[nodiscard]] void* symbol(char const* name);

private:
    char const* soname_;
    char const* package_;
    char const* user_;
    std::span<char const* const> functions_;
    std::atomic<void*> handle_{nullptr};
};

/// Called like the function itself, as `SharedFunction<decltype(::PQclear)> PQclear{libpq, "PQclear"}`; it must be among the
/// library's `functions`.
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

/// A deleter: `std::unique_ptr<PGresult, Free<PQclear>>`.
template <auto const& function>
struct Free {
    void operator()(auto* resource) const { function(resource); }
};

}  // namespace possync::shared_library
