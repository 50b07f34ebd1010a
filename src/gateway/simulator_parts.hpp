// What the files of Simulator share.
#pragma once

#include "gateway/newer.hpp"
#include "gateway/simulator.hpp"
#include "tws/encode.hpp"

namespace possync::gateway {

/// As positions carry it: stocks with their listing exchange, derivatives without one (official documentation, position).
[[nodiscard]] tws::Contract contract_of(SimulatedInstrument const& instrument);

template <typename Message>
void Simulator::send(Connection& connection, Message const& message) {
    if (connection.closing || faults.stall) return;
    std::size_t const begin = connection.out.size();
    tws::encode(connection.out, tws::IncomingMessage(message), connection.version);
    if (options.newer_than_client) append_what_nobody_knows(connection.out, begin, connection.version);
}

}  // namespace possync::gateway
