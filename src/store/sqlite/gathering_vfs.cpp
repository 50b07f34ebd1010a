#include "store/sqlite/gathering_vfs.hpp"

#include <sqlite3.h>

#include <cstddef>
#include <new>
#include <utility>

#include "base/check.hpp"

namespace possync::store::sqlite {

namespace {

/// A large first sync passes through in pieces of this: SQLite's own VFS takes no more bytes at once (os_unix.c, seekAndWriteFd).
constexpr std::size_t gathered_max = 0x1ffff;

/// A write-ahead log. SQLite made room for it; the file of the VFS below stands right behind.
struct Log {
    sqlite3_file head;
    std::string* gathered;
    sqlite3_int64 begin;  ///< where the gathered bytes belong
};

sqlite3_file* below(Log& log) { return reinterpret_cast<sqlite3_file*>(&log + 1); }
Log& log_of(sqlite3_file* file) { return *reinterpret_cast<Log*>(file); }

int write_gathered(Log& log) {
    if (log.gathered->empty()) return SQLITE_OK;
    sqlite3_file* const file = below(log);
    int const status = file->pMethods->xWrite(file, log.gathered->data(), static_cast<int>(log.gathered->size()), log.begin);
    log.gathered->clear();  // also after an error: the commit has failed, and whatever follows is written anew
    return status;
}

int close(sqlite3_file* file) {
    Log& log = log_of(file);
    int const written = write_gathered(log);
    sqlite3_file* const real = below(log);
    int const closed = real->pMethods->xClose(real);
    delete log.gathered;
    return written != SQLITE_OK ? written : closed;
}

int read(sqlite3_file* file, void* bytes, int size, sqlite3_int64 offset) {
    Log& log = log_of(file);
    if (int const status = write_gathered(log); status != SQLITE_OK) return status;
    sqlite3_file* const real = below(log);
    return real->pMethods->xRead(real, bytes, size, offset);
}

int write(sqlite3_file* file, void const* bytes, int size, sqlite3_int64 offset) {
    Log& log = log_of(file);
    auto const gathered = static_cast<sqlite3_int64>(log.gathered->size());
    bool const follows = gathered > 0 && offset == log.begin + gathered && log.gathered->size() + static_cast<std::size_t>(size) <= gathered_max;
    if (!follows) {
        if (int const status = write_gathered(log); status != SQLITE_OK) return status;
        log.begin = offset;
    }
    try {
        log.gathered->append(static_cast<char const*>(bytes), static_cast<std::size_t>(size));
    } catch (std::bad_alloc const&) {
        return SQLITE_IOERR_NOMEM;
    }
    return SQLITE_OK;
}

int truncate(sqlite3_file* file, sqlite3_int64 size) {
    Log& log = log_of(file);
    if (int const status = write_gathered(log); status != SQLITE_OK) return status;
    sqlite3_file* const real = below(log);
    return real->pMethods->xTruncate(real, size);
}

int sync(sqlite3_file* file, int flags) {
    Log& log = log_of(file);
    if (int const status = write_gathered(log); status != SQLITE_OK) return status;
    sqlite3_file* const real = below(log);
    return real->pMethods->xSync(real, flags);
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
    Log& log = log_of(file);
    if (int const status = write_gathered(log); status != SQLITE_OK) return status;
    sqlite3_file* const real = below(log);
    return real->pMethods->xFileSize(real, size);
}

int lock(sqlite3_file* file, int level) {
    sqlite3_file* const real = below(log_of(file));
    return real->pMethods->xLock(real, level);
}

int unlock(sqlite3_file* file, int level) {
    sqlite3_file* const real = below(log_of(file));
    return real->pMethods->xUnlock(real, level);
}

int check_reserved_lock(sqlite3_file* file, int* locked) {
    sqlite3_file* const real = below(log_of(file));
    return real->pMethods->xCheckReservedLock(real, locked);
}

int file_control(sqlite3_file* file, int operation, void* argument) {
    sqlite3_file* const real = below(log_of(file));
    return real->pMethods->xFileControl(real, operation, argument);
}

int sector_size(sqlite3_file* file) {
    sqlite3_file* const real = below(log_of(file));
    return real->pMethods->xSectorSize(real);
}

int device_characteristics(sqlite3_file* file) {
    sqlite3_file* const real = below(log_of(file));
    return real->pMethods->xDeviceCharacteristics(real);
}

constexpr sqlite3_io_methods log_methods{
    .iVersion = 1,
    .xClose = close,
    .xRead = read,
    .xWrite = write,
    .xTruncate = truncate,
    .xSync = sync,
    .xFileSize = file_size,
    .xLock = lock,
    .xUnlock = unlock,
    .xCheckReservedLock = check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device_characteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

}  // namespace

/// Everything but opening files is the other's: its functions find what is theirs in pAppData.
struct GatheringVfs::Vfs : sqlite3_vfs {
    explicit Vfs(sqlite3_vfs& other) : sqlite3_vfs(other), base(other) {
        szOsFile = static_cast<int>(sizeof(Log)) + other.szOsFile;
        pNext = nullptr;
        xOpen = open;
    }

    static int open(sqlite3_vfs* vfs, char const* name, sqlite3_file* file, int flags, int* flags_out) {
        sqlite3_vfs& base = static_cast<Vfs*>(vfs)->base;
        if ((flags & SQLITE_OPEN_WAL) == 0) return base.xOpen(&base, name, file, flags, flags_out);
        Log& log = *new (file) Log{{nullptr}, nullptr, 0};
        sqlite3_file* const real = below(log);
        real->pMethods = nullptr;
        int const status = base.xOpen(&base, name, real, flags, flags_out);
        if (status != SQLITE_OK) {
            if (real->pMethods != nullptr) real->pMethods->xClose(real);
            return status;
        }
        log.gathered = new std::string;
        log.head.pMethods = &log_methods;
        return SQLITE_OK;
    }

    sqlite3_vfs& base;
};

GatheringVfs::GatheringVfs(std::string name, char const* below) : name_(std::move(name)) {
    static_assert(sizeof(Log) % 8 == 0, "SQLite aligns files to 8 bytes");
    sqlite3_vfs* const base = sqlite3_vfs_find(below);
    CHECK(base != nullptr);
    vfs_ = std::make_unique<Vfs>(*base);
    vfs_->zName = name_.c_str();
    CHECK(sqlite3_vfs_register(vfs_.get(), 0) == SQLITE_OK);
}

GatheringVfs::~GatheringVfs() { sqlite3_vfs_unregister(vfs_.get()); }

}  // namespace possync::store::sqlite
