#include "store/sqlite/file_system.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "store/sqlite/gathering_vfs.hpp"

namespace possync::store::sqlite {

using base::ErrorCode;
using base::Result;

namespace {

Result<void> sync_to_disk(std::string const& path, int flags) {
    int const descriptor = ::open(path.c_str(), flags | O_RDONLY | O_CLOEXEC);
    bool const synced = descriptor >= 0 && ::fsync(descriptor) == 0;
    int const reason = errno;
    if (descriptor >= 0) ::close(descriptor);
    if (!synced) return base::fail(ErrorCode::io, fmt::format("{}: {}", path, std::strerror(reason)));
    return {};
}

std::string folder_of(std::string const& path) {
    auto const slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

class SystemFiles final : public FileSystem {
public:
    std::string const& vfs() const override { return vfs_.name(); }

    /// What the file system can tell better than SQLite's "unable to open database file".
    Result<void> make_ready(std::string const& path, Use use) const override {
        struct stat status{};
        if (::stat(path.c_str(), &status) == 0) {
            if (S_ISDIR(status.st_mode)) {
                return base::fail(ErrorCode::invalid_input,
                                  fmt::format("{} is a directory: name a file, such as {}/possync.db", path, path));
            }
            if (!S_ISREG(status.st_mode)) {
                return base::fail(ErrorCode::invalid_input, fmt::format("{} is not a regular file: name a file", path));
            }
            int const wanted = use == Use::read ? R_OK : R_OK | W_OK;
            if (::access(path.c_str(), wanted) != 0) {
                return base::fail(
                    ErrorCode::io,
                    fmt::format("database {} may not be {} by this user: check the owner and permissions of the file", path,
                                wanted == R_OK ? "read" : "written"));
            }
            return {};
        }
        if (errno != ENOENT) {
            return base::fail(ErrorCode::io, fmt::format("database {} cannot be opened: {}", path, std::strerror(errno)));
        }
        if (use != Use::create) {
            return base::fail(
                ErrorCode::not_found,
                fmt::format("database {} does not exist: check the path, or create it with `possync migrate`", path));
        }
        // Created here and not by SQLite, because it holds what an account owns: nobody else may read it. The
        // files that SQLite makes beside it inherit the mode.
        int const descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (descriptor < 0) {
            return base::fail(ErrorCode::io,
                              fmt::format("database {} cannot be created: {}; check that its folder exists and is writable", path,
                                          std::strerror(errno)));
        }
        ::close(descriptor);
        return {};
    }

    Result<void> replace_by_empty(std::string const& path) const override {
        ::unlink(path.c_str());
        int const descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (descriptor < 0) return base::fail(ErrorCode::io, fmt::format("{}: {}", path, std::strerror(errno)));
        ::close(descriptor);
        return {};
    }

    Result<void> put_in_place(std::string const& from, std::string const& to) const override {
        POSSYNC_TRY_VOID(sync_to_disk(from, 0));
        if (std::rename(from.c_str(), to.c_str()) != 0) {
            return base::fail(ErrorCode::io, fmt::format("{}: {}", to, std::strerror(errno)));
        }
        return sync_to_disk(folder_of(to), O_DIRECTORY);
    }

    void remove(std::string const& path) const override { ::unlink(path.c_str()); }

private:
    GatheringVfs vfs_{"possync"};
};

}  // namespace

FileSystem const& system_files() {
    static SystemFiles const files;
    return files;
}

}  // namespace possync::store::sqlite
