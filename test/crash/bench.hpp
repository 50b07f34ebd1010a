// Bench: the service on a disk that fails. The very engine and the very SQLite store of the product, the simulated gateway,
// virtual time; and the questions that every crash is asked afterwards.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "faulty_disk/disk.hpp"
#include "witness_store.hpp"
#include "world.hpp"

namespace possync::crash {

/// What the service does when its database cannot be opened: it ends, and somebody starts it again.
struct CannotOpen {
    base::Error error;
};

class Bench {
public:
    explicit Bench(std::uint64_t seed);
    ~Bench();

    static constexpr char const* path = "book.db";

    faulty_disk::Disk disk;
    Witness witness;

    /// The service's process.
    [[nodiscard]] faulty_disk::Process& process() { return *process_; }
    /// Another one: a command beside the service.
    [[nodiscard]] faulty_disk::Process& command() { return *command_; }
    [[nodiscard]] bool stopped() const { return process_->stopped() || command_->stopped(); }
    /// Opens the database at first use; throws CannotOpen.
    [[nodiscard]] scenarios::World& world();
    [[nodiscard]] bool has_world() const { return world_ != nullptr; }
    /// Whether the service's process came to its end and was not started again.
    [[nodiscard]] bool ended() const { return ended_; }
    /// Lines of a scenario; the first problem. Throws CannotOpen where they restart the service.
    std::string run(std::string const& text);

    /// How the work ends.
    enum class Ending {
        none,   ///< the service lives on
        kill,   ///< what was written stays
        power,  ///< what was not synced is damaged
    };
    /// The processes end, the disk may suffer, new processes stand ready; nothing is opened yet.
    void die(Ending ending, faulty_disk::Damage damage, std::uint64_t seed);

    /// The files, before anything in them is believed, and everything that was acknowledged; empty: all is well.
    [[nodiscard]] std::string check();
    /// The book and what surrounds it as text, without ids and times: two ways to the same state give the same text.
    [[nodiscard]] std::string dump();

private:
    std::unique_ptr<faulty_disk::Process> process_;
    std::unique_ptr<faulty_disk::Process> command_;
    std::unique_ptr<scenarios::World> world_;
    bool ended_ = false;
};

}  // namespace possync::crash
