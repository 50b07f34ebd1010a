#include "app/operator.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "app/service.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace possync::app {

using base::ErrorCode;

bool service_holds(std::string const& path, std::string const& gateway) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return false;
    auto const gateways = store::sqlite_gateways(path);
    if (!gateways) return false;
    auto const now = clock_now().wall;
    return std::any_of(gateways->begin(), gateways->end(), [&](store::GatewayState const& state) {
        return state.gateway == gateway && !state.owner.empty() && state.lease_until > now && !owner_is_gone(state.owner);
    });
}

base::Result<std::string> ask_service(std::string const& path, std::string const& verb, std::string const& arguments, bool* ok,
                                      base::Duration patience) {
    store::OperatorRequest request;
    request.verb = verb;
    request.arguments = arguments;
    request.author = "command";
    request.asked_at = clock_now().wall;
    POSSYNC_TRY(auto const id, store::submit_operator_request(path, request));
    constexpr auto look_every = std::chrono::milliseconds(100);
    for (base::Duration waited{0}; waited < patience; waited += look_every) {
        std::this_thread::sleep_for(look_every);
        POSSYNC_TRY(auto const answer, store::operator_answer(path, id));
        if (!answer.answered) continue;
        if (ok != nullptr) *ok = answer.ok;
        if (!answer.ok && ok == nullptr) return base::fail(ErrorCode::refused, answer.answer);
        return answer.answer;
    }
    return base::fail(ErrorCode::timeout,
                      "the running service did not answer within " + base::to_string(patience) + "; see its log");
}

std::string ask_live_status(std::string const& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return {};
    auto const gateways = store::sqlite_gateways(path);
    if (!gateways) return {};
    // While its gateway is away a service renews no lease, and it is then that one asks.
    auto const now = clock_now().wall;
    bool const somebody = std::any_of(gateways->begin(), gateways->end(), [&](store::GatewayState const& state) {
        return owner_lives_here(state.owner) || (!state.owner.empty() && state.lease_until > now && !owner_is_gone(state.owner));
    });
    if (!somebody) return {};
    return ask_service(path, "status", "{}", nullptr, std::chrono::seconds(2)).value_or("");
}

}  // namespace possync::app
