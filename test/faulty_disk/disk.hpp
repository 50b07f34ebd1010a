// A disk in memory that fails on demand, for the crash tests and the simulation: a file system with the two halves that a real
// one has (what programs see, and what would still be there after a power cut) and a SQLite VFS on it for every process.
//
//   Disk disk(seed);
//   Process process(disk);                                  // a file system for store::SqliteOptions::files
//   options.files = &process; open_sqlite_store("book.db", options) ...
//   disk.set_fault({.effect = Effect::crash_before, .at = 17});
//   ... work until process.stopped() ...
//   store.reset(); disk.lose_power(seed);                   // or process.kill(): what was written stays
//   Process again(disk); ...
//
// Deterministic: seeds decide everything, the clock is the one that is set. WAL mode is supported in full, with shared memory
// and locks between the connections of any number of processes. One thread.
//
// What is modelled: a write is seen at once and survives a killed process; it survives a power cut surely only once the file
// was synced, before that any part of it may be lost, torn at sectors or replaced by garbage, in any order. The same for
// created, removed and renamed files until their folder was synced. After a failed sync with Effect::sync_forgets the data
// stays visible and later syncs succeed, yet it is on no disk (as Linux does it). What is not: bit rot, misdirected writes.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/prng.hpp"
#include "base/time.hpp"
#include "store/sqlite/file_system.hpp"
#include "store/sqlite/gathering_vfs.hpp"

struct sqlite3_vfs;

namespace possync::faulty_disk {

enum class Operation : std::uint8_t { create, read, write, truncate, sync, remove, rename, map_shared };
inline constexpr int operation_kinds = 8;
[[nodiscard]] std::string_view to_string(Operation operation);

/// A set of operations, as bits.
using Operations = unsigned;
[[nodiscard]] constexpr Operations only(Operation operation) { return 1U << static_cast<unsigned>(operation); }
inline constexpr Operations every_operation = (1U << operation_kinds) - 1;
/// What changes the disk: where a crash makes a difference.
inline constexpr Operations changing = every_operation & ~only(Operation::read) & ~only(Operation::map_shared);

enum class Effect : std::uint8_t {
    crash_before,  ///< the process stops here: neither this operation nor any later one of it reaches the disk
    crash_after,   ///< the same, this operation being done
    crash_torn,    ///< the same, some sectors of this write being done; other operations: as crash_before
    error_before,  ///< an I/O error, nothing was done
    error_after,   ///< an I/O error, though it was done
    short_write,   ///< a part is written, then the disk is full; other operations than writes are not concerned
    disk_full,     ///< writes and creations fail for want of room; others are not concerned
    sync_forgets,  ///< a sync fails, and what it was to flush is never written unless written again; other operations: not
                   ///< concerned
};
[[nodiscard]] std::string_view to_string(Effect effect);

struct Fault {
    Effect effect = Effect::error_before;
    Operations operations = changing;  ///< which ones are counted and hit
    std::int64_t at = 1;               ///< the at-th of them from now on
    std::int64_t count = 1;            ///< and so many in a row
    std::size_t sector = 512;          ///< where crash_torn and short_write cut
    std::uint64_t seed = 1;            ///< which sectors crash_torn keeps
};
inline constexpr std::int64_t lasting = INT64_MAX;

/// What a power cut does to writes that no sync has covered.
enum class Damage : std::uint8_t {
    all_lost,
    all_kept,
    some_lost,          ///< each write is there or not
    some_sectors_lost,  ///< each sector of each write is there or not
    later_lost,         ///< in order up to some moment, the write at that moment torn
    some_garbage,       ///< each sector is there, or old, or garbage
};
inline constexpr int damage_kinds = 6;
[[nodiscard]] std::string_view to_string(Damage damage);

/// One change that a crash may take back.
struct PendingWrite {
    std::size_t offset = 0;
    std::string bytes;
    std::optional<std::size_t> new_size;  ///< a truncation instead
    std::int64_t order = 0;               ///< over all files
    bool forgotten = false;               ///< a sync failed on it: no later sync makes it durable
};

struct File {
    std::string seen;                   ///< what programs read
    std::string durable;                ///< what the disk holds
    std::vector<PendingWrite> pending;  ///< seen = durable + pending
};

class Process;
struct OpenFile;

class Disk {
public:
    struct Image;
    /// Seeds SQLite's own generator too, which is one for the whole program.
    explicit Disk(std::uint64_t seed);
    /// A copy of another disk to look at; what SQLite draws goes on undisturbed.
    explicit Disk(Image const& image);
    ~Disk();
    Disk(Disk const&) = delete;
    Disk& operator=(Disk const&) = delete;

    // --- faults

    /// Several may be set; the first that fires for an operation is the one.
    void set_fault(Fault const& fault);
    void clear_faults() { faults_.clear(); }
    /// Whether the last fault that was set has fired.
    [[nodiscard]] bool fired() const { return fired_; }
    /// The disk is full when its files would hold more than this together; unset: never.
    void set_quota(std::optional<std::size_t> bytes) { quota_ = bytes; }

