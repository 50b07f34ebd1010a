// The broker's books of some days as the statement that it would write about them: what the gateway never told included, known as of
// the end of the last day. Pure.
#pragma once

#include <set>
#include <string>

#include "gateway/broker_books.hpp"
#include "model/statement.hpp"

namespace possync::gateway {

/// Sections that a query can leave out: trades events actions transfers positions lots.
[[nodiscard]] bool is_statement_section(std::string const& name);

/// From and to inclusive, by trade date; days begin and end in UTC. `without`: sections that it does not have.
[[nodiscard]] model::Statement write_statement(Broker const& broker, std::string const& account, base::Date from, base::Date to,
                                               std::set<std::string> const& without = {});

}  // namespace possync::gateway
