// What it costs to read a message, beside the least it could cost and beside the plain way, in one run.
//
//   floor   finding the NULs of the same frames (text), copying the same bytes (binary)
//   plain   split into strings, strtod: how most clients read text; libprotobuf for binary, with one message that is used again
//           and with a new one for each frame, as a client has that hands its messages on
//
// In the end it prints the ratios that are held against targets: text at least 15 % of the floor's throughput, binary at least 3
// times libprotobuf's. A wrong answer aborts: every decoder adds up the quantities and must come to the same sum.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "tws/decode.hpp"
#include "tws/encode.hpp"
#include "tws/fields.hpp"
#include "tws_messages.pb.h"

namespace {

using namespace possync;
using namespace possync::tws;

constexpr int count = 1000;

struct Frames {
    std::string bytes;
    std::vector<std::string_view> payloads;
    long sum = 0;  ///< of the quantities, or prices in hundredths
};

Frames frames_of(int version, auto make) {
    Frames frames;
    std::vector<std::pair<std::size_t, std::size_t>> spans;
    for (int i = 0; i < count; ++i) {
        std::size_t const begin = frames.bytes.size();
        frames.sum += make(i, [&](IncomingMessage const& message) { encode(frames.bytes, message, version); });
        spans.emplace_back(begin + 4, frames.bytes.size() - begin - 4);
    }
    for (auto const& [begin, size] : spans) frames.payloads.emplace_back(frames.bytes.data() + begin, size);
    return frames;
}

Contract contract_of(int i, std::string const& symbol) {
    Contract contract;
    contract.con_id = 265598 + i;
    contract.symbol = contract.local_symbol = symbol;
    contract.sec_type = "STK";
    contract.strike = base::Decimal(0);
    contract.exchange = "NASDAQ";
    contract.currency = "USD";
    contract.trading_class = "NMS";
    return contract;
}

Frames const& positions(int version) {
    auto make = [](int i, auto write) {
        std::string const symbol = "SYM" + std::to_string(i);
        write(Position{"DU1234567", contract_of(i, symbol), base::Decimal(i - 300), base::Decimal::from_parts(10'000'000 + i * 37, 5)});
        return static_cast<long>(i - 300);
    };
    static Frames const text = frames_of(200, make);
    static Frames const binary = frames_of(226, make);
    return version == 200 ? text : binary;
}

Frames const& executions(int version) {
    auto make = [](int i, auto write) {
        std::string const symbol = "SYM" + std::to_string(i);
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
        m.perm_id = 900000001 + i;
        write(m);
        return static_cast<long>(i + 1);
    };
    static Frames const text = frames_of(200, make);
    static Frames const binary = frames_of(226, make);
    return version == 200 ? text : binary;
}

Frames const& portfolio(int version) {
    auto make = [](int i, auto write) {
        std::string const symbol = "SYM" + std::to_string(i);
        write(PortfolioValue{contract_of(i, symbol), base::Decimal(i - 300), base::Decimal::from_parts(12'345 + i, 2),
                             base::Decimal::from_parts((12'345 + i) * (i - 300), 2), base::Decimal::from_parts(10'000'000 + i * 37, 5),
                             base::Decimal::from_parts(i * 13 - 700, 2), base::Decimal(0), "DU1234567"});
        return static_cast<long>(i - 300);
    };
    static Frames const text = frames_of(200, make);
    static Frames const binary = frames_of(226, make);
    return version == 200 ? text : binary;
}

void must_be(long sum, Frames const& frames) {
    if (sum == frames.sum) return;
    std::fprintf(stderr, "a decoder read %ld where %ld was written\n", sum, frames.sum);
    std::abort();
}

void report(benchmark::State& state, Frames const& frames) {
    state.SetItemsProcessed(state.iterations() * count);
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(frames.bytes.size()));
}

long quantity_of(IncomingMessage const& message) {
    if (auto const* position = std::get_if<Position>(&message)) return static_cast<long>(position->position->coefficient());
    if (auto const* execution = std::get_if<ExecutionDetails>(&message)) return static_cast<long>(execution->shares->coefficient());
    return static_cast<long>(std::get<PortfolioValue>(message).position->coefficient());
}

template <Frames const& (*Source)(int), int Version>
void ours(benchmark::State& state) {
    Frames const& frames = Source(Version);
    for (auto _ : state) {
        long sum = 0;
        for (auto const payload : frames.payloads) sum += quantity_of(*decode(payload, Version));
        must_be(sum, frames);
        benchmark::DoNotOptimize(sum);
    }
    report(state, frames);
}

template <Frames const& (*Source)(int)>
void nul_scan(benchmark::State& state) {
    Frames const& frames = Source(200);
    Fields fields;
    for (auto _ : state) {
        std::size_t found = 0;
        for (auto const payload : frames.payloads) {
            (void)fields.split(payload);
            found += fields.count();
        }
        benchmark::DoNotOptimize(found);
    }
    report(state, frames);
}

/// A list that repeats the last one: the bytes are compared and nothing is decoded.
void unchanged(benchmark::State& state) {
    Frames const& frames = positions(200);
    std::vector<std::string> const last(frames.payloads.begin(), frames.payloads.end());
    for (auto _ : state) {
        long same = 0;
        for (std::size_t i = 0; i < last.size(); ++i) same += last[i] == frames.payloads[i];
        if (same != count) std::abort();
        benchmark::DoNotOptimize(same);
    }
    report(state, frames);
}

template <Frames const& (*Source)(int), int Quantity, int First, int Last>
void plain(benchmark::State& state) {
    Frames const& frames = Source(200);
    for (auto _ : state) {
        long sum = 0;
        for (auto const payload : frames.payloads) {
            std::vector<std::string> fields;
            for (std::size_t at = 0; at < payload.size();) {
                std::size_t const end = payload.find('\0', at);
                fields.emplace_back(payload.substr(at, end - at));
                at = end + 1;
            }
            double numbers = 0;
            for (int i = First; i <= Last; ++i) numbers += std::strtod(fields[static_cast<std::size_t>(i)].c_str(), nullptr);
            benchmark::DoNotOptimize(numbers);
            sum += static_cast<long>(std::strtod(fields[Quantity].c_str(), nullptr));
        }
        must_be(sum, frames);
        benchmark::DoNotOptimize(sum);
    }
    report(state, frames);
}

long quantity_of(oracle::Position const& m) { return std::atol(m.position().c_str()); }
long quantity_of(oracle::PortfolioValue const& m) { return std::atol(m.position().c_str()); }
long quantity_of(oracle::ExecutionDetails const& m) { return std::atol(m.fill().shares().c_str()); }

template <Frames const& (*Source)(int), typename Message, bool Again>
void libprotobuf(benchmark::State& state) {
    Frames const& frames = Source(226);
    Message again;
    for (auto _ : state) {
        long sum = 0;
        for (auto const payload : frames.payloads) {
            auto const read = [&](Message& message) {
                if (!message.ParseFromArray(payload.data() + 4, static_cast<int>(payload.size() - 4))) std::abort();
                sum += quantity_of(message);
            };
            if constexpr (Again) {
                read(again);
            } else {
                Message fresh;
                read(fresh);
            }
        }
        must_be(sum, frames);
        benchmark::DoNotOptimize(sum);
    }
    report(state, frames);
}

BENCHMARK(ours<positions, 200>)->Name("position/text");
BENCHMARK(nul_scan<positions>)->Name("position/text/floor");
BENCHMARK((plain<positions, 14, 14, 15>))->Name("position/text/plain");
BENCHMARK(unchanged)->Name("position/unchanged");
BENCHMARK(ours<positions, 226>)->Name("position/binary");
BENCHMARK((libprotobuf<positions, oracle::Position, true>))->Name("position/binary/libprotobuf");
BENCHMARK((libprotobuf<positions, oracle::Position, false>))->Name("position/binary/libprotobuf_fresh");
BENCHMARK(ours<portfolio, 200>)->Name("portfolio/text");
BENCHMARK(nul_scan<portfolio>)->Name("portfolio/text/floor");
BENCHMARK((plain<portfolio, 13, 13, 18>))->Name("portfolio/text/plain");
BENCHMARK(ours<portfolio, 226>)->Name("portfolio/binary");
BENCHMARK((libprotobuf<portfolio, oracle::PortfolioValue, true>))->Name("portfolio/binary/libprotobuf");
BENCHMARK((libprotobuf<portfolio, oracle::PortfolioValue, false>))->Name("portfolio/binary/libprotobuf_fresh");
BENCHMARK(ours<executions, 200>)->Name("execution/text");
BENCHMARK(nul_scan<executions>)->Name("execution/text/floor");
BENCHMARK((plain<executions, 19, 19, 21>))->Name("execution/text/plain");
BENCHMARK(ours<executions, 226>)->Name("execution/binary");
BENCHMARK((libprotobuf<executions, oracle::ExecutionDetails, true>))->Name("execution/binary/libprotobuf");
BENCHMARK((libprotobuf<executions, oracle::ExecutionDetails, false>))->Name("execution/binary/libprotobuf_fresh");

/// Shows what it always shows, and keeps the best time of each: what disturbs a run only makes it slower.
class Ratios final : public benchmark::ConsoleReporter {
public:
    void ReportRuns(std::vector<Run> const& runs) override {
        ConsoleReporter::ReportRuns(runs);
        for (auto const& run : runs) {
            if (run.run_type != Run::RT_Iteration) continue;
            double const time = run.GetAdjustedCPUTime();
            auto const [best, is_new] = times_.try_emplace(run.run_name.function_name, time);
            if (!is_new) best->second = std::min(best->second, time);
        }
    }
    void print() const {
        for (std::string const message : {"position", "portfolio", "execution"}) {
            auto const text = times_.find(message + "/text");
            auto const binary = times_.find(message + "/binary");
            if (text == times_.end() || binary == times_.end()) continue;
            auto time = [&](char const* of) { return times_.at(message + of); };
            std::printf("%-9s  text: %4.1f %% of the scan for NUL, %3.1f times the plain way   binary: %3.1f times libprotobuf, %3.1f with fresh messages\n",
                        message.c_str(), 100 * time("/text/floor") / text->second, time("/text/plain") / text->second,
                        time("/binary/libprotobuf") / binary->second, time("/binary/libprotobuf_fresh") / binary->second);
        }
    }

private:
    std::map<std::string, double> times_;
};

}  // namespace

int main(int count_of_words, char** words) {
    benchmark::Initialize(&count_of_words, words);
    if (benchmark::ReportUnrecognizedArguments(count_of_words, words)) return 2;
    Ratios ratios;
    benchmark::RunSpecifiedBenchmarks(&ratios);
    ratios.print();
}