    /// The power goes: every process stops, and unsynced changes are damaged as the seed has it.
    void lose_power(Damage damage, std::uint64_t seed);
    void lose_power(std::uint64_t seed) { lose_power(static_cast<Damage>(seed % damage_kinds), seed); }

    // --- what happened

    struct Counters {
        std::array<std::int64_t, operation_kinds> operations{};
        [[nodiscard]] std::int64_t of(Operation operation) const { return operations[static_cast<std::size_t>(operation)]; }
        [[nodiscard]] std::int64_t in(Operations set) const;
    };
    [[nodiscard]] Counters const& counters() const { return counters_; }
    /// What was done, one line each ("17 write book.db-wal 4120 at 32"); kept only once asked for.
    void keep_log() { keeps_log_ = true; }
    [[nodiscard]] std::vector<std::string> const& log() const { return log_; }

    // --- the state as a value

    /// Everything but open files, locks and faults. Restoring demands that no process runs.
    struct Image {
        std::map<std::string, std::shared_ptr<File const>> seen;
        std::map<std::string, std::shared_ptr<File const>> durable;
    };
    [[nodiscard]] Image image() const;
    void restore(Image const& image);

    [[nodiscard]] bool exists(std::string const& path) const { return seen_.contains(path); }
    /// As programs see it; nothing where there is no such file.
    [[nodiscard]] std::optional<std::string> read(std::string const& path) const;
    /// Puts a file there, durably.
    void write(std::string const& path, std::string_view bytes);
    [[nodiscard]] std::vector<std::string> paths() const;

    /// The processes' clock; SQLite sleeping for a lock lets it run on.
    void set_time(base::Timestamp time) { time_ = time; }
    [[nodiscard]] base::Timestamp time() const { return time_; }

private:
    friend class Process;
    friend struct OpenFile;
    friend struct Vfs;

    using FilePointer = std::shared_ptr<File>;
    /// A creation, removal or renaming whose folder was not synced yet: `path` means `file` (nothing: removed) afterwards.
    struct PendingName {
        std::map<std::string, FilePointer> meaning;
    };
    enum class Verdict { done, not_done_error, done_error, full, short_full, stopped_before, stopped_after, torn, forget };

    struct ArmedFault {
        Fault fault;
        std::int64_t seen = 0;
    };

    Verdict judge(Process& process, Operation operation, std::string const& what);
    void note(Operation operation, std::string const& what);
    void write_to(File& file, std::size_t offset, std::string_view bytes);
    /// Of a write that was cut: drawn sectors of it, or its beginning.
    void write_part(File& file, std::size_t offset, std::string_view bytes, bool drawn);
    void truncate(File& file, std::size_t size);
    static void flush(File& file);
    void rename_in_view(std::map<std::string, FilePointer> meaning);
    void sync_folder();
    [[nodiscard]] std::size_t used() const;

    std::map<std::string, FilePointer> seen_;
    std::map<std::string, FilePointer> durable_;
    std::vector<PendingName> pending_names_;
    std::vector<ArmedFault> faults_;
    bool fired_ = false;
    std::size_t cut_at_ = 512;  ///< of the fault that fired last
    std::uint64_t cut_seed_ = 1;
    std::optional<std::size_t> quota_;
    std::set<Process*> processes_;
    std::set<OpenFile*> open_files_;
    Counters counters_;
    std::int64_t order_ = 0;
    base::Timestamp time_{1'700'000'000'000'000};
    base::Prng random_;
    bool keeps_log_ = false;
    std::vector<std::string> log_;
};

/// A process that uses the disk: its VFS, its open files, its locks. It outlives the connections made through it; a process
/// that was stopped stays stopped: start another.
class Process final : public store::sqlite::FileSystem {
public:
    explicit Process(Disk& disk);
    ~Process() override;
    Process(Process const&) = delete;
    Process& operator=(Process const&) = delete;

    /// SIGKILL: nothing it does reaches the disk any more, its locks are gone, what it had written stays.
    void kill();
    [[nodiscard]] bool stopped() const { return stopped_; }

    /// With the gathering of the log that the product has over the machine's own.
    [[nodiscard]] std::string const& vfs() const override { return gathering_->name(); }
    [[nodiscard]] base::Result<void> make_ready(std::string const& path, Use use) const override;
    [[nodiscard]] base::Result<void> replace_by_empty(std::string const& path) const override;
    [[nodiscard]] base::Result<void> put_in_place(std::string const& from, std::string const& to) const override;
    void remove(std::string const& path) const override;

private:
    friend class Disk;
    friend struct Vfs;

    template <typename Action>
    base::Result<void> perform(Operation operation, std::string const& path, Action action) const;
    base::Result<void> create(std::string const& path) const;

    Disk* disk_;
    std::string name_;
    std::unique_ptr<sqlite3_vfs> vfs_;
    std::unique_ptr<store::sqlite::GatheringVfs> gathering_;
    bool stopped_ = false;
};

}  // namespace possync::faulty_disk
