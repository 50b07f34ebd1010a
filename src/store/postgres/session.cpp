#include "store/postgres/session.hpp"

#include <chrono>
#include <thread>

namespace possync::store::postgres {

using base::Result;

Result<Connection*> Session::connection() {
    // A server that restarted while nobody asked it anything: found out now, instead of by the first statement.
    if (connection_ && !connection_->alive()) connection_.reset();
    if (!connection_) {
        POSSYNC_TRY(connection_, Connection::open(address_, options_));
        end_lost_process();
        if (connection_->broken()) connection_.reset();
        if (!connection_) return base::fail(base::ErrorCode::unavailable, "the connection to " + address_.shown + " was lost at once");
    }
    return connection_.get();
}

void Session::abandon() {
    if (connection_->broken()) {
        lost_process_ = connection_->process();
        return connection_.reset();
    }
    connection_->forget_queue();
    if (connection_->in_transaction() && !connection_->run("ROLLBACK")) connection_.reset();
}

void Session::end_lost_process() {
    if (lost_process_ == 0) return;
    // Our own, and in a transaction: a number that was given to another process since does not match.
    (void)connection_->run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND usename = current_user AND application_name = "
              "'possync' AND pid <> pg_backend_pid() AND xact_start IS NOT NULL",
              lost_process_);
    lost_process_ = 0;
}

bool Session::may_work_again(int attempt) {
    constexpr int attempts = 10;
    bool const busy = state_ == "40001" || state_ == "40P01";
    if (!busy || attempt == attempts) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1 << attempt));
    return true;
}

}  // namespace possync::store::postgres
