#include "faulty_disk/disk.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.hpp"
#include "faulty_disk/vfs.hpp"

namespace possync::faulty_disk {

using base::ErrorCode;
using base::Result;

std::string_view to_string(Operation operation) {
    static constexpr std::array<std::string_view, operation_kinds> words{"create", "read",   "write",  "truncate",
                                                                         "sync",   "remove", "rename", "map_shared"};
    return words[static_cast<std::size_t>(operation)];
}

std::string_view to_string(Effect effect) {
    switch (effect) {
    case Effect::crash_before: return "crash_before";
    case Effect::crash_after: return "crash_after";
    case Effect::crash_torn: return "crash_torn";
    case Effect::error_before: return "error_before";
    case Effect::error_after: return "error_after";
    case Effect::short_write: return "short_write";
    case Effect::disk_full: return "disk_full";
    case Effect::sync_forgets: return "sync_forgets";
    }
    return "";
}

std::string_view to_string(Damage damage) {
    switch (damage) {
    case Damage::all_lost: return "all_lost";
    case Damage::all_kept: return "all_kept";
    case Damage::some_lost: return "some_lost";
    case Damage::some_sectors_lost: return "some_sectors_lost";
    case Damage::later_lost: return "later_lost";
    case Damage::some_garbage: return "some_garbage";
    }
    return "";
}

namespace {

/// Makes `bytes` hold the write.
void put(std::string& bytes, PendingWrite const& write) {
    if (write.new_size) {
        bytes.resize(*write.new_size, '\0');
        return;
    }
    std::size_t const end = write.offset + write.bytes.size();
    if (bytes.size() < end) bytes.resize(end, '\0');
    std::copy(write.bytes.begin(), write.bytes.end(), bytes.begin() + static_cast<std::ptrdiff_t>(write.offset));
}

/// The write cut where sectors of the disk end.
std::vector<PendingWrite> sectors_of(PendingWrite const& write, std::size_t sector) {
    if (write.new_size) return {write};
    std::vector<PendingWrite> parts;
    for (std::size_t at = 0; at < write.bytes.size();) {
        std::size_t const length = std::min(write.bytes.size() - at, sector - (write.offset + at) % sector);
        parts.push_back({write.offset + at, write.bytes.substr(at, length), {}, write.order, write.forgotten});
        at += length;
    }
    return parts;
}

}  // namespace

std::int64_t Disk::Counters::in(Operations set) const {
    std::int64_t sum = 0;
    for (int i = 0; i < operation_kinds; ++i) {
        if ((set & (1U << i)) != 0) sum += operations[static_cast<std::size_t>(i)];
    }
    return sum;
}

Disk::Disk(std::uint64_t seed) : random_(seed) {
    // SQLite's own generator is one for the whole program and seeds itself from the machine unless told.
    seed_sqlite(seed);
}

Disk::Disk(Image const& image) : random_(1) { restore(image); }

Disk::~Disk() { CHECK(processes_.empty()); }

void Disk::set_fault(Fault const& fault) {
    CHECK(fault.at >= 1 && fault.count >= 1 && fault.sector >= 1);
    faults_.push_back({fault, 0});
    fired_ = false;
}

void Disk::note(Operation operation, std::string const& what) {
    ++counters_.operations[static_cast<std::size_t>(operation)];
    if (keeps_log_) log_.push_back(fmt::format("{} {} {}", counters_.in(every_operation), to_string(operation), what));
}

Disk::Verdict Disk::judge(Process& process, Operation operation, std::string const& what) {
    CHECK(!process.stopped_);
    note(operation, what);
    for (std::size_t i = 0; i < faults_.size(); ++i) {
        auto& [fault, seen] = faults_[i];
        if ((fault.operations & only(operation)) == 0) continue;
        ++seen;
        if (seen < fault.at || seen - fault.at >= fault.count) continue;
        bool const is_write = operation == Operation::write;
        bool const needs_room = is_write || operation == Operation::create || operation == Operation::map_shared;
        Verdict verdict = Verdict::done;
        switch (fault.effect) {
        case Effect::crash_before: verdict = Verdict::stopped_before; break;
        case Effect::crash_after: verdict = Verdict::stopped_after; break;
        case Effect::crash_torn: verdict = is_write ? Verdict::torn : Verdict::stopped_before; break;
        case Effect::error_before: verdict = Verdict::not_done_error; break;
        case Effect::error_after: verdict = Verdict::done_error; break;
        case Effect::short_write:
            if (is_write) verdict = Verdict::short_full;
            break;
        case Effect::disk_full:
            if (needs_room) verdict = Verdict::full;
            break;
        case Effect::sync_forgets:
            if (operation == Operation::sync) verdict = Verdict::forget;
            break;
        }
        if (verdict == Verdict::done) continue;
        fired_ = true;
        cut_at_ = fault.sector;
        cut_seed_ = fault.seed;
        if (keeps_log_) log_.back() += fmt::format("  <- {}", to_string(fault.effect));
        if (verdict == Verdict::stopped_before || verdict == Verdict::torn) process.kill();
        return verdict;
    }
    return Verdict::done;
}

void Disk::write_to(File& file, std::size_t offset, std::string_view bytes) {
    file.pending.push_back({offset, std::string(bytes), {}, ++order_, false});
    put(file.seen, file.pending.back());
}

void Disk::write_part(File& file, std::size_t offset, std::string_view bytes, bool drawn) {
    auto const parts = sectors_of({offset, std::string(bytes), {}, 0, false}, cut_at_);
    if (!drawn || parts.size() == 1) {  // the beginning; of a single sector the first half
        write_to(file, offset, parts.size() > 1 ? std::string_view(parts.front().bytes) : bytes.substr(0, bytes.size() / 2));
        return;
    }
    base::Prng random(cut_seed_);
    for (auto const& part : parts) {
        if (random.chance(500)) write_to(file, part.offset, part.bytes);
    }
}

void Disk::truncate(File& file, std::size_t size) {
    file.pending.push_back({0, {}, size, ++order_, false});
    put(file.seen, file.pending.back());
}

void Disk::flush(File& file) {
    std::vector<PendingWrite> kept;
    for (auto& write : file.pending) {
        if (write.forgotten) {
            kept.push_back(std::move(write));
        } else {
            put(file.durable, write);
        }
    }
    // What was written over a forgotten write has made it durable after all; as what is seen is what matters, only bytes
    // that nothing durable has overwritten stay forgotten.
    std::erase_if(kept, [&](PendingWrite const& write) {
        if (write.new_size) return file.durable.size() == *write.new_size;
        if (file.seen.size() < write.offset) return true;  // the file was made shorter: nobody sees it any more
        return file.durable.size() >= write.offset + write.bytes.size() &&
               file.durable.compare(write.offset, write.bytes.size(), file.seen, write.offset, write.bytes.size()) == 0;
    });
    file.pending = std::move(kept);
}

void Disk::rename_in_view(std::map<std::string, FilePointer> meaning) {
    for (auto const& [path, file] : meaning) {
        if (file) {
            seen_[path] = file;
        } else {
            seen_.erase(path);
        }
    }
    pending_names_.push_back({std::move(meaning)});
}

void Disk::sync_folder() {
    durable_ = seen_;
    pending_names_.clear();
}

std::size_t Disk::used() const {
    std::size_t bytes = 0;
    for (auto const& [path, file] : seen_)
        bytes += file->seen.size();
    return bytes;
}

void Disk::lose_power(Damage damage, std::uint64_t seed) {
    for (auto* process : processes_)
        process->kill();
    base::Prng random(seed * 1'000'003 + static_cast<std::uint64_t>(damage));

    // Names first. A change that is lost takes later ones of the same names with it.
    std::set<std::string> stuck;
    auto const names_lost = [&](PendingName const&) {
        switch (damage) {
        case Damage::all_lost: return true;
        case Damage::all_kept: return false;
        default: return random.chance(500);
        }
    };
    for (auto const& change : pending_names_) {
        bool const blocked = std::any_of(change.meaning.begin(), change.meaning.end(),
                                         [&](auto const& each) { return stuck.contains(each.first); });
        if (blocked || names_lost(change)) {
            for (auto const& [path, file] : change.meaning)
                stuck.insert(path);
            continue;
        }
        for (auto const& [path, file] : change.meaning) {
            if (file) {
                durable_[path] = file;
            } else {
                durable_.erase(path);
            }
        }
    }
    pending_names_.clear();

    std::set<FilePointer> files;
    for (auto const& [path, file] : durable_)
        files.insert(file);
    std::vector<std::pair<PendingWrite, File*>> writes;
    for (auto const& [path, file] : durable_) {  // by path, so that a seed means the same every time
        if (files.erase(file) == 0) continue;
        for (auto& write : file->pending) {
            if (!write.forgotten) writes.emplace_back(std::move(write), file.get());
        }
        file->pending.clear();
    }
    std::sort(writes.begin(), writes.end(), [](auto const& a, auto const& b) { return a.first.order < b.first.order; });
    std::size_t const sector = random.chance(500) ? 512 : 4096;
    auto const moment = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(writes.size())));
    for (std::size_t i = 0; i < writes.size(); ++i) {
        auto& [write, file] = writes[i];
        if (damage == Damage::all_lost) continue;
        if (damage == Damage::all_kept) {
            put(file->durable, write);
            continue;
        }
        if (damage == Damage::some_lost) {
            if (random.chance(500)) put(file->durable, write);
            continue;
        }
        if (damage == Damage::later_lost && i < moment) {
            put(file->durable, write);
            continue;
        }
        if (damage == Damage::later_lost && i > moment) continue;
        for (auto& part : sectors_of(write, sector)) {
            auto const fate = random.between(0, damage == Damage::some_garbage ? 2 : 1);
            if (fate == 0) continue;
            if (fate == 2) {
                for (char& byte : part.bytes)
                    byte = static_cast<char>(random.next());
            }
            put(file->durable, part);
        }
    }
    for (auto const& [path, file] : durable_)
        file->seen = file->durable;
    seen_ = durable_;
}

