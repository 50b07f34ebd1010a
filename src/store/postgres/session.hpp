// A connection that comes back: opened when it is first needed, again after it broke. Transactions run through here, and nowhere
// else is one tried again: a serialization failure or a deadlock means that nothing was written and that the same may work now.
//
// A connection that breaks while a COMMIT is under way leaves a doubt, which this says and does not resolve. Threading: one
// thread at a time.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

#include "store/postgres/connection.hpp"

namespace possync::store::postgres {

inline constexpr std::string_view begin_writing = "BEGIN ISOLATION LEVEL READ COMMITTED";
inline constexpr std::string_view begin_reading = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

class Session {
public:
    Session(Address address, ConnectionOptions options) : address_(std::move(address)), options_(options) {}

    /// A connection that worked a moment ago. Errors: as Connection::open.
    [[nodiscard]] base::Result<Connection*> connection();
    [[nodiscard]] Address const& address() const { return address_; }
    void close() {
        if (connection_) lose();
    }

    /// Runs `body(Connection&)` between `begin` and COMMIT; its error, or any other, leaves nothing written. What the body only
    /// queues goes to the server with the COMMIT, in one round trip. The body may be run again.
    template <typename Body>
    auto transaction(std::string_view begin, Body body) -> std::invoke_result_t<Body, Connection&> {
        for (int attempt = 1;; ++attempt) {
            in_doubt_ = false;
            state_.clear();
            POSSYNC_TRY(Connection* const connection, this->connection());
            connection->add(begin);
            auto result = body(*connection);
            if (result) {
                connection->add("COMMIT");
                if (auto const committed = connection->flush(); committed)
                    return result;
                else
                    result = std::unexpected(committed.error());
                in_doubt_ = connection->broken() || result.error().code == base::ErrorCode::timeout;
            }
            state_ = connection->last_state();
            abandon();
            if (!may_work_again(attempt)) return result;
        }
    }

    /// Whether the last transaction ended with the connection while its COMMIT was under way.
    [[nodiscard]] bool in_doubt() const { return in_doubt_; }
    /// SQLSTATE of the last transaction's error.
    [[nodiscard]] std::string const& last_state() const { return state_; }

private:
    void abandon();
    /// The connection is of no use any more; what the server does for it is ended when there is another.
    void lose();
    /// Ends what the server still does for connections that broke. Between the messages of a transaction whose rest never came it
    /// would hold its locks for as long as the network keeps quiet, and no timeout of a session counts there. What comes late
    /// finds nobody. A server that does not know how is left alone.
    void end_lost_processes();
    bool may_work_again(int attempt);

    Address address_;
    ConnectionOptions options_;
    std::unique_ptr<Connection> connection_;
    bool in_doubt_ = false;
    std::vector<ServerProcess> lost_;
    std::string state_;
};

}  // namespace possync::store::postgres
