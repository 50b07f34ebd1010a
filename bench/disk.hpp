// The floor of every durable commit: one page of 4 KiB overwritten in a file that has its size, and synced.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <vector>

#include "workload.hpp"

namespace possync::bench {

class Disk {
public:
    explicit Disk(std::string const& path) : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)), page_(4096, 'x') {
        std::string const zeros(64 * 4096, '0');
        must(file_ >= 0 && ::pwrite(file_, zeros.data(), zeros.size(), 0) == static_cast<ssize_t>(zeros.size()) && ::fsync(file_) == 0,
             "no file to write to");
    }
    ~Disk() { ::close(file_); }
    Disk(Disk const&) = delete;
    Disk& operator=(Disk const&) = delete;

    /// Milliseconds of one.
    double sync() {
        page_[0] = static_cast<char>('a' + ++count_ % 26);
        auto const begun = std::chrono::steady_clock::now();
        must(::pwrite(file_, page_.data(), page_.size(), count_ % 64 * 4096) == 4096 && ::fdatasync(file_) == 0, "the disk fails");
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun).count();
    }

private:
    int file_;
    std::string page_;
    long count_ = 0;
};

}  // namespace possync::bench