Disk::Image Disk::image() const {
    Image image;
    std::map<File const*, std::shared_ptr<File const>> copies;
    auto const copied = [&](FilePointer const& file) {
        auto& copy = copies[file.get()];
        if (!copy) copy = std::make_shared<File const>(*file);
        return copy;
    };
    for (auto const& [path, file] : seen_)
        image.seen[path] = copied(file);
    for (auto const& [path, file] : durable_)
        image.durable[path] = copied(file);
    return image;
}

void Disk::restore(Image const& image) {
    CHECK(open_files_.empty());
    std::map<File const*, FilePointer> copies;
    auto const copied = [&](std::shared_ptr<File const> const& file) {
        auto& copy = copies[file.get()];
        if (!copy) copy = std::make_shared<File>(*file);
        return copy;
    };
    seen_.clear();
    durable_.clear();
    pending_names_.clear();
    for (auto const& [path, file] : image.seen)
        seen_[path] = copied(file);
    for (auto const& [path, file] : image.durable)
        durable_[path] = copied(file);
    // How names that were not durable came about is not kept: each is a change of its own.
    for (auto const& [path, file] : seen_) {
        auto const before = durable_.find(path);
        if (before == durable_.end() || before->second != file) pending_names_.push_back({{{path, file}}});
    }
    for (auto const& [path, file] : durable_) {
        if (!seen_.contains(path)) pending_names_.push_back({{{path, nullptr}}});
    }
}

