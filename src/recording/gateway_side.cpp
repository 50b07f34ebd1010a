#include "recording/gateway_side.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "recording/request_id.hpp"
#include "tws/decode.hpp"
#include "tws/encode.hpp"
#include "tws/outgoing.hpp"

namespace possync::recording {

using base::Duration;

namespace {

constexpr std::size_t greeting_size = 4;  // API\0

struct RequestKey {
    int message_id = 0;
    std::string key;
    std::int64_t request_id = -1;
};

RequestKey key_of(tws::ClientRequest const& request, int message_id) {
    RequestKey result{message_id, {}, -1};
    std::visit(
        [&](auto const& m) {
            using Message = std::remove_cvref_t<decltype(m)>;
            if constexpr (requires { m.request_id; }) result.request_id = m.request_id;
            // Executions are matched in order: one program asks for one account, another for all.
            if constexpr (requires { m.account; } && !std::is_same_v<Message, tws::RequestExecutions>)
                result.key = std::string(m.account);
            if constexpr (requires { m.con_id; }) result.key += " " + std::to_string(m.con_id);
            if constexpr (requires { m.subscribe; }) result.key += m.subscribe ? " on" : " off";
        },
        request);
    return result;
}

std::string words_of(RequestKey const& key) {
    switch (key.message_id) {
    case 6: return "updates of account " + key.key.substr(0, key.key.find(' '));
    case 7: return "executions";
    case 9: return "data of contract" + key.key;
    case 61: return "the list of positions";
    case 74: return "the positions of account " + key.key;
    case 108: return "the gateway's settings";
    default: return fmt::format("request {}", key.message_id);
    }
}

/// Whether nobody waits for an answer.
bool needs_no_answer(RequestKey const& key) {
    return key.message_id == 64 || key.message_id == 71 || key.message_id == 75 ||
           (key.message_id == 6 && key.key.ends_with(" off"));
}

}  // namespace

/// Which request of a recorded connection each answer belongs to.
struct GatewaySide::Reading {
    std::map<std::int64_t, int> by_id;
    int positions = -1;
    int executions = -1;
    int updates = -1;
    std::set<std::string, std::less<>> fills;  ///< of the executions' answer under way

    void take(Attempt& attempt, Request request) {
        auto const index = static_cast<int>(attempt.requests.size());
        if (request.request_id >= 0) by_id[request.request_id] = index;
        if (request.message_id == 61) positions = index;
        if (request.message_id == 7) {
            executions = index;
            fills.clear();
        }
        if (request.message_id == 6) updates = request.key.ends_with(" on") ? index : -1;
        attempt.requests.push_back(std::move(request));
    }

    void numbered(Item& item, std::int64_t request_id) const {
        if (request_id < 0) return;
        auto const found = by_id.find(request_id);
        item.request = found == by_id.end() ? -1 : found->second;
        item.numbered = item.request >= 0;
        item.stray = item.request < 0;
    }

