#include "store/sqlite/network_file_system.hpp"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

namespace possync::store::sqlite {

namespace {

constexpr unsigned long fuse_magic = 0x65735546;

struct Known {
    unsigned long magic;
    std::string_view name;
};
/// Numbers from the kernel's include/uapi/linux/magic.h and the file systems' own sources.
constexpr std::array known_file_systems{
    Known{0x6969, "NFS"},         Known{0x517B, "SMB"},       Known{0xFE534D42, "SMB"},     Known{0xFF534D42, "CIFS"},
    Known{0x00C36400, "Ceph"},    Known{0x5346414F, "AFS"},   Known{0x6B414653, "AFS"},     Known{0x73757245, "Coda"},
    Known{0x01021997, "9P"},      Known{0x0BD00BD0, "Lustre"}, Known{0x01161970, "GFS2"},    Known{0x7461636F, "OCFS2"},
    Known{0x19830326, "BeeGFS"},  Known{0x47504653, "GPFS"},
};
/// In user space the number says nothing, the mount's type does.
constexpr std::array<std::string_view, 10> known_fuse{"sshfs",  "glusterfs", "ceph",   "s3fs",    "rclone",
                                                     "davfs2", "smbnetfs",  "curlftpfs", "gcsfuse", "juicefs"};

/// Type of the mount that a device number belongs to, as /proc/self/mountinfo has it.
std::string mount_type_of(dev_t device) {
    std::ifstream mounts("/proc/self/mountinfo");
    std::string const wanted = fmt::format("{}:{}", major(device), minor(device));
    for (std::string line; std::getline(mounts, line);) {
        std::istringstream fields(line);
        std::string id;
        std::string parent;
        std::string number;
        fields >> id >> parent >> number;
        if (number != wanted) continue;
        auto const dash = line.find(" - ");
        if (dash == std::string::npos) continue;
        std::istringstream rest(line.substr(dash + 3));
        std::string type;
        rest >> type;
        return type;
    }
    return {};
}

}  // namespace

std::string network_file_system(unsigned long magic, std::string_view mount_type) {
    for (auto const& each : known_file_systems) {
        if (each.magic == magic) return std::string(each.name);
    }
    if (magic != fuse_magic) return {};
    for (auto const name : known_fuse) {
        if (mount_type.find(name) != std::string_view::npos) return std::string(name);
    }
    return {};
}

std::string network_file_system(std::string const& folder) {
    struct statfs found{};
    if (::statfs(folder.c_str(), &found) != 0) return {};
    auto const magic = static_cast<unsigned long>(found.f_type) & 0xFFFFFFFFUL;
    struct stat status{};
    bool const user_space = magic == fuse_magic && ::stat(folder.c_str(), &status) == 0;
    return network_file_system(magic, user_space ? mount_type_of(status.st_dev) : std::string());
}

}  // namespace possync::store::sqlite
