#include "tws/session.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/check.hpp"
#include "base/planted_bug.hpp"
#include "tws/decode.hpp"
#include "tws/encode.hpp"
#include "tws/generation.hpp"
#include "tws/outgoing.hpp"

namespace possync::tws {

using base::Duration;
using base::Now;

namespace {

constexpr Duration client_id_retry = std::chrono::seconds(5);
constexpr Duration same_error_again_after = std::chrono::minutes(1);
constexpr std::size_t error_codes_remembered = 200;
/// Of alternates to the own client id, tried in turn with it.
constexpr int client_ids = 8;
/// Complaints that come so close together are about one burst.
constexpr Duration one_burst = std::chrono::seconds(2);
/// After so long without a complaint the pace is tried that was too fast.
constexpr Duration pace_recovers_after = std::chrono::minutes(10);
constexpr int slowest_rate = 2;
/// How the payload of a position begins: as text, as text behind four bytes, in binary.
std::string_view position_prefix(int server_version) {
    if (server_version < binary_ids_since) return {"61\0", 3};
    return server_version < answers_binary_since(61) ? std::string_view("\0\0\0\x3d", 4) : std::string_view("\0\0\x01\x05", 4);
}

/// Farm states: they come and go all day and say nothing about positions.
bool is_farm_notice(std::int64_t code) {
    return (code >= 2103 && code <= 2108) || code == 2119 || code == 2157 || code == 2158;
}

/// The last whole number of a text, 0 when there is none: where notice 1300 carries the new port.
int last_number(std::string_view text) {
    auto const end = text.find_last_of("0123456789");
    if (end == std::string_view::npos) return 0;
    auto begin = end;
    while (begin > 0 && text[begin - 1] >= '0' && text[begin - 1] <= '9') --begin;
    int value = 0;
    std::from_chars(text.data() + begin, text.data() + end + 1, value);
    return value;
}

}  // namespace

Session::Session(SessionOptions options, SessionListener& listener)
    : options_(options), listener_(listener), port_(options.port), client_id_(options.client_id),
      other_port_(options.port), random_(options.seed), rate_(options.requests_per_second), at_once_(options.requests_at_once) {}

// --- connecting --------------------------------------------------------------------------------------------------------

void Session::start(Now now) {
    if (state_ == State::stopped) connect(now);
}

void Session::connect(Now now) {
    state_ = State::connecting;
    deadline_ = now.steady + options_.connect_timeout;
    ++statistics_.connections;
    reader_.reset();
    have_accounts_ = have_next_id_ = positions_subscribed_ = client_id_refused_ = silent_ = false;
    keep_alive_asked_.reset();
    broker_lost_since_.reset();
    server_version_ = 0;
    last_error_.clear();
    parts_.clear();
    parts_missing_.clear();
    actions_.push_back({SessionAction::Kind::open, port_, {}});
}

void Session::stop(Now now) {
    if (state_ == State::stopped) return;
    options_.reconnect = false;
    disconnected(now, "stopped", true);
}

void Session::suspend(Now now, std::string const& why) {
    if (state_ == State::stopped) return;
    bool const reconnect = std::exchange(options_.reconnect, false);
    disconnected(now, why, true);
    options_.reconnect = reconnect;
    pause_ = Duration(0);
}

void Session::drop(Now now, std::string const& why) {
    if (state_ != State::stopped && state_ != State::waiting) disconnected(now, why, true);
}

void Session::on_socket_open(Now now) {
    if (state_ != State::connecting) return;
    state_ = State::greeting;
    deadline_ = now.steady + options_.ready_timeout;
    last_heard_ = now.steady;
    std::string hello;
    encode_client_hello(hello, options_.version_min, options_.version_max);
    send(std::move(hello));
}

void Session::on_socket_failed(Now now, std::string const& reason) {
    if (state_ != State::connecting) return;
    std::swap(port_, other_port_);
    disconnected(now, reason, false);
}

void Session::on_socket_closed(Now now, std::string const& reason) {
    if (state_ == State::stopped || state_ == State::waiting || state_ == State::connecting) return;
    std::string text = last_error_.empty() ? reason : last_error_;
    if (state_ == State::greeting || state_ == State::starting) {
        if (last_error_.empty()) {
            // Some gateways close without a word when the client id is taken. Others close before, at an address they do not
            // trust.
            client_id_refused_ = state_ == State::starting;
            text = "the gateway closed the connection during the handshake; is this address trusted in its API settings, and the "
                   "client id free?";
        }
    }
    disconnected(now, text, false);
}

void Session::disconnected(Now now, std::string const& reason, bool close_socket) {
    if (close_socket && state_ != State::waiting) actions_.push_back({SessionAction::Kind::close, 0, {}});
    if (client_id_refused_) choose_client_id(now);
    if (state_ == State::ready && now.steady - ready_since_ >= options_.stable_after) pause_ = Duration(0);
    queue_.clear();
    contract_queue_.clear();
    due_.clear();
    paced_until_ = now.steady;
    positions_subscribed_ = false;
    parts_.clear();
    bool const list_of_parts_breaks_off = !std::exchange(parts_missing_, {}).empty();
    bool const retry = options_.reconnect;
    state_ = retry ? State::waiting : State::stopped;  // first, so that whoever hears of a failed request asks nothing
    for (auto const& [id, pending] : std::exchange(pending_, {})) {
        if (!pending.part_of_list) listener_.on_request_ended(pending.kind, id, RequestOutcome::failed, reason);
    }
    if (list_of_parts_breaks_off)
        listener_.on_request_ended(RequestKind::positions, positions_id, RequestOutcome::failed, reason);
    deadline_.reset();
    if (retry) deadline_ = now.steady + (client_id_refused_ && !last_error_.empty() ? client_id_retry : next_pause());
    listener_.on_disconnected(reason, retry);
}

/// The own id stays taken for a while after a restart; only then another one is worth its price.
void Session::choose_client_id(Now now) {
    if (!client_id_refused_since_) client_id_refused_since_ = now.steady;
    if (client_id_ == options_.client_id && now.steady - *client_id_refused_since_ < options_.own_client_id_patience) return;
    client_ids_tried_ = (client_ids_tried_ + 1) % (client_ids + 1);
    client_id_ = options_.client_id + client_ids_tried_;
    if (client_ids_tried_ == 0) return;  // once more from the first
    listener_.on_notice(true, "gateway.client_id_changed",
                        "client id " + std::to_string(options_.client_id) + " seems to stay taken; trying " +
                            std::to_string(client_id_) +
                            ". If the configured id is the gateway's master client id, fills of other programs are now seen only "
                            "by asking, not as they happen");
}

Duration Session::next_pause() {
    pause_ = pause_.count() == 0 ? options_.pause_min : std::min(pause_ * 2, options_.pause_max);
    // splitmix64: the same seed gives the same pauses on every machine.
    random_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = random_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    z ^= z >> 31;
    auto const percent = static_cast<std::int64_t>(80 + z % 41);
    return Duration(pause_.count() / 100 * percent);
}

// --- receiving ---------------------------------------------------------------------------------------------------------

void Session::on_bytes(Now now, std::string_view bytes) {
    if (state_ != State::greeting && state_ != State::starting && state_ != State::ready) return;
    statistics_.bytes += static_cast<std::int64_t>(bytes.size());
    reader_.append(bytes);
    while (state_ == State::greeting || state_ == State::starting || state_ == State::ready) {
        auto const frame = reader_.next();
        if (!frame) {
            disconnected(now, "the gateway sent a frame of impossible length " + std::to_string(frame.error().length) +
                                  "; the stream cannot be trusted any more",
                         true);
            return;
        }
        if (!*frame) return;
        ++statistics_.frames;
        hear(now);
        read(now, **frame);
    }
}

/// A whole frame came: proof of life.
void Session::hear(Now now) {
    last_heard_ = now.steady;
    keep_alive_asked_.reset();
    if (!std::exchange(silent_, false) || broker_lost_since_) return;
    listener_.on_connectivity_restored(false, "the gateway speaks again");
}

void Session::read(Now now, std::string_view payload) {
    if (state_ == State::greeting) return greet(now, payload);
    if (state_ == State::ready && payload.starts_with(position_prefix_) && listener_.on_position_payload(payload)) return;
    auto const message = decode(payload, server_version_);
    if (!message) {
        ++statistics_.undecodable_frames;
        auto const& error = message.error();
        std::string const text =
            "message " + std::to_string(error.message_id) + ", field " + std::to_string(error.field) + ": " + error.what;
        tell(now, true, -1 - error.message_id, "gateway.undecodable_frame", text + "; it is passed over");
        // What cannot be read makes its list incomplete, and an incomplete list must not end well. A frame whose very id is
        // lost may have been anything.
        if (error.message_id == 61 || error.message_id == 71 || error.message_id == 0) lose_position(error.account, text);
        if (error.message_id == 11 || error.message_id == 0) listener_.on_execution_lost(text);
        return;
    }
    if (auto const* accounts = std::get_if<ManagedAccounts>(&*message)) {
        if (state_ == State::ready && accounts->accounts != managed_accounts_) {
            // What is under way was asked for the old ones.
            return disconnected(
                now, "the login's accounts changed from " + managed_accounts_ + " to " + std::string(accounts->accounts), true);
        }
        managed_accounts_ = std::string(accounts->accounts);
        have_accounts_ = !managed_accounts_.empty();  // an empty list says that the accounts are still to come
        return become_ready_if_complete(now);
    }
    if (std::holds_alternative<NextValidId>(*message)) {
        have_next_id_ = true;
        return become_ready_if_complete(now);
    }
    if (auto const* error = std::get_if<ErrorMessage>(&*message)) return take_error(now, *error);
    if (std::holds_alternative<UnknownMessage>(*message)) {
        ++statistics_.unknown_messages;
        return;
    }
    if (std::holds_alternative<PositionEnd>(*message)) {
        if (!pending_.contains(positions_id) || !pending_[positions_id].deadline) {
            ++statistics_.stray_ends;
            return;
        }
        if (positions_damaged_) return end_request(positions_id, RequestOutcome::failed, "a row of it cannot be read");
        listener_.on_message(*message);
        return complete(RequestKind::positions, positions_id);
    }
    if (state_ != State::ready) return;
    if (auto const* position = std::get_if<Position>(&*message)) return take_position(*position);
    if (auto const* part = std::get_if<PositionMulti>(&*message)) return take_position_part(*part);
    if (auto const* end_of_part = std::get_if<PositionMultiEnd>(&*message)) {
        return end_part(end_of_part->request_id, RequestOutcome::complete, {});
    }
    if (auto const* settings = std::get_if<GatewaySettings>(&*message)) {
        listener_.on_message(*message);
        return complete(RequestKind::settings, settings->request_id);
    }
    listener_.on_message(*message);
    if (auto const* end = std::get_if<ExecutionDetailsEnd>(&*message)) {
        complete(RequestKind::executions, end->request_id);
    } else if (auto const* end_of_contract = std::get_if<ContractDataEnd>(&*message)) {
        complete(RequestKind::contract, end_of_contract->request_id);
    }
}

void Session::greet(Now now, std::string_view payload) {
    auto const hello = decode_hello(payload);
    if (!hello) return;  // other frames have been seen before the answer
    if (hello->server_version < options_.version_min || hello->server_version > options_.version_max) {
        if (hello->server_version < 0) {
            options_.reconnect = false;
            return disconnected(now, "the gateway answers that it is to be reached at '" + std::string(hello->connection_time) +
                                         "'; such redirections are not followed, set host and port to the gateway itself",
                                true);
        }
        bool const too_old = hello->server_version < options_.version_min;
        return disconnected(
            now,
            "the gateway speaks server version " + std::to_string(hello->server_version) + ", this program " +
                std::to_string(options_.version_min) + " to " + std::to_string(options_.version_max) +
                (too_old ? "; update the gateway" : ", and it was offered no more; update this program, or use an older gateway"),
            true);
    }
    server_version_ = hello->server_version;
    position_prefix_ = position_prefix(server_version_);
    connection_time_ = std::string(hello->connection_time);
    state_ = State::starting;
    deadline_ = now.steady + options_.ready_timeout;
    std::string bytes;
    encode(bytes, StartApi{client_id_}, server_version_);
    send(std::move(bytes));
}

void Session::become_ready_if_complete(Now now) {
    if (state_ != State::starting || !have_accounts_ || !have_next_id_) return;
    state_ = State::ready;
    deadline_.reset();
    ready_since_ = now.steady;
    client_id_refused_since_.reset();
    last_error_.clear();  // of the handshake; no reason for what happens later
    if (server_version_ >= answers_binary_since(110)) ask_for_settings(now);
    listener_.on_ready(managed_accounts_, connection_time_);
}

/// One request beside the paced ones, so that nothing waits for what is good to know.
void Session::ask_for_settings(Now now) {
    std::int64_t const id = next_request_id_++;
    Duration const deadline = now.steady + options_.request_timeout;
    pending_[id] = {RequestKind::settings, options_.request_timeout, false, deadline};
    due_.emplace(deadline, id);
    std::string bytes;
    encode(bytes, RequestSettings{id}, server_version_);
    send(std::move(bytes));
}

void Session::take_error(Now now, ErrorMessage const& error) {
    std::string const text = unescape(error.text) + " (code " + std::to_string(error.code) + ")";
    switch (error.code) {
        case 1100:
        case 2110:
            if (!broker_lost_since_) broker_lost_since_ = now.steady;
            return listener_.on_connectivity_lost(*broker_lost_since_, text);
        case 1101:
        case 1102:
            broker_lost_since_.reset();
            return listener_.on_connectivity_restored(error.code == 1101, text);
        case 2101: return listener_.on_account_updates_refused(text);
        case 1300:
            if (int const port = last_number(unescape(error.text)); port > 0 && port < 65536)
                other_port_ = std::exchange(port_, port);
            return disconnected(now, text, true);
        case 326:
            client_id_refused_ = true;
            last_error_ = "client id " + std::to_string(client_id_) + " is in use at this gateway";
            return disconnected(now, last_error_, true);
        case 100:
            slow_down(now, error.request_id);
            return tell(now, true, error.code, "gateway.pacing", text);
        default: break;
    }
    if (is_farm_notice(error.code)) return tell(now, false, error.code, "gateway.farm", text);
    if (parts_missing_.contains(error.request_id)) return end_part(error.request_id, RequestOutcome::failed, text);
    if (error.request_id >= 0 && pending_.contains(error.request_id) && error.request_id != positions_id) {
        return end_request(error.request_id, RequestOutcome::failed, text);
    }
    bool const warning = error.code < 2100 || error.code > 2169;
    if (state_ != State::ready) last_error_ = text;
    tell(now, warning, error.code, "gateway.error", text);
}

/// Too fast for this gateway: half the pace, whatever the number of complaints about one burst. It refused what it complains
/// about, so that leaves again.
void Session::slow_down(Now now, std::int64_t request_id) {
    if (!slowed_at_ || now.steady - *slowed_at_ >= one_burst) {
        rate_ = std::max(slowest_rate, rate_ / 2);
        at_once_ = std::max(1, at_once_ / 2);
    }
    slowed_at_ = now.steady;
    auto const refused = pending_.find(request_id);
    if (request_id == positions_id || refused == pending_.end() || !refused->second.deadline) return;
    due_.erase({*refused->second.deadline, request_id});
    refused->second.deadline.reset();
    (refused->second.kind == RequestKind::contract ? contract_queue_ : queue_).push_back({refused->second.bytes, request_id});
}

void Session::recover_pace(Now now) {
    if (!slowed_at_ || now.steady - *slowed_at_ < pace_recovers_after) return;
    rate_ = std::min(options_.requests_per_second, rate_ * 2);
    at_once_ = std::min(options_.requests_at_once, at_once_ * 2);
    slowed_at_.reset();
    if (rate_ < options_.requests_per_second || at_once_ < options_.requests_at_once) slowed_at_ = now.steady;
}

/// Gateways can repeat one error hundreds of times a minute: it is told once, then with how often it came since.
void Session::tell(Now now, bool warning, std::int64_t code, std::string const& event, std::string const& text) {
    if (repeated_errors_.size() > error_codes_remembered) repeated_errors_.clear();
    auto const [known, is_new] = repeated_errors_.try_emplace(code, Repeated{now.steady, 0});
    if (is_new) return listener_.on_notice(warning, event, text);
    ++known->second.times;
    if (now.steady - known->second.told_at < same_error_again_after) return;
    int const times = std::exchange(known->second, Repeated{now.steady, 0}).times;
    listener_.on_notice(warning, event, times == 1 ? text : text + "; " + std::to_string(times) + " times since the last line");
}

// --- requests ----------------------------------------------------------------------------------------------------------

void Session::request_positions(Now now, std::vector<std::string> const& accounts) {
    if (!ready()) return;
    if (!accounts.empty()) return request_position_parts(now, accounts);
    if (auto const running = pending_.find(positions_id); running != pending_.end() && running->second.deadline) {
        return disconnected(now, "a list of positions was to be asked for while another is on its way", true);
    }
    // Without cancelling, pushes of the old subscription would mix with the new list.
    if (positions_subscribed_) enqueue(now, CancelPositions{}, -1);
    positions_subscribed_ = true;
    positions_damaged_ = false;
    pending_[positions_id] = {RequestKind::positions, options_.request_timeout};
    enqueue(now, RequestPositions{}, positions_id);
}

void Session::request_position_parts(Now now, std::vector<std::string> const& accounts) {
    for (auto const& [id, unused] : std::exchange(parts_, {})) {
        forget_request(id);
        enqueue(now, CancelPositionsMulti{id}, -1);
    }
    parts_missing_.clear();
    parts_ended_ = 0;
    positions_damaged_ = false;
    for (auto const& account : accounts) {
        std::int64_t const id = next_request_id_++;
        parts_.emplace(id, account);
        parts_missing_.insert(id);
        pending_[id] = {RequestKind::positions, options_.request_timeout, true};
        enqueue(now, RequestPositionsMulti{id, account, {}}, id);
    }
}

void Session::forget_request(std::int64_t request_id) {
    auto const found = pending_.find(request_id);
    if (found == pending_.end()) return;
    if (found->second.deadline) due_.erase({*found->second.deadline, request_id});
    pending_.erase(found);
}

void Session::take_position(Position const& position) {
    if (position.position && position.contract.con_id != 0) return listener_.on_message(position);
    lose_position(position.account, "its row for " + std::string(position.contract.symbol) + " in account " +
                                        std::string(position.account) + " has no quantity or no conId");
}

/// Only when it is sure whose row was lost, the others' are whole.
void Session::lose_position(std::string_view account, std::string const& why) {
    bool const known = manages(account);
    positions_damaged_ = positions_damaged_ || !known;
    listener_.on_position_lost(known ? account : std::string_view{}, why);
}

bool Session::manages(std::string_view account) const {
    std::string_view list = managed_accounts_;
    while (!account.empty() && !list.empty()) {
        auto const comma = list.find(',');
        std::string_view each = list.substr(0, comma);
        each.remove_prefix(std::min(each.find_first_not_of(' '), each.size()));
        if (each.substr(0, each.find_last_not_of(' ') + 1) == account) return true;
        list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    }
    return false;
}

/// To the listener a row is a row, whichever list it came in. What a model holds is part of what its account holds.
void Session::take_position_part(PositionMulti const& part) {
    if (!parts_.contains(part.request_id) || !part.model_code.empty()) return;
    take_position(Position{part.account, part.contract, part.position, part.average_cost});
}

void Session::end_part(std::int64_t request_id, RequestOutcome outcome, std::string const& why) {
    if (parts_missing_.erase(request_id) == 0) {
        ++statistics_.stray_ends;
        return;
    }
    forget_request(request_id);
    if (outcome == RequestOutcome::complete) {
        ++parts_ended_;
    } else {
        // One account's list that does not come says nothing of the others'.
        listener_.on_position_lost(parts_.at(request_id), why);
    }
    if (parts_missing_.empty()) finish_parts();
}

void Session::finish_parts() {
    if (positions_damaged_ || parts_ended_ == 0) {
        return listener_.on_request_ended(RequestKind::positions, positions_id, RequestOutcome::failed,
                                          positions_damaged_ ? "a row of it cannot be read" : "it came for none of the accounts");
    }
    listener_.on_message(PositionEnd{});
    listener_.on_request_ended(RequestKind::positions, positions_id, RequestOutcome::complete, {});
}

std::int64_t Session::request_executions(Now now, int last_days) {
    std::int64_t const id = next_request_id_++;
    if (!ready()) return id;
    pending_[id] = {RequestKind::executions, options_.executions_timeout};
    RequestExecutions request;  // of all clients and accounts
    request.request_id = id;
    if (server_version_ >= days_of_executions_since) request.last_days = last_days;
    enqueue(now, request, id);
    return id;
}

std::int64_t Session::request_contract(Now now, std::int64_t con_id) {
    std::int64_t const id = next_request_id_++;
    if (!ready()) return id;
    pending_[id] = {RequestKind::contract, options_.request_timeout};
    enqueue(now, RequestContractData{id, con_id}, id);
    return id;
}

void Session::request_account_updates(Now now, bool subscribe, std::string_view account) {
    if (ready()) enqueue(now, RequestAccountUpdates{subscribe, account}, -1);
}

void Session::enqueue(Now now, OutgoingMessage const& message, std::int64_t request_id) {
    Queued queued;
    encode(queued.bytes, message, server_version_);
    queued.request_id = request_id;
    (std::holds_alternative<RequestContractData>(message) ? contract_queue_ : queue_).push_back(std::move(queued));
    ++statistics_.requests;
    send_queued(now);
}

/// A leaky bucket, not a count per second: what leaves in two bursts a second apart may arrive within one.
void Session::send_queued(Now now) {
    recover_pace(now);
    while (!queue_.empty() && next_send_at() <= now.steady) send_next(now, queue_);
    while (queue_.empty() && !contract_queue_.empty() && paced_until_ <= now.steady) send_next(now, contract_queue_);
}

void Session::send_next(Now now, std::deque<Queued>& queue) {
    Queued queued = std::move(queue.front());
    queue.pop_front();
    paced_until_ = std::max(paced_until_, now.steady) + Duration(std::chrono::seconds(1)) / rate_;
    if (auto const waiting = pending_.find(queued.request_id); waiting != pending_.end()) {
        waiting->second.deadline = now.steady + waiting->second.timeout;
        due_.emplace(*waiting->second.deadline, queued.request_id);
        waiting->second.bytes = queued.bytes;
    }
    send(std::move(queued.bytes));
}

Duration Session::next_send_at() const {
    return paced_until_ - Duration(std::chrono::seconds(at_once_ - 1)) / rate_;
}

void Session::send(std::string bytes) {
    CHECK(may_be_sent(bytes));
    actions_.push_back({SessionAction::Kind::send, 0, std::move(bytes)});
}

/// An End ends what it is the End of, whatever else carries its number.
void Session::complete(RequestKind kind, std::int64_t request_id) {
    auto const found = pending_.find(request_id);
    if (found == pending_.end() || found->second.kind != kind) {
        ++statistics_.stray_ends;
        return;
    }
    end_request(request_id, RequestOutcome::complete, {});
}

void Session::end_request(std::int64_t request_id, RequestOutcome outcome, std::string const& why) {
    auto const found = pending_.find(request_id);
    CHECK(found != pending_.end());
    RequestKind const kind = found->second.kind;
    if (found->second.deadline) due_.erase({*found->second.deadline, request_id});
    pending_.erase(found);
    if (outcome == RequestOutcome::timed_out) ++statistics_.timeouts;
    listener_.on_request_ended(kind, request_id, outcome, why);
}

// --- time --------------------------------------------------------------------------------------------------------------

void Session::on_time(Now now) {
    if (state_ == State::waiting) {
        CHECK(deadline_);
        if (*deadline_ <= now.steady) connect(now);
        return;
    }
    if (deadline_ && *deadline_ <= now.steady) {
        if (state_ == State::connecting) return disconnected(now, "no connection within the time allowed; check host and port", true);
        if (state_ == State::greeting) {
            return disconnected(now, "the gateway accepted the connection and says nothing; is its API enabled, this address "
                                     "trusted, and no prompt waiting on its screen?",
                                true);
        }
        CHECK(state_ == State::starting);
        return disconnected(now, last_error_.empty() ? "the gateway did not name its accounts in time" : last_error_, true);
    }
    if (state_ != State::ready) return;
    send_queued(now);
    while (!due_.empty() && due_.begin()->first <= now.steady) {
        auto const id = due_.begin()->second;
        if (parts_missing_.contains(id)) {
            ++statistics_.timeouts;
            end_part(id, RequestOutcome::timed_out, "no answer in time");
            bool const none_came = parts_missing_.empty() && parts_ended_ == 0;
            if (none_came) return disconnected(now, "the list of positions did not come in time", true);
            continue;
        }
        end_request(id, RequestOutcome::timed_out, "no answer in time");
        // The rest of a late list cannot be told from the rows of the next one: only a new connection can.
        bool const of_positions = id == positions_id && !POSSYNC_PLANTED_BUG(list_timeout_taken_as_complete);
        if (of_positions) return disconnected(now, "the list of positions did not come in time", true);
    }
    if (state_ != State::ready) return;
    if (broker_lost_since_ && now.steady - *broker_lost_since_ >= options_.broker_patience) {
        return disconnected(now, "the gateway has been without its broker for long; a new connection tells whether it still is",
                            true);
    }
    if (keep_alive_asked_ && now.steady - *keep_alive_asked_ >= options_.request_timeout) {
        return disconnected(now, "the gateway has fallen silent", true);
    }
    if (keep_alive_asked_ && !silent_ && now.steady - *keep_alive_asked_ >= options_.silence) {
        silent_ = true;
        if (!broker_lost_since_) listener_.on_connectivity_lost(last_heard_, "the gateway does not answer");
    }
    if (!keep_alive_asked_ && now.steady - last_heard_ >= options_.keep_alive) {
        keep_alive_asked_ = now.steady;
        enqueue(now, RequestCurrentTime{}, -1);
    }
}

void Session::request_current_time(Now now) { enqueue(now, RequestCurrentTime{}, -1); }

std::optional<Duration> Session::next_deadline() const {
    std::optional<Duration> next = deadline_;
    auto consider = [&](Duration candidate) {
        if (!next || candidate < *next) next = candidate;
    };
    if (state_ == State::ready) {
        if (!due_.empty()) consider(due_.begin()->first);
        if (!queue_.empty()) consider(next_send_at());
        if (queue_.empty() && !contract_queue_.empty()) consider(paced_until_);
        if (!keep_alive_asked_) consider(last_heard_ + options_.keep_alive);
        if (keep_alive_asked_) consider(*keep_alive_asked_ + (silent_ ? options_.request_timeout : options_.silence));
        if (broker_lost_since_) consider(*broker_lost_since_ + options_.broker_patience);
    }
    return next;
}

std::vector<SessionAction> Session::take_actions() { return std::exchange(actions_, {}); }

}  // namespace possync::tws