    void place(Item& item, tws::IncomingMessage const& message) {
        if (auto const* row = std::get_if<tws::Position>(&message)) {
            item.row = fmt::format("{} {}", row->account, row->contract.con_id);
            item.request = positions;
        } else if (std::holds_alternative<tws::PositionEnd>(message)) {
            item.list_end = true;
            item.request = std::exchange(positions, -1);
        } else if (auto const* report = std::get_if<tws::CommissionReport>(&message)) {
            if (fills.contains(report->exec_id)) item.request = executions;
        } else if (std::holds_alternative<tws::AccountValue>(message) || std::holds_alternative<tws::PortfolioValue>(message) ||
                   std::holds_alternative<tws::AccountUpdateTime>(message)) {
            item.request = updates;
        } else if (std::holds_alternative<tws::AccountDownloadEnd>(message)) {
            item.request = std::exchange(updates, -1);
        } else {
            std::visit(
                [&](auto const& m) {
                    if constexpr (requires { m.request_id; }) numbered(item, m.request_id);
                },
                message);
            if (auto const* fill = std::get_if<tws::ExecutionDetails>(&message); fill != nullptr && item.request >= 0) {
                fills.insert(std::string(fill->exec_id));
            }
            if (std::holds_alternative<tws::ExecutionDetailsEnd>(message)) fills.clear();
        }
    }
};

GatewaySide::GatewaySide(Recording const& recording)
    : pass_through_(recording.header.recorder == Recorder::pass_through), started_(recording.header.started) {
    read(recording);
}

void GatewaySide::read(Recording const& recording) {
    std::map<int, Attempt> open;
    std::map<int, Reading> readings;
    std::vector<Attempt> all;
    for (auto const& event : recording.events) {
        end_ = event.time;
        if (event.kind == EventKind::failed) {
            // What another program could not reach is no matter of this one.
            if (!pass_through_) all.push_back({event.time, event.payload, 0, 0, {}, {}, {}, Side::client});
            continue;
        }
        if (event.kind == EventKind::opened) {
            open[event.connection] = {event.time, {}, event.connection, 0, {}, {}, {}, Side::client};
            continue;
        }
        auto const found = open.find(event.connection);
        if (found == open.end()) continue;
        Attempt& attempt = found->second;
        Reading& reading = readings[event.connection];
        if (event.kind == EventKind::closed) {
            attempt.closed_at = event.time;
            attempt.closed_by = event.side;
            all.push_back(std::move(attempt));
            open.erase(found);
            continue;
        }
        if (event.side == Side::client) {
            if (event.kind != EventKind::frame || attempt.server_version == 0) continue;
            auto const request = tws::decode_request(event.payload, attempt.server_version);
            auto const id = tws::base_id(event.payload);
            if (!request || !id) continue;
            auto const key = key_of(*request, *id);
            Request asked;
            asked.time = event.time;
            asked.message_id = key.message_id;
            asked.key = key.key;
            asked.request_id = key.request_id;
            reading.take(attempt, std::move(asked));
            continue;
        }
        Item item;
        item.time = event.time;
        item.bytes = event.payload;
        item.loose = event.kind == EventKind::raw;
        if (event.kind == EventKind::frame && attempt.server_version == 0) {
            if (auto const hello = tws::decode_hello(event.payload)) attempt.server_version = hello->server_version;
        } else if (event.kind == EventKind::frame) {
            if (auto const message = tws::decode(event.payload, attempt.server_version)) reading.place(item, *message);
        }
        attempt.items.push_back(std::move(item));
    }
    for (auto& [number, attempt] : open)
        all.push_back(std::move(attempt));
    std::sort(all.begin(), all.end(),
              [](auto const& a, auto const& b) { return std::pair(a.time, a.number) < std::pair(b.time, b.number); });
    std::optional<Duration> busy_until;
    for (auto& attempt : all) {
        if (busy_until && attempt.time < *busy_until) {
            passed_over_.push_back(attempt.number);
            continue;
        }
        busy_until = attempt.failed ? attempt.time : attempt.closed_at.value_or(end_);
        attempts_.push_back(std::move(attempt));
    }
    if (pass_through_ && !attempts_.empty()) begin_ = attempts_.front().time;
}

// --- the client ----------------------------------------------------------------------------------------------------------

void GatewaySide::open() { opening_ = true; }

void GatewaySide::close(Duration now) {
    opening_ = false;
    ready_.clear();
    if (current_ == nullptr) return;
    if (next_item_ < current_->items.size() && !closing_time(*current_)) {
        unused_.push_back(fmt::format("connection {} was closed by this program after {:.3f} s; the rest of it was not used",
                                      current_->number, static_cast<double>((now - current_->time - offset_).count()) / 1e6));
    }
    end_attempt();
}

void GatewaySide::end_attempt() {
    current_ = nullptr;
    next_item_ = 0;
    greeting_.clear();
    shaken_hands_ = false;
    frames_.reset();
    rows_.clear();
    listed_.clear();
    list_end_.clear();
}

void GatewaySide::bytes(Duration now, std::string_view bytes) {
    if (current_ == nullptr) return;
    auto const missing = std::min(greeting_size - std::min(greeting_.size(), greeting_size), bytes.size());
    greeting_ += bytes.substr(0, missing);
    frames_.append(bytes.substr(missing));
    while (current_ != nullptr) {
        auto const frame = frames_.next();
        if (!frame || !*frame) return;
        if (!std::exchange(shaken_hands_, true)) continue;
        request(now, **frame);
    }
}

void GatewaySide::request(Duration now, std::string_view payload) {
    Attempt& attempt = *current_;
    auto const request = tws::decode_request(payload, attempt.server_version);
    auto const id = tws::base_id(payload);
    if (!request || !id) return;
    auto const key = key_of(*request, *id);
    if (key.message_id == 49 && pass_through_) {
        // Any gateway would say what time it is; that the recorded program did not ask is no sign of a dead one.
        std::string answer;
        tws::encode(answer, tws::IncomingMessage(tws::CurrentTime{(started_ + now).microseconds / 1'000'000}),
                    attempt.server_version);
        ready_.push_back({Delivery::Kind::bytes, std::move(answer)});
        return;
    }
    std::optional<std::size_t> first;
    std::optional<std::size_t> last_asked;
    for (std::size_t i = 0; i < attempt.requests.size(); ++i) {
        auto const& each = attempt.requests[i];
        if (each.client_id || each.message_id != key.message_id || each.key != key.key) continue;
        if (!first) first = i;
        if (each.time + offset_ <= now) last_asked = i;
    }
    if (key.message_id == 61 && pass_through_) {
        if (last_asked) {
            // Lists before the newest one are history; what they held is in the rows.
            for (std::size_t i = 0; i < *last_asked; ++i) {
                auto& each = attempt.requests[i];
                if (each.message_id == 61 && !each.client_id) each.client_id = -1;
            }
            return match(attempt, *last_asked, key.request_id);
        }
        if (!list_end_.empty()) {
            ++lists_put_together_;
            return emit_list();
        }
    }
    if (first) return match(attempt, *first, key.request_id);
    if (!needs_no_answer(key) && key.message_id != 49) ++unanswered_[words_of(key)];
}

void GatewaySide::match(Attempt& attempt, std::size_t index, std::int64_t client_id) {
    auto& request = attempt.requests[index];
    request.client_id = client_id;
    auto const held = std::exchange(request.held, {});
    if (request.message_id == 61 && pass_through_ && request.ended) return emit_list();
    for (auto const item : held)
        emit(attempt, attempt.items[item]);
}

// --- the gateway ---------------------------------------------------------------------------------------------------------

void GatewaySide::process(Attempt& attempt, std::size_t index) {
    Item const& item = attempt.items[index];
    if (!item.row.empty()) {
        rows_[item.row] = item.bytes;
        if (item.request >= 0) listed_.insert(item.row);
    }
    if (item.list_end) {
        std::erase_if(rows_, [&](auto const& row) { return !listed_.contains(row.first); });
        listed_.clear();
        list_end_ = item.bytes;
    }
    if (item.request < 0) {
        if (!item.stray || !pass_through_) emit(attempt, item);
        return;
    }
    auto& request = attempt.requests[static_cast<std::size_t>(item.request)];
    if (item.list_end) request.ended = true;
    if (request.client_id) return emit(attempt, item);
    request.held.push_back(index);
    if (request.message_id == 61 && item.list_end && pass_through_ && !std::exchange(request.called, true)) wants_sync_ = true;
}

void GatewaySide::emit(Attempt const& attempt, Item const& item) {
    if (item.request >= 0 && item.numbered) {
        auto const& request = attempt.requests[static_cast<std::size_t>(item.request)];
        Delivery delivery;
        bool const same = *request.client_id == request.request_id;
        tws::append_frame(delivery.text,
                          same ? item.bytes : with_request_id(item.bytes, attempt.server_version, *request.client_id));
        ready_.push_back(std::move(delivery));
        return;
    }
    Delivery delivery;
    if (item.loose) {
        delivery.text = item.bytes;
    } else {
        tws::append_frame(delivery.text, item.bytes);
    }
    ready_.push_back(std::move(delivery));
}

void GatewaySide::emit_list() {
    Delivery delivery;
    for (auto const& [unused, row] : rows_)
        tws::append_frame(delivery.text, row);
    tws::append_frame(delivery.text, list_end_);
    ready_.push_back(std::move(delivery));
}

/// When the connection ends for the client: as the gateway ended it, or, where the recorded client did, only to make room
/// for the next one.
std::optional<Duration> GatewaySide::closing_time(Attempt const& attempt) const {
    if (!attempt.closed_at) return std::nullopt;
    if (attempt.closed_by == Side::gateway) return *attempt.closed_at + offset_;
    if (next_attempt_ == attempts_.size()) return std::nullopt;
    return attempts_[next_attempt_].time + offset_;
}

std::vector<Delivery> GatewaySide::take(Duration now) {
    if (opening_ && next_attempt_ < attempts_.size() && attempts_[next_attempt_].time + offset_ <= now) {
        Attempt& attempt = attempts_[next_attempt_++];
        opening_ = false;
        if (attempt.failed) {
            ready_.push_back({Delivery::Kind::failed, *attempt.failed});
        } else {
            offset_ = std::max(offset_, now - attempt.time);
            current_ = &attempt;
            ready_.push_back({Delivery::Kind::opened, {}});
        }
        return std::exchange(ready_, {});
    }
    if (current_ != nullptr) {
        auto const closing = closing_time(*current_);
        while (next_item_ < current_->items.size() && current_->items[next_item_].time + offset_ <= now)
            process(*current_, next_item_++);
        if (closing && *closing <= now) {
            ready_.push_back({Delivery::Kind::closed,
                              current_->closed_by == Side::gateway ? "closed by the gateway" : "closed by the recorded program"});
            end_attempt();
        }
    }
    // What came at one moment came in one piece.
    std::vector<Delivery> deliveries;
    for (auto& each : std::exchange(ready_, {})) {
        if (each.kind == Delivery::Kind::bytes && !deliveries.empty() && deliveries.back().kind == Delivery::Kind::bytes) {
            deliveries.back().text += each.text;
        } else {
            deliveries.push_back(std::move(each));
        }
    }
    return deliveries;
}

std::optional<Duration> GatewaySide::next_due() const {
    if (!ready_.empty()) return Duration(0);
    if (opening_) {
        if (next_attempt_ == attempts_.size()) return std::nullopt;
        return attempts_[next_attempt_].time + offset_;
    }
    if (current_ == nullptr) return std::nullopt;
    auto next = closing_time(*current_);
    if (next_item_ < current_->items.size()) {
        auto const item = current_->items[next_item_].time + offset_;
        if (!next || item < *next) next = item;
    }
    return next;
}

bool GatewaySide::wants_sync() { return std::exchange(wants_sync_, false); }

std::vector<std::string> GatewaySide::missing() const {
    std::vector<std::string> lines;
    if (attempts_.empty()) lines.push_back("the recording holds no connection to a gateway");
    for (auto const number : passed_over_) {
        lines.push_back(fmt::format("connection {} was open at the same time as an earlier one and is passed over", number));
    }
    for (auto const& [what, times] : unanswered_) {
        lines.push_back(fmt::format("{}: asked for {} time{}, not in the recording", what, times, times == 1 ? "" : "s"));
    }
    if (lists_put_together_ > 0) {
        lines.push_back(fmt::format("{} of positions put together from the last recorded one and the pushes since",
                                    lists_put_together_ == 1 ? "1 list" : fmt::format("{} lists", lists_put_together_)));
    }
    lines.insert(lines.end(), unused_.begin(), unused_.end());
    if (next_attempt_ < attempts_.size()) {
        lines.push_back(fmt::format("{} later connection{} not used", attempts_.size() - next_attempt_,
                                    attempts_.size() - next_attempt_ == 1 ? " was" : "s were"));
    }
    return lines;
}

}  // namespace possync::recording
