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
    }
    return connection_.get();
}

void Session::abandon() {
    if (connection_->broken()) return connection_.reset();
    connection_->forget_queue();
    if (connection_->in_transaction() && !connection_->run("ROLLBACK")) connection_.reset();
}

bool Session::may_work_again(int attempt) {
    constexpr int attempts = 10;
    bool const busy = state_ == "40001" || state_ == "40P01";
    if (!busy || attempt == attempts) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1 << attempt));
    return true;
}

}  // namespace possync::store::postgres
