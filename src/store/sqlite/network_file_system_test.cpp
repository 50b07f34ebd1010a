#include "store/sqlite/network_file_system.hpp"

#include <gtest/gtest.h>

namespace possync::store::sqlite {
namespace {

TEST(NetworkFileSystem, IsKnownByItsNumberOrItsMount) {
    EXPECT_EQ(network_file_system(0x6969, ""), "NFS");
    EXPECT_EQ(network_file_system(0xFF534D42, ""), "CIFS");
    EXPECT_EQ(network_file_system(0x65735546, "fuse.sshfs"), "sshfs");
    EXPECT_EQ(network_file_system(0x65735546, "fuseblk"), "");  // a disk, served by a program
    EXPECT_EQ(network_file_system(0xEF53, ""), "");             // ext4
    EXPECT_EQ(network_file_system(0x01021994, ""), "");         // tmpfs
}

TEST(NetworkFileSystem, AFolderOfThisHostIsNone) {
    EXPECT_EQ(network_file_system("/proc"), "");
    EXPECT_EQ(network_file_system("/no such folder"), "");
}

}  // namespace
}  // namespace possync::store::sqlite
