// Questions of the API answered from a Reader: each function reads one committed state and renders it whole. They run on a
// worker's thread and know nothing of connections; an error is a problem with the status that fits.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "http/commands.hpp"
#include "http/gate.hpp"
#include "http/routes.hpp"
#include "query/reader.hpp"

namespace possync::http {

using Parameters = std::vector<std::pair<std::string, std::string>>;

struct Answer {
    std::shared_ptr<std::string const> body;
    std::string etag;  ///< weak: of what the body says, not of when it was said
};

/// What answers depend on besides the database.
struct AnswerContext {
    Commands* commands = nullptr;
    base::Duration interval{0};  ///< between two scheduled syncs
    std::string report_zone;     ///< of trade dates
    std::string version;
};

/// Errors: invalid_input for a parameter that the route does not have, or that is there twice.
[[nodiscard]] base::Result<void> check_parameters(Route const& route, Parameters const& parameters);
/// Whether the answer to the same question changes with the clock alone ("since=7d").
[[nodiscard]] bool depends_on_time(Parameters const& parameters);

/// {"items": [...], "next": ..., "as_of": ..., "accounts": [...]}
[[nodiscard]] base::Result<Answer> answer_list(query::Reader& reader, Route const& route, Parameters const& parameters,
                                               base::Timestamp now);
[[nodiscard]] base::Result<Answer> answer_pnl(query::Reader& reader, Commands& commands, Parameters const& parameters,
                                              base::Timestamp now);
[[nodiscard]] base::Result<Answer> answer_why(query::Reader& reader, std::string const& position_id, base::Timestamp now);
[[nodiscard]] base::Result<Answer> answer_gate(query::Reader& reader, AnswerContext const& context, std::string const& account,
                                               std::string const& con_id, base::Timestamp now);
/// Status and gates of all accounts.
struct GatedStatus {
    query::Status status;
    std::vector<AccountGate> accounts;
    std::vector<LiveGateway> live;
};
[[nodiscard]] base::Result<GatedStatus> read_gated_status(query::Reader& reader, AnswerContext const& context,
                                                          base::Timestamp now);
[[nodiscard]] base::Result<Answer> answer_status(query::Reader& reader, AnswerContext const& context, base::Timestamp now);

/// W/"..." of this text.
[[nodiscard]] std::string etag_of(std::string_view text);
[[nodiscard]] base::Timestamp wall_clock();

}  // namespace possync::http