std::optional<std::string> Disk::read(std::string const& path) const {
    auto const found = seen_.find(path);
    if (found == seen_.end()) return std::nullopt;
    return found->second->seen;
}

void Disk::write(std::string const& path, std::string_view bytes) {
    auto file = std::make_shared<File>();
    file->seen = file->durable = bytes;
    seen_[path] = durable_[path] = file;
}

std::vector<std::string> Disk::paths() const {
    std::vector<std::string> paths;
    for (auto const& [path, file] : seen_)
        paths.push_back(path);
    return paths;
}

// --- Process -------------------------------------------------------------------------------------------------------------

Process::Process(Disk& disk) : disk_(&disk) {
    static std::int64_t started = 0;
    name_ = fmt::format("faulty-disk-{}", ++started);
    vfs_ = register_vfs(*this, name_);
    gathering_ = std::make_unique<store::sqlite::GatheringVfs>(name_ + "-gathered", name_.c_str());
    disk.processes_.insert(this);
}

Process::~Process() {
    kill();
    CHECK(std::none_of(disk_->open_files_.begin(), disk_->open_files_.end(),
                       [this](OpenFile const* file) { return file->process == this; }));
    disk_->processes_.erase(this);
    gathering_.reset();
    unregister_vfs(*vfs_);
}

