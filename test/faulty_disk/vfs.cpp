#include "faulty_disk/vfs.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstring>

#include "base/check.hpp"

namespace possync::faulty_disk {

OpenFile::OpenFile(Disk& on, Process& of, std::shared_ptr<File> opened, std::string name)
    : disk(&on), process(&of), file(std::move(opened)), path(std::move(name)) {
    disk->open_files_.insert(this);
}

OpenFile::~OpenFile() { disk->open_files_.erase(this); }

void OpenFile::let_go() {
    lock = SQLITE_LOCK_NONE;
    shares = false;
    shared_locks = 0;
    exclusive_locks = 0;
}

/// The functions that SQLite calls. A class, so that the disk has one friend.
struct Vfs {
    using Verdict = Disk::Verdict;

    /// What SQLite allocates for a file.
    struct Handle {
        sqlite3_file base;
        OpenFile* open;
    };

    static OpenFile& of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file)->open; }
    static Process& of(sqlite3_vfs* vfs) { return *static_cast<Process*>(vfs->pAppData); }

    /// Does it, or a part, or not, as the faults have it.
    template <typename Action>
    static int perform(Process& process, Operation operation, std::string const& what, int error, int full, Action action) {
        if (process.stopped_) return SQLITE_IOERR;
        auto const verdict = process.disk_->judge(process, operation, what);
        switch (verdict) {
        case Verdict::stopped_before:
        case Verdict::not_done_error: return error;
        case Verdict::full: return full;
        default: break;
        }
        int const status = action(verdict);
        switch (verdict) {
        case Verdict::stopped_after: process.kill(); return error;
        case Verdict::torn:
        case Verdict::done_error:
        case Verdict::forget: return error;
        case Verdict::short_full: return full;
        default: return status;
        }
    }

    // --- files

    static int close(sqlite3_file* file) {
        auto* open = reinterpret_cast<Handle*>(file)->open;
        if (open->remove_at_close && !open->process->stopped_) open->disk->rename_in_view({{open->path, nullptr}});
        delete open;
        return SQLITE_OK;
    }

    static int read(sqlite3_file* file, void* to, int amount, sqlite3_int64 offset) {
        auto& open = of(file);
        return perform(*open.process, Operation::read, fmt::format("{} {} at {}", open.path, amount, offset), SQLITE_IOERR_READ,
                       SQLITE_IOERR_READ, [&](Verdict) {
                           auto const& bytes = open.file->seen;
                           auto const from = static_cast<std::size_t>(offset);
                           auto const wanted = static_cast<std::size_t>(amount);
                           std::size_t const there = from < bytes.size() ? std::min(wanted, bytes.size() - from) : 0;
                           if (there > 0) std::memcpy(to, bytes.data() + from, there);
                           if (there == wanted) return SQLITE_OK;
                           std::memset(static_cast<char*>(to) + there, 0, wanted - there);
                           return SQLITE_IOERR_SHORT_READ;
                       });
    }

    static int write(sqlite3_file* file, void const* from, int amount, sqlite3_int64 offset) {
        auto& open = of(file);
        auto& disk = *open.disk;
        std::string_view const bytes(static_cast<char const*>(from), static_cast<std::size_t>(amount));
        auto const at = static_cast<std::size_t>(offset);
        if (!open.process->stopped_ && disk.quota_ && at + bytes.size() > open.file->seen.size() &&
            disk.used() + at + bytes.size() - open.file->seen.size() > *disk.quota_) {
            disk.note(Operation::write, fmt::format("{} {} at {}  <- over the quota", open.path, amount, offset));
            return SQLITE_FULL;
        }
        return perform(*open.process, Operation::write, fmt::format("{} {} at {}", open.path, amount, offset), SQLITE_IOERR_WRITE,
                       SQLITE_FULL, [&](Verdict verdict) {
                           if (verdict == Verdict::torn || verdict == Verdict::short_full) {
                               disk.write_part(*open.file, at, bytes, verdict == Verdict::torn);
                           } else {
                               disk.write_to(*open.file, at, bytes);
                           }
                           return SQLITE_OK;
                       });
    }

    static int truncate(sqlite3_file* file, sqlite3_int64 size) {
        auto& open = of(file);
        return perform(*open.process, Operation::truncate, fmt::format("{} to {}", open.path, size), SQLITE_IOERR_TRUNCATE,
                       SQLITE_IOERR_TRUNCATE, [&](Verdict) {
                           open.disk->truncate(*open.file, static_cast<std::size_t>(size));
                           return SQLITE_OK;
                       });
    }

    static int sync(sqlite3_file* file, int) {
        auto& open = of(file);
        int const status =
            perform(*open.process, Operation::sync, open.path, SQLITE_IOERR_FSYNC, SQLITE_IOERR_FSYNC, [&](Verdict verdict) {
                if (verdict == Verdict::forget) {
                    for (auto& pending : open.file->pending)
                        pending.forgotten = true;
                } else {
                    Disk::flush(*open.file);
                }
                return SQLITE_OK;
            });
        if (status != SQLITE_OK || !open.folder_needs_sync) return status;
        // SQLite's own VFS does the same with the first sync of a journal that it made or might have made.
        open.folder_needs_sync = false;
        return sync_folder(*open.process);
    }

    static int sync_folder(Process& process) {
        // A folder that cannot be synced is no error to SQLite's own VFS.
        int const status =
            perform(process, Operation::sync, "the folder", SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_DIR_FSYNC, [&](Verdict verdict) {
                if (verdict != Verdict::forget) process.disk_->sync_folder();
                return SQLITE_OK;
            });
        return status;
    }

    static int file_size(sqlite3_file* file, sqlite3_int64* size) {
        auto& open = of(file);
        if (open.process->stopped_) return SQLITE_IOERR_FSTAT;
        *size = static_cast<sqlite3_int64>(open.file->seen.size());
        return SQLITE_OK;
    }

    static bool others_hold(OpenFile const& open, int least) {
        return std::any_of(open.disk->open_files_.begin(), open.disk->open_files_.end(), [&](OpenFile const* other) {
            return other != &open && other->file == open.file && other->lock >= least;
        });
    }

    static int lock(sqlite3_file* file, int level) {
        auto& open = of(file);
        if (open.process->stopped_) return SQLITE_IOERR_LOCK;
        if (open.lock >= level) return SQLITE_OK;
        if (level == SQLITE_LOCK_SHARED && others_hold(open, SQLITE_LOCK_PENDING)) return SQLITE_BUSY;
        if (level >= SQLITE_LOCK_RESERVED && others_hold(open, SQLITE_LOCK_RESERVED)) return SQLITE_BUSY;
        if (level == SQLITE_LOCK_EXCLUSIVE && others_hold(open, SQLITE_LOCK_SHARED)) {
            open.lock = SQLITE_LOCK_PENDING;
            return SQLITE_BUSY;
        }
        open.lock = level;
        return SQLITE_OK;
    }

    static int unlock(sqlite3_file* file, int level) {
        auto& open = of(file);
        if (!open.process->stopped_) open.lock = std::min(open.lock, level);
        return SQLITE_OK;
    }

    static int check_reserved_lock(sqlite3_file* file, int* held) {
        auto& open = of(file);
        if (open.process->stopped_) return SQLITE_IOERR_CHECKRESERVEDLOCK;
        *held = open.lock >= SQLITE_LOCK_RESERVED || others_hold(open, SQLITE_LOCK_RESERVED);
        return SQLITE_OK;
    }

    static int file_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }
    static int sector_size(sqlite3_file*) { return 4096; }
    static int device_characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }  // as on Linux

    // --- shared memory

    static int shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** address) {
        auto& open = of(file);
        *address = nullptr;
        if (open.process->stopped_) return SQLITE_IOERR_SHMMAP;
        if (!open.shares) {
            open.shared.reset();
            for (auto const* other : open.disk->open_files_) {
                if (other->file == open.file && other->shares) open.shared = other->shared;
            }
            if (!open.shared) open.shared = std::make_shared<SharedMemory>();
            open.shares = true;
        }
        auto& regions = open.shared->regions;
        auto const index = static_cast<std::size_t>(region);
        while (extend != 0 && regions.size() <= index) {
            int const status =
                perform(*open.process, Operation::map_shared, open.path, SQLITE_IOERR_SHMMAP, SQLITE_IOERR_SHMSIZE, [&](Verdict) {
                    regions.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size)));
                    return SQLITE_OK;
                });
            if (status != SQLITE_OK) return status;
        }
        if (regions.size() > index) *address = regions[index].get();
        return SQLITE_OK;
    }

    static int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
        auto& open = of(file);
        if (open.process->stopped_) return SQLITE_IOERR_SHMLOCK;
        unsigned const mask = ((1U << count) - 1) << offset;
        if ((flags & SQLITE_SHM_UNLOCK) != 0) {
            open.shared_locks &= ~mask;
            open.exclusive_locks &= ~mask;
            return SQLITE_OK;
        }
        bool const exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
        for (auto const* other : open.disk->open_files_) {
            if (other == &open || other->file != open.file) continue;
            if ((other->exclusive_locks & mask) != 0) return SQLITE_BUSY;
            if (exclusive && (other->shared_locks & mask) != 0) return SQLITE_BUSY;
        }
        (exclusive ? open.exclusive_locks : open.shared_locks) |= mask;
        return SQLITE_OK;
    }

    static void shm_barrier(sqlite3_file*) {}

    static int shm_unmap(sqlite3_file* file, int) {
        auto& open = of(file);
        open.shares = false;
        open.shared.reset();
        open.shared_locks = 0;
        open.exclusive_locks = 0;
        return SQLITE_OK;
    }

    // --- the file system

    static int open(sqlite3_vfs* vfs, char const* name, sqlite3_file* file, int flags, int* out_flags) {
        auto& process = of(vfs);
        auto& disk = *process.disk_;
        file->pMethods = nullptr;
        if (process.stopped_) return SQLITE_CANTOPEN;
        std::string const path = name != nullptr ? name : "";
        std::shared_ptr<File> opened;
        if (path.empty()) {
            opened = std::make_shared<File>();  // of no name, gone when closed
        } else if (auto const found = disk.seen_.find(path); found != disk.seen_.end()) {
            if ((flags & SQLITE_OPEN_EXCLUSIVE) != 0) return SQLITE_CANTOPEN;
            opened = found->second;
        } else {
            if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
            int const status = perform(process, Operation::create, path, SQLITE_CANTOPEN, SQLITE_CANTOPEN, [&](Verdict) {
                opened = std::make_shared<File>();
                disk.rename_in_view({{path, opened}});
                return SQLITE_OK;
            });
            if (status != SQLITE_OK) return status;
        }
        auto* handle = reinterpret_cast<Handle*>(file);
        handle->open = new OpenFile(disk, process, std::move(opened), path);
        handle->open->remove_at_close = !path.empty() && (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
        handle->open->folder_needs_sync = (flags & SQLITE_OPEN_CREATE) != 0 &&
                                          (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) != 0;
        handle->base.pMethods = &methods;
        if (out_flags != nullptr) *out_flags = flags;
        return SQLITE_OK;
    }

    static int remove(sqlite3_vfs* vfs, char const* name, int sync) {
        auto& process = of(vfs);
        if (process.stopped_) return SQLITE_IOERR_DELETE;
        if (!process.disk_->exists(name)) return SQLITE_IOERR_DELETE_NOENT;
        int const status = perform(process, Operation::remove, name, SQLITE_IOERR_DELETE, SQLITE_IOERR_DELETE, [&](Verdict) {
            process.disk_->rename_in_view({{name, nullptr}});
            return SQLITE_OK;
        });
        if (status != SQLITE_OK || sync == 0) return status;
        return sync_folder(process);
    }

    static int access(sqlite3_vfs* vfs, char const* name, int flags, int* result) {
        auto& process = of(vfs);
        if (process.stopped_) return SQLITE_IOERR_ACCESS;
        auto const content = process.disk_->seen_.find(name);
        bool const there = content != process.disk_->seen_.end();
        // Asked for existence, an empty file is none: as SQLite's own VFS answers.
        *result = there && (flags != SQLITE_ACCESS_EXISTS || !content->second->seen.empty());
        return SQLITE_OK;
    }

    static int full_pathname(sqlite3_vfs*, char const* name, int size, char* to) {
        sqlite3_snprintf(size, to, "%s", name);
        return SQLITE_OK;
    }

    static int randomness(sqlite3_vfs* vfs, int count, char* to) {
        auto& random = of(vfs).disk_->random_;
        for (int i = 0; i < count; ++i)
            to[i] = static_cast<char>(random.next());
        return count;
    }

    static int sleep(sqlite3_vfs* vfs, int microseconds) {
        auto& disk = *of(vfs).disk_;
        disk.time_ = disk.time_ + base::Duration(microseconds);
        return microseconds;
    }

    static int current_time(sqlite3_vfs* vfs, sqlite3_int64* julian_milliseconds) {
        constexpr sqlite3_int64 unix_epoch = 24405875LL * 8'640'000;
        *julian_milliseconds = unix_epoch + of(vfs).disk_->time_.microseconds / 1000;
        return SQLITE_OK;
    }

    static int current_time_as_days(sqlite3_vfs* vfs, double* days) {
        sqlite3_int64 milliseconds = 0;
        current_time(vfs, &milliseconds);
        *days = static_cast<double>(milliseconds) / 86'400'000.0;
        return SQLITE_OK;
    }

    static int last_error(sqlite3_vfs*, int, char*) { return 0; }

    static sqlite3_io_methods const methods;
};

