// The SQLite side of the faulty disk; internal to it.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "faulty_disk/disk.hpp"

namespace possync::faulty_disk {

/// The wal-index that connections to one database share; gone with the last of them.
struct SharedMemory {
    std::vector<std::unique_ptr<char[]>> regions;
};

/// One connection's file.
struct OpenFile {
    OpenFile(Disk& disk, Process& process, std::shared_ptr<File> file, std::string path);
    ~OpenFile();
    OpenFile(OpenFile const&) = delete;
    OpenFile& operator=(OpenFile const&) = delete;

    /// As the kernel does for a process that died. The shared memory stays mapped, nobody else sees it as used.
    void let_go();

    Disk* disk;
    Process* process;
    std::shared_ptr<File> file;
    std::string path;
    bool folder_needs_sync = false;
    bool remove_at_close = false;
    int lock = 0;  ///< SQLITE_LOCK_*
    std::shared_ptr<SharedMemory> shared;
    bool shares = false;
    unsigned shared_locks = 0;
    unsigned exclusive_locks = 0;
};

[[nodiscard]] std::unique_ptr<sqlite3_vfs> register_vfs(Process& process, std::string const& name);
void unregister_vfs(sqlite3_vfs& vfs);
void seed_sqlite(std::uint64_t seed);

}  // namespace possync::faulty_disk
