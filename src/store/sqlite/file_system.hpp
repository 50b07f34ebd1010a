// Where database files live. Everything the store does with a file goes through SQLite's VFS of this name, and through the few
// calls here that SQLite's interface has no word for. The product uses system_files(); the crash tests and the simulation
// bring a disk of their own that fails on demand.
#pragma once

#include <string>

#include "base/result.hpp"

namespace possync::store::sqlite {

class FileSystem {
public:
    enum class Use {
        read,    ///< the file must exist
        write,   ///< the file must exist
        create,  ///< made, readable by its owner alone, where there is none
    };

    virtual ~FileSystem() = default;

    /// Name of a registered SQLite VFS.
    [[nodiscard]] virtual std::string const& vfs() const = 0;
    /// Before SQLite opens it: what is wrong with the path in words that say what to do. Errors: not_found, invalid_input (a
    /// directory), io (not permitted).
    [[nodiscard]] virtual base::Result<void> make_ready(std::string const& path, Use use) const = 0;
    /// A new empty file, readable by its owner alone, in place of an older one.
    [[nodiscard]] virtual base::Result<void> replace_by_empty(std::string const& path) const = 0;
    /// Gives a complete file its final name, durably: its bytes first, then the name.
    [[nodiscard]] virtual base::Result<void> put_in_place(std::string const& from, std::string const& to) const = 0;
    virtual void remove(std::string const& path) const = 0;
};

/// The machine's own.
[[nodiscard]] FileSystem const& system_files();

}  // namespace possync::store::sqlite
