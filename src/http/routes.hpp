// Every address that is served, as data: the router, the check of parameters and the API's description go by this one table.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "http/doors.hpp"
#include "query/views.hpp"

namespace possync::http {

enum class Kind {
    list,
    pnl,
    status,
    sync,
    reset,
    gate,
    why,
    stream,
    log_in,
    log_out,
    description,
    livez,
    readyz,
    metrics,
    page
};

struct Route {
    Method method = Method::get;
    std::string_view path;  ///< {name} stands for one part
    Kind kind = Kind::page;
    Door door = Door::read;
    query::ViewInfo const& (*view)() = nullptr;  ///< of a list
    std::string_view summary;
};

[[nodiscard]] std::span<Route const> routes();

/// A path and what its {parts} are, decoded.
struct Match {
    Route const* route = nullptr;
    std::vector<std::string> parts;
    bool other_method = false;  ///< the path exists, for other methods; `allow` lists them
    std::string allow;
};
[[nodiscard]] Match match_route(Method method, std::string_view path);

struct ParameterInfo {
    std::string_view name;
    std::string_view type;  ///< string, integer or boolean
    std::string_view description;
    std::vector<std::string_view> words;  ///< all that it may be; empty: anything
};
/// What may stand behind the question mark.
[[nodiscard]] std::vector<ParameterInfo> parameters_of(Route const& route);

/// Most rows of one page, and how many it has when nothing is said.
inline constexpr std::size_t page_limit_max = 10'000;
[[nodiscard]] std::size_t default_limit(query::ViewInfo const& view);

}  // namespace possync::http
