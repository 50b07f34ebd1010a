#include "gateway/faults.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/decimal.hpp"

namespace possync::gateway {

using base::Duration;
using base::ErrorCode;
using base::Now;

namespace {

constexpr std::array<std::string_view, fault_kinds> names{"split",   "merge", "delay", "duplicate", "drop",
                                                          "garbage", "close", "stall", "restart"};
/// A second read comes so much later, so that sockets deliver two.
constexpr Duration between_reads = std::chrono::milliseconds(1);
/// A frame waits so long for the next one.
constexpr Duration company = std::chrono::milliseconds(50);

std::string_view cut_first(std::string_view& text, char separator) {
    auto const at = text.find(separator);
    std::string_view const first = text.substr(0, at);
    text = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
    return first;
}

}  // namespace

std::string_view to_string(Fault fault) { return names[static_cast<std::size_t>(fault)]; }

std::optional<Fault> parse_fault(std::string_view name) {
    auto const at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) return std::nullopt;
    return static_cast<Fault>(at - names.begin());
}

Duration default_fault_time(Fault fault) {
    switch (fault) {
    case Fault::delay: return std::chrono::milliseconds(200);
    case Fault::stall: return std::chrono::seconds(60);
    case Fault::restart: return std::chrono::seconds(10);
    default: return Duration(0);
    }
}

base::Result<int> parse_fault_rate(std::string_view text) {
    auto const value = base::Decimal::parse(text);
    if (!value || value->is_negative() || *value > base::Decimal(1)) {
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("'{}' is no part of all frames; write a number from 0 to 1, as 0.01", text));
    }
    return static_cast<int>(base::multiply_rounded(*value, base::Decimal(1'000'000), 0).coefficient());
}

base::Result<FaultPlan> parse_faults(std::string_view text) {
    constexpr std::string_view form =
        "write KIND=RATE[:TIME],... with kinds split merge delay duplicate drop garbage close stall restart, "
        "rates from 0 to 1, and until=TIME, as in split=0.3,delay=0.1:200ms,drop=0.01,until=60s";
    auto const wrong = [&](std::string const& what) {
        return base::fail(ErrorCode::invalid_input, fmt::format("faults: {}; {}", what, form));
    };
    if (text.empty()) return wrong("nothing is said");
    FaultPlan plan;
    while (!text.empty()) {
        std::string_view value = cut_first(text, ',');
        std::string_view const name = cut_first(value, '=');
        if (name == "until") {
            auto const time = base::parse_duration(value);
            if (!time) return wrong(time.error().message);
            plan.until = *time;
            continue;
        }
        auto const fault = parse_fault(name);
        if (!fault) return wrong(fmt::format("there is no kind '{}'", name));
        auto const rate = parse_fault_rate(cut_first(value, ':'));
        if (!rate) return wrong(fmt::format("{}: {}", name, rate.error().message));
        FaultRate& to = plan[*fault];
        to = {*rate, default_fault_time(*fault)};
        if (value.empty()) continue;
        if (to.time.count() == 0) return wrong(fmt::format("{} takes no time", name));
        auto const time = base::parse_duration(value);
        if (!time) return wrong(fmt::format("{}: {}", name, time.error().message));
        to.time = *time;
    }
    return plan;
}

void FaultInjector::plan(FaultPlan const& plan, Now now) {
    plan_ = plan;
    plan_ends_ = plan.until ? std::optional(now.steady + *plan.until) : std::nullopt;
}

void FaultInjector::next(Fault fault, int frames, Duration time) { scripted_[static_cast<std::size_t>(fault)] = {frames, time}; }

void FaultInjector::stop() {
    plan_ = {};
    plan_ends_.reset();
    scripted_ = {};
}

void FaultInjector::restart(Duration outage, Now now) {
    ++happened_[static_cast<std::size_t>(Fault::restart)];
    refusing_until_ = now.steady + outage;
    restarted_ = true;
    for (auto& [unused, line] : lines_) {  // what was on its way is lost
        line.pieces.clear();
        line.earliest = now.steady;
        line.merging = false;
        if (line.ended) line.pieces.push_back({now.steady, {}, true, false});
    }
}

bool FaultInjector::active(Now now) const {
    if (std::any_of(scripted_.begin(), scripted_.end(), [](auto const& each) { return each.frames > 0; })) return true;
    if (plan_ends_ && now.steady >= *plan_ends_) return false;
    return std::any_of(plan_.rates.begin(), plan_.rates.end(), [](auto const& each) { return each.per_million > 0; });
}

