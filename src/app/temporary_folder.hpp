// A folder for files that nobody needs afterwards; gone with this object.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/result.hpp"

namespace possync::app {

class TemporaryFolder {
public:
    /// Errors: io when none can be made.
    [[nodiscard]] static base::Result<TemporaryFolder> make() {
        std::string path = (std::filesystem::temp_directory_path() / "possync-XXXXXX").string();
        if (::mkdtemp(path.data()) == nullptr) {
            return base::fail(base::ErrorCode::io, fmt::format("no temporary folder can be made like {}", path));
        }
        return TemporaryFolder(std::move(path));
    }
    TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    TemporaryFolder& operator=(TemporaryFolder&& other) noexcept {
        std::swap(path_, other.path_);
        return *this;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string file(std::string const& name) const { return path_ + "/" + name; }

private:
    explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
    std::string path_;
};

}  // namespace possync::app
