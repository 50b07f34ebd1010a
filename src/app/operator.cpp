#include "app/operator.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

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

base::Result<std::string> ask_service(std::string const& path, std::string const& verb, std::string const& arguments, bool* ok) {
    store::OperatorRequest request;
    request.verb = verb;
    request.arguments = arguments;
    request.author = "command";
    request.asked_at = clock_now().wall;
    POSSYNC_TRY(auto const id, store::submit_operator_request(path, request));
    for (int waited = 0; waited < 600; ++waited) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        POSSYNC_TRY(auto const answer, store::operator_answer(path, id));
        if (!answer.answered) continue;
        if (ok != nullptr) *ok = answer.ok;
        if (!answer.ok && ok == nullptr) return base::fail(ErrorCode::refused, answer.answer);
        return answer.answer;
    }
    return base::fail(ErrorCode::timeout, "the running service did not answer within 60s; see its log");
}

}  // namespace possync::app
