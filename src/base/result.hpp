// Errors that come from outside (input, files, sockets, the broker) are values; bugs abort (check.hpp).
// An Error says what happened and what to do in one line; `because` nests the cause beneath it.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace possync::base {

/// Class of an expected error; decides exit status and whether a retry makes sense.
enum class ErrorCode {
    invalid_input,    ///< malformed text, frame, configuration, request: the same input fails again
    out_of_range,     ///< a number that exact arithmetic cannot hold
    not_found,        ///< a named thing does not exist
    refused,          ///< understood, and not done on purpose (paper/live mismatch, newer database, guard)
    conflict,         ///< somebody else wrote first, or holds the lease: load again and retry
    unavailable,      ///< broker or database away: retry later
    timeout,          ///< no answer in time: the state is unknown
    io,               ///< the operating system or the disk failed
    internal,         ///< a broken invariant that was contained
};

[[nodiscard]] std::string_view to_string(ErrorCode code);
/// The inverse; nothing for any other text.
[[nodiscard]] std::optional<ErrorCode> parse_error_code(std::string_view text);

struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;  ///< one line: what, and what to do about it

    bool operator==(Error const&) const = default;
};

template <typename T>
using Result = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
    return std::unexpected(Error{code, std::move(message)});
}

/// "outer: inner", keeping the inner code: the cause chain of one line.
[[nodiscard]] inline std::unexpected<Error> because(std::string_view outer, Error const& cause) {
    return std::unexpected(Error{cause.code, std::string(outer) + ": " + cause.message});
}

}  // namespace possync::base

/// Evaluates an expression of type Result<T>; returns its error from the enclosing function, else binds the
/// value.
#define POSSYNC_TRY_CONCAT_INNER(a, b) a##b
#define POSSYNC_TRY_CONCAT(a, b) POSSYNC_TRY_CONCAT_INNER(a, b)
#define POSSYNC_TRY_IMPL(temporary, declaration, ...)            \
    auto temporary = (__VA_ARGS__);                              \
    if (!temporary) return std::unexpected(temporary.error());   \
    declaration = std::move(*temporary)
/// `POSSYNC_TRY(auto book, load(account));`
#define POSSYNC_TRY(declaration, ...) \
    POSSYNC_TRY_IMPL(POSSYNC_TRY_CONCAT(possync_try_, __COUNTER__), declaration, __VA_ARGS__)
#define POSSYNC_TRY_VOID_IMPL(temporary, ...) \
    if (auto temporary = (__VA_ARGS__); !temporary) return std::unexpected(temporary.error())
/// The same for Result<void>: `POSSYNC_TRY_VOID(commit(batch));`
#define POSSYNC_TRY_VOID(...) \
    POSSYNC_TRY_VOID_IMPL(POSSYNC_TRY_CONCAT(possync_try_, __COUNTER__), __VA_ARGS__)
