// TradingDay: an invented day at the broker. By seed it sets up accounts and instruments, then trades at random:
// opens, increases, partial closes, closes, flips, price moves. The same seed and the same calls give the same day.
#pragma once

#include "base/prng.hpp"
#include "gateway/broker.hpp"
#include "gateway/simulator.hpp"

namespace possync::gateway {

struct TradingDayOptions {
    std::uint64_t seed = 1;
    int accounts = 1;
    int first_account = 1000001;  ///< digits of its code; the others follow
    int positions = 12;  ///< held at the start, per account
    int instruments = 18;
};

class TradingDay {
public:
    /// Fills `broker` with accounts, instruments and what is held at the start.
    TradingDay(Broker& broker, TradingDayOptions options);

    /// One thing happens and is pushed through the simulator. Returns a line that says what, for people.
    std::string happen(Simulator& simulator, base::Now now);

    /// So many fills at once, each in another instrument of the first account, spread evenly over what is held: of ten,
    /// eight change a quantity, one closes, one goes through zero.
    void burst(Simulator& simulator, base::Now now, int fills);

private:
    void trade(Simulator& simulator, base::Now now, std::string& text);
    void move_price(std::string& text);  ///< clients hear of it when account updates are due
    base::Decimal nudged(base::Decimal const& price);

    Broker& broker_;
    base::Prng random_;
    std::vector<std::string> accounts_;
    std::vector<ConId> con_ids_;
};

}  // namespace possync::gateway