bool FaultInjector::strikes(Fault fault, Now now, Duration& time) {
    auto const at = static_cast<std::size_t>(fault);
    FaultRate const& rate = plan_.rates[at];
    bool const planned = rate.per_million > 0 && (!plan_ends_ || now.steady < *plan_ends_);
    bool strikes = planned && random_.between(0, 999'999) < rate.per_million;
    time = rate.time;
    if (scripted_[at].frames > 0) {
        --scripted_[at].frames;
        strikes = true;
        time = scripted_[at].time;
    }
    happened_[at] += strikes;
    return strikes;
}

/// Cannot be mistaken for a message: its id is beyond all ids, and no number as text. One in four is no frame either.
std::string FaultInjector::garbage() {
    std::string bytes(static_cast<std::size_t>(random_.between(1, 40)), '\0');
    for (char& byte : bytes)
        byte = static_cast<char>(random_.between(0, 255));
    bytes[0] = '\xFF';
    if (random_.chance(250)) return "\xFF\xFF\xFF\xFF" + bytes;
    return std::string("\0\0\0", 3) + static_cast<char>(bytes.size()) + bytes;
}

void FaultInjector::put(Line& line, std::string_view bytes, Duration due, bool whole) {
    due = std::max(due, line.earliest);
    line.earliest = due;
    if (line.merging && !line.pieces.empty()) {  // the company it waited for
        line.pieces.back().bytes += bytes;
        line.pieces.back().due = due;
        line.pieces.back().whole = whole;
        line.merging = false;
    } else if (!line.pieces.empty() && line.pieces.back().whole && whole && line.pieces.back().due == due) {
        line.pieces.back().bytes += bytes;
    } else {
        line.pieces.push_back({due, std::string(bytes), false, whole});
    }
}

void FaultInjector::send_frame(Line& line, std::string_view frame, Now now) {
    Duration time{0};
    if (strikes(Fault::drop, now, time)) return;
    if (strikes(Fault::restart, now, time)) {
        --happened_[static_cast<std::size_t>(Fault::restart)];
        return restart(time, now);
    }
    Duration due = now.steady;
    if (strikes(Fault::stall, now, time)) due += time;
    if (strikes(Fault::delay, now, time)) due += Duration(random_.between(0, time.count()));
    if (strikes(Fault::close, now, time)) {
        put(line, frame.substr(0, static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(frame.size()) - 1))), due,
            true);
        line.pieces.push_back({std::max(due, line.earliest), {}, true, false});
        line.ended = true;
        return;
    }
    if (strikes(Fault::garbage, now, time)) put(line, garbage(), due, true);
    int const times = strikes(Fault::duplicate, now, time) ? 2 : 1;
    for (int i = 0; i < times; ++i) {
        if (strikes(Fault::split, now, time)) {
            auto const cut = static_cast<std::size_t>(random_.between(1, static_cast<std::int64_t>(frame.size()) - 1));
            put(line, frame.substr(0, cut), due, false);
            put(line, frame.substr(cut), line.earliest + between_reads, false);
        } else if (strikes(Fault::merge, now, time)) {
            put(line, frame, std::max(due, line.earliest) + company, true);
            line.earliest -= company;  // company may come at once
            line.merging = true;
        } else {
            put(line, frame, due, true);
        }
    }
}

void FaultInjector::send(int connection, std::string bytes, bool close, Now now) {
    Line& line = lines_[connection];
    if (line.ended) return;
    if (!active(now)) {
        if (!bytes.empty() && line.pieces.empty()) {
            line.pieces.push_back({std::max(now.steady, line.earliest), std::move(bytes), false, true});
        } else if (!bytes.empty()) {
            put(line, bytes, now.steady, true);
        }
    } else {
        std::string_view rest = bytes;
        while (rest.size() >= 4 && !line.ended && !restarted_) {
            std::size_t length = 4;
            for (int shift = 24, i = 0; i < 4; ++i, shift -= 8) {
                length += static_cast<std::size_t>(static_cast<unsigned char>(rest[static_cast<std::size_t>(i)])) << shift;
            }
            send_frame(line, rest.substr(0, length), now);
            rest.remove_prefix(std::min(length, rest.size()));
        }
    }
    if (!close || line.ended) return;
    line.pieces.push_back({std::max(now.steady, line.pieces.empty() ? line.earliest : line.pieces.back().due), {}, true, false});
    line.ended = true;
}

std::vector<Delivery> FaultInjector::take(Now now) {
    std::vector<Delivery> deliveries;
    for (auto it = lines_.begin(); it != lines_.end();) {
        Line& line = it->second;
        bool closed = false;
        while (!line.pieces.empty() && line.pieces.front().due <= now.steady) {
            Piece& piece = line.pieces.front();
            closed = piece.close;
            if (piece.close && !deliveries.empty() && deliveries.back().connection == it->first) {
                deliveries.back().close = true;
            } else {
                deliveries.push_back({it->first, std::move(piece.bytes), piece.close});
            }
            line.pieces.pop_front();
            if (line.pieces.empty()) line.merging = false;
        }
        it = closed ? lines_.erase(it) : std::next(it);
    }
    return deliveries;
}

std::optional<Duration> FaultInjector::next_deadline() const {
    std::optional<Duration> next;
    for (auto const& [unused, line] : lines_) {
        if (!line.pieces.empty() && (!next || line.pieces.front().due < *next)) next = line.pieces.front().due;
    }
    return next;
}

}  // namespace possync::gateway
