#include "store/postgres/session.hpp"

#include <chrono>
#include <thread>

namespace possync::store::postgres {

using base::Result;

Result<Connection*> Session::connection() {
    // A server that restarted while nobody asked it anything: found out now, instead of by the first statement.
    if (connection_ && !connection_->alive()) lose();
    if (!connection_) {
        POSSYNC_TRY(connection_, Connection::open(address_, options_));
        end_lost_processes();
        if (connection_->broken()) lose();
        if (!connection_)
            return base::fail(base::ErrorCode::unavailable, "the connection to " + address_.shown + " was lost at once");
    }
    return connection_.get();
}

void Session::lose() {
    if (options_.end_lost_processes && !connection_->pooled()) lost_.push_back(connection_->process());
    connection_.reset();
}

void Session::abandon() {
    if (connection_->broken()) return lose();
    connection_->forget_queue();
    if (connection_->in_transaction() && !connection_->run("ROLLBACK")) lose();
}

void Session::end_lost_processes() {
    if (lost_.empty()) return;
    Array numbers(Type::bigint);
    Array times(Type::timestamptz);
    for (auto const& process : lost_) {
        numbers.add(process.number);
        times.add(process.seen_at);
    }
    Parameters parameters;
    parameters.add(std::move(numbers));
    parameters.add(std::move(times));
    // Also one that is idle: the beginning of a transaction may still be on its way to it.
    connection_->add(
        "SELECT pg_terminate_backend(a.pid) FROM unnest($1::bigint[], $2::timestamptz[]) AS lost(pid, seen_at) JOIN "
        "pg_stat_activity a ON a.pid = lost.pid AND a.backend_start <= lost.seen_at WHERE a.usename = current_user AND a.pid <> "
        "pg_backend_pid()",
        std::move(parameters));
    (void)connection_->flush();
    if (!connection_->broken()) lost_.clear();
}

bool Session::may_work_again(int attempt) {
    constexpr int attempts = 10;
    bool const busy = state_ == "40001" || state_ == "40P01";
    if (!busy || attempt == attempts) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1 << attempt));
    return true;
}

}  // namespace possync::store::postgres