void Process::kill() {
    stopped_ = true;
    for (auto* file : disk_->open_files_) {
        if (file->process == this) file->let_go();
    }
}

namespace {
std::unexpected<base::Error> failed(std::string const& path, std::string_view why) {
    return base::fail(ErrorCode::io, fmt::format("{}: {}", path, why));
}
}  // namespace

/// One of the few operations that are not SQLite's. The process is const for its users; the disk behind it is not.
template <typename Action>
Result<void> Process::perform(Operation operation, std::string const& path, Action action) const {
    auto& self = const_cast<Process&>(*this);
    if (stopped_) return failed(path, "the process was stopped");
    using Verdict = Disk::Verdict;
    auto const verdict = disk_->judge(self, operation, path);
    if (verdict == Verdict::full) return failed(path, "No space left on device");
    if (verdict == Verdict::stopped_before || verdict == Verdict::not_done_error) return failed(path, "Input/output error");
    action(verdict == Verdict::forget);
    if (verdict == Verdict::stopped_after) self.kill();
    if (verdict != Verdict::done) return failed(path, "Input/output error");
    return {};
}

Result<void> Process::create(std::string const& path) const {
    return perform(Operation::create, path, [&](bool) { disk_->rename_in_view({{path, std::make_shared<File>()}}); });
}

Result<void> Process::make_ready(std::string const& path, Use use) const {
    if (disk_->exists(path)) return {};
    if (use == Use::create) return create(path);
    return base::fail(ErrorCode::not_found, fmt::format("database {} does not exist", path));
}

Result<void> Process::replace_by_empty(std::string const& path) const {
    remove(path);
    if (disk_->exists(path)) return failed(path, "File exists");
    return create(path);
}

Result<void> Process::put_in_place(std::string const& from, std::string const& to) const {
    auto const found = disk_->seen_.find(from);
    if (found == disk_->seen_.end()) return failed(from, "No such file or directory");
    auto const file = found->second;
    POSSYNC_TRY_VOID(perform(Operation::sync, from, [&](bool forget) {
        if (!forget) return Disk::flush(*file);
        for (auto& write : file->pending)
            write.forgotten = true;
    }));
    POSSYNC_TRY_VOID(perform(Operation::rename, from, [&](bool) { disk_->rename_in_view({{from, nullptr}, {to, file}}); }));
    return perform(Operation::sync, "the folder", [&](bool forget) {
        if (!forget) disk_->sync_folder();
    });
}

void Process::remove(std::string const& path) const {
    if (!disk_->exists(path)) return;
    // Who needs it gone looks.
    static_cast<void>(perform(Operation::remove, path, [&](bool) { disk_->rename_in_view({{path, nullptr}}); }));
}

}  // namespace possync::faulty_disk
