// A fixed amount of work for counting instructions: bench/instructions.py runs it under Valgrind, which stops counting where this
// program says so. Message by message; nothing here depends on time, memory layout or the machine.
#include <valgrind/callgrind.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tws/decode.hpp"
#include "tws/encode.hpp"

namespace {

using namespace possync;
using namespace possync::tws;

constexpr int count = 200;

Contract contract_of(int i, std::string const& symbol) {
    Contract contract;
    contract.con_id = 265598 + i;
    contract.symbol = contract.local_symbol = symbol;
    contract.sec_type = "STK";
    contract.exchange = "NASDAQ";
    contract.currency = "USD";
    contract.trading_class = "NMS";
    return contract;
}

template <typename Make>
void measure(char const* name, int version, Make make) {
    std::string bytes;
    std::vector<std::pair<std::size_t, std::size_t>> frames;
    for (int i = 0; i < count; ++i) {
        std::size_t const begin = bytes.size();
        std::string const symbol = "SYM" + std::to_string(i);
        encode(bytes, make(i, symbol), version);
        frames.emplace_back(begin + 4, bytes.size() - begin - 4);
    }
    std::size_t read = 0;
    CALLGRIND_ZERO_STATS;
    CALLGRIND_TOGGLE_COLLECT;
    for (auto const& [begin, size] : frames) {
        auto const message = decode(std::string_view(bytes).substr(begin, size), version);
        read += message.has_value() && !std::holds_alternative<UnknownMessage>(*message);
    }
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT(name);
    if (read == frames.size()) return;
    std::fprintf(stderr, "%s: %zu of %d messages were read\n", name, read, count);
    std::exit(1);
}

}  // namespace

int main() {
    for (int const version : {200, 226}) {
        std::string const form = version == 200 ? ".text" : ".binary";
        measure(("position" + form).c_str(), version, [](int i, std::string const& symbol) -> IncomingMessage {
            return Position{"DU1234567", contract_of(i, symbol), base::Decimal(i - 100), base::Decimal::from_parts(10'000'000 + i * 37, 5)};
        });
        measure(("portfolio" + form).c_str(), version, [](int i, std::string const& symbol) -> IncomingMessage {
            return PortfolioValue{contract_of(i, symbol), base::Decimal(i - 100), base::Decimal::from_parts(12'345 + i, 2),
                                  base::Decimal::from_parts((12'345 + i) * (i - 100), 2), base::Decimal::from_parts(10'000'000 + i * 37, 5),
                                  base::Decimal::from_parts(i * 13 - 700, 2), base::Decimal(0), "DU1234567"};
        });
        measure(("execution" + form).c_str(), version, [](int i, std::string const& symbol) -> IncomingMessage {
            ExecutionDetails m;
            m.request_id = 1001;
            m.contract = contract_of(i, symbol);
            m.exec_id = "0000e0d5.6a000001.01.01";
            m.time = "20261123 09:31:05 US/Eastern";
            m.account = "DU1234567";
            m.exchange = "NASDAQ";
            m.side = "SLD";
            m.shares = m.cum_qty = base::Decimal(i + 1);
            m.price = m.average_price = base::Decimal::from_parts(10'000 + i, 2);
            m.perm_id = 900'000'001 + i;
            return m;
        });
    }
}
