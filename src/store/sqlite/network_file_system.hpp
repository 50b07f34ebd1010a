// Whether a folder is on a file system that other hosts reach too. SQLite's write-ahead log needs memory that all of its processes
// share, and locks that hold: neither is to be had there.
#pragma once

#include <string>
#include <string_view>

namespace possync::store::sqlite {

/// The file system's name where it is one of a network, else "". A folder that cannot be asked is none.
[[nodiscard]] std::string network_file_system(std::string const& folder);

/// The same from what statfs(2) and, for file systems in user space, the mount's type say.
[[nodiscard]] std::string network_file_system(unsigned long magic, std::string_view mount_type);

}  // namespace possync::store::sqlite
