#include "app/operator.hpp"

#include <set>
#include <thread>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "app/service.hpp"

namespace possync::app {

using base::ErrorCode;

std::string owner_of(store::DataSource& database, std::string const& gateway) {
    if (!database.exists().value_or(false)) return {};
    auto const gateways = database.gateways(clock_now().wall);
    if (!gateways) return {};
    for (auto const& state : *gateways) {
        if (state.gateway == gateway && store::is_held(state, owner_is_gone)) return state.owner;
    }
    return {};
}

bool service_holds(store::DataSource& database, std::string const& gateway) {
    return !owner_of(database, gateway).empty();
}

std::string failed_answer(base::Error const& error) {
    return boost::json::serialize(boost::json::object{{"error", base::to_string(error.code)}, {"message", error.message}});
}

namespace {

base::Error error_of(std::string const& answer) {
    boost::system::error_code bad;
    auto const value = boost::json::parse(answer, bad);
    if (!bad && value.is_object()) {
        auto const* const code = value.as_object().if_contains("error");
        auto const* const message = value.as_object().if_contains("message");
        if (code != nullptr && code->is_string() && message != nullptr && message->is_string()) {
            return {base::parse_error_code(std::string_view(code->as_string())).value_or(ErrorCode::refused), std::string(message->as_string())};
        }
    }
    return {ErrorCode::refused, answer};
}

}  // namespace

base::Result<std::string> ask_service(store::DataSource& database, std::string const& verb, std::string const& arguments, bool* ok,
                                      base::Duration patience, std::string const& service) {
    store::OperatorRequest request;
    request.verb = verb;
    request.arguments = arguments;
    request.author = "command";
    request.asked_at = clock_now().wall;
    request.service = service;
    POSSYNC_TRY(auto const id, database.submit_operator_request(request));
    constexpr auto look_every = std::chrono::milliseconds(100);
    for (base::Duration waited{0}; waited < patience; waited += look_every) {
        std::this_thread::sleep_for(look_every);
        POSSYNC_TRY(auto const answer, database.operator_answer(id));
        if (!answer.answered) continue;
        if (ok != nullptr) *ok = answer.ok;
        if (!answer.ok && ok == nullptr) return std::unexpected(error_of(answer.answer));
        return answer.answer;
    }
    return base::fail(ErrorCode::timeout,
                      "the running service did not answer within " + base::to_string(patience) + "; see its log");
}

std::string ask_live_status(store::DataSource& database) {
    if (!database.exists().value_or(false)) return {};
    auto const gateways = database.gateways(clock_now().wall);
    if (!gateways) return {};
    std::set<std::string> owners;
    for (auto const& state : *gateways) {
        if (owner_lives_here(state.owner) || store::is_held(state, owner_is_gone)) owners.insert(state.owner);
    }
    // Each speaks for what it holds.
    boost::json::array rows;
    for (auto const& owner : owners) {
        auto const answer = ask_service(database, "status", "{}", nullptr, std::chrono::seconds(2), owner);
        if (!answer) continue;
        boost::system::error_code bad;
        auto const said = boost::json::parse(*answer, bad);
        if (bad || !said.is_array()) continue;
        for (auto const& row : said.as_array()) {
            auto const* const owned = row.is_object() ? row.as_object().if_contains("owned") : nullptr;
            if (owned != nullptr && owned->is_bool() && owned->as_bool()) rows.push_back(row);
        }
    }
    return boost::json::serialize(rows);
}

}  // namespace possync::app
