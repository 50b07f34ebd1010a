// FaultInjector: what happens to bytes between a gateway and its client. Whole frames go in, as the simulator wrote them; what
// comes out is split, merged, late, repeated, lost, cut off or followed by nonsense, by rates drawn from a seed or by script.
// The same seed and the same frames give the same faults. Within a connection nothing overtakes, as on TCP. Pure: it owns no
// clock; call take() at next_deadline(). Without faults it hands bytes through.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/prng.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace possync::gateway {

enum class Fault {
    split,      ///< a frame arrives in two reads
    merge,      ///< a frame waits for the next one and arrives with it
    delay,      ///< up to TIME later, and everything behind it
    duplicate,  ///< a frame arrives twice
    drop,       ///< a frame never arrives
    garbage,    ///< bytes that are no message come first, some with an impossible length
    close,      ///< the connection ends within a frame
    stall,      ///< the connection is silent for TIME, then all comes
    restart,    ///< every connection ends, and none is accepted for TIME
};
inline constexpr std::size_t fault_kinds = 9;
[[nodiscard]] std::string_view to_string(Fault fault);
[[nodiscard]] std::optional<Fault> parse_fault(std::string_view name);

struct FaultRate {
    int per_million = 0;     ///< of frames
    base::Duration time{0};  ///< of delay, stall and restart
};

/// How often each kind happens. `until`: for how long from the beginning; unset: for ever.
struct FaultPlan {
    std::array<FaultRate, fault_kinds> rates{};
    std::optional<base::Duration> until;
    [[nodiscard]] FaultRate& operator[](Fault fault) { return rates[static_cast<std::size_t>(fault)]; }
};
/// "0.01" or "1": of a million. Errors: invalid_input.
[[nodiscard]] base::Result<int> parse_fault_rate(std::string_view text);
/// TIME of a kind where none is given; 0: it has none.
[[nodiscard]] base::Duration default_fault_time(Fault fault);
/// "split=0.3,delay=0.1:200ms,drop=0.01,until=60s". Errors: invalid_input, one line that names the kinds and the form.
[[nodiscard]] base::Result<FaultPlan> parse_faults(std::string_view text);

/// Bytes for a connection, in one write; then the end of it or not.
struct Delivery {
    int connection = 0;
    std::string bytes;
    bool close = false;
};

class FaultInjector {
public:
    explicit FaultInjector(std::uint64_t seed = 1) : random_(seed) {}

    void seed(std::uint64_t seed) { random_ = base::Prng(seed); }
    /// Draws by these rates from now on, instead of others.
    void plan(FaultPlan const& plan, base::Now now);
    void rate(Fault fault, FaultRate rate) { plan_[fault] = rate; }
    /// To the next so many frames for certain, whichever connection they are for.
    void next(Fault fault, int frames, base::Duration time);
    /// No more faults; what is late still comes when it is due.
    void stop();
    /// Every connection ends, and none is accepted for so long.
    void restart(base::Duration outage, base::Now now);

    /// Whole frames of a connection; `close`: it ends behind them.
    void send(int connection, std::string bytes, bool close, base::Now now);
    /// The client is gone.
    void disconnected(int connection) { lines_.erase(connection); }
    /// What is to be written now, in order.
    [[nodiscard]] std::vector<Delivery> take(base::Now now);
    [[nodiscard]] std::optional<base::Duration> next_deadline() const;
    [[nodiscard]] bool refuses(base::Now now) const { return now.steady < refusing_until_; }
    /// True once after a restart: the gateway has lost every connection.
    [[nodiscard]] bool take_restart() { return std::exchange(restarted_, false); }
    [[nodiscard]] std::int64_t happened(Fault fault) const { return happened_[static_cast<std::size_t>(fault)]; }

private:
    struct Piece {
        base::Duration due{0};
        std::string bytes;
        bool close = false;
        bool whole = true;  ///< more may be written with it
    };
    struct Line {  // of one connection
        std::deque<Piece> pieces;
        base::Duration earliest{0};  ///< nothing leaves before
        bool merging = false;        ///< the last piece waits for company
        bool ended = false;
    };
    struct Scripted {
        int frames = 0;
        base::Duration time{0};
    };

    [[nodiscard]] bool strikes(Fault fault, base::Now now, base::Duration& time);
    [[nodiscard]] bool active(base::Now now) const;
    void send_frame(Line& line, std::string_view frame, base::Now now);
    static void put(Line& line, std::string_view bytes, base::Duration due, bool whole);
    [[nodiscard]] std::string garbage();

    base::Prng random_;
    FaultPlan plan_;
    std::optional<base::Duration> plan_ends_;
    std::array<Scripted, fault_kinds> scripted_{};
    std::array<std::int64_t, fault_kinds> happened_{};
    std::map<int, Line> lines_;
    base::Duration refusing_until_{0};
    bool restarted_ = false;
};

}  // namespace possync::gateway
