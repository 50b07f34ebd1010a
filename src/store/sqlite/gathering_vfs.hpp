// GatheringVfs: a SQLite VFS over another one that gathers what is written to the write-ahead log. SQLite writes every page of a
// commit in two pieces; a fill of one share is some eighteen pages, and so thirty-six calls of the system before the one that makes
// them durable. Here neighbouring pieces go to the file as one, at the latest when the log is synced, read, measured, cut or closed.
//
// With synchronous=FULL, which Database sets, a commit is shown to other connections only after its log is synced, so nobody
// can look for a page that is still here; with less it would not be safe. An error of writing is met by the sync, which fails
// the commit as it would have failed before. All other files belong to the VFS below, untouched.
//
// Threading: as SQLite's own; a connection is used by one thread at a time.
#pragma once

#include <memory>
#include <string>

namespace possync::store::sqlite {

class GatheringVfs {
public:
    /// Registers itself as `name` over the VFS `below`, which must outlive it; null: SQLite's default.
    explicit GatheringVfs(std::string name, char const* below = nullptr);
    /// No connection may use it any more.
    ~GatheringVfs();
    GatheringVfs(GatheringVfs const&) = delete;
    GatheringVfs& operator=(GatheringVfs const&) = delete;

    [[nodiscard]] std::string const& name() const { return name_; }

private:
    struct Vfs;
    std::string name_;
    std::unique_ptr<Vfs> vfs_;
};

}  // namespace possync::store::sqlite