sqlite3_io_methods const Vfs::methods = {
    .iVersion = 2,
    .xClose = Vfs::close,
    .xRead = Vfs::read,
    .xWrite = Vfs::write,
    .xTruncate = Vfs::truncate,
    .xSync = Vfs::sync,
    .xFileSize = Vfs::file_size,
    .xLock = Vfs::lock,
    .xUnlock = Vfs::unlock,
    .xCheckReservedLock = Vfs::check_reserved_lock,
    .xFileControl = Vfs::file_control,
    .xSectorSize = Vfs::sector_size,
    .xDeviceCharacteristics = Vfs::device_characteristics,
    .xShmMap = Vfs::shm_map,
    .xShmLock = Vfs::shm_lock,
    .xShmBarrier = Vfs::shm_barrier,
    .xShmUnmap = Vfs::shm_unmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

std::unique_ptr<sqlite3_vfs> register_vfs(Process& process, std::string const& name) {
    auto vfs = std::make_unique<sqlite3_vfs>();
    vfs->iVersion = 2;
    vfs->szOsFile = sizeof(Vfs::Handle);
    vfs->mxPathname = 512;
    vfs->zName = name.c_str();
    vfs->pAppData = &process;
    vfs->xOpen = Vfs::open;
    vfs->xDelete = Vfs::remove;
    vfs->xAccess = Vfs::access;
    vfs->xFullPathname = Vfs::full_pathname;
    vfs->xRandomness = Vfs::randomness;
    vfs->xSleep = Vfs::sleep;
    vfs->xCurrentTime = Vfs::current_time_as_days;
    vfs->xGetLastError = Vfs::last_error;
    vfs->xCurrentTimeInt64 = Vfs::current_time;
    CHECK(sqlite3_vfs_register(vfs.get(), 0) == SQLITE_OK);
    return vfs;
}

void unregister_vfs(sqlite3_vfs& vfs) { CHECK(sqlite3_vfs_unregister(&vfs) == SQLITE_OK); }

void seed_sqlite(std::uint64_t seed) {
    CHECK(sqlite3_initialize() == SQLITE_OK);
    // 0 would mean the machine's randomness.
    auto const number = static_cast<int>(seed % 0x7ffffffe) + 1;
    CHECK(sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, number, nullptr) == SQLITE_OK);
}

}  // namespace possync::faulty_disk
