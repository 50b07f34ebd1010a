// How a test's forked process ends: at once, without taking apart what it shares with its parent, but not without its part of the
// coverage, which a program writes when it exits.
#pragma once

#include <unistd.h>

/// There in builds with coverage alone (clang's profile runtime).
extern "C" int __llvm_profile_write_file(void) __attribute__((weak));

namespace possync::test {

[[noreturn]] inline void end_process(int status) {
    if (__llvm_profile_write_file != nullptr) static_cast<void>(__llvm_profile_write_file());
    ::_exit(status);
}

}  // namespace possync::test
