// Watcher: looks at what is committed and at what the engines say, once a second, and lets people know. Threads and connections
// of its own: one that looks, one for each receiver. Nothing waits for it.
//
//   status() + Reader -> Observed -> findings() -> step() -> AlertLog::record -> receivers' threads -> HttpPost
//
// What is raised and to be told is in the database before it is sent; a note is sent at least once, in order for each receiver,
// and tried again after pauses that double. A service speaks for the gateways that it holds, and for one that it was told to
// follow and may not.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "alert/receiver.hpp"
#include "alert/rules.hpp"
#include "query/reader.hpp"
#include "store/alert_log.hpp"

namespace possync::alert {

struct ReceiverStatus {
    std::string receiver;
    std::int64_t waiting = 0;
    std::int64_t sent = 0;    ///< notes, since the start
    std::int64_t failed = 0;  ///< tries, since the start
    std::string last_error;   ///< empty: the last try was taken
};

struct WatcherStatus {
    std::vector<ReceiverStatus> receivers;
    std::vector<std::pair<Condition, std::int64_t>> raised;  ///< every condition, of the gateways that this service answers for
};

struct WatcherOptions {
    Settings settings;
    std::vector<ReceiverOptions> receivers;
    base::ZoneRules const* zones = nullptr;                  ///< outlives the watcher
    std::function<std::vector<ObservedGateway>()> gateways;  ///< that this service answers for; from any thread
    std::function<base::Result<std::unique_ptr<query::Reader>>()> open_reader;  ///< called on the threads that use what it opens
    std::function<base::Result<std::unique_ptr<store::AlertLog>>()> open_log;
    std::function<base::Timestamp()> now;
    /// Of what the operator should know: (is it trouble, event, text). From any thread.
    std::function<void(bool, std::string const&, std::string const&)> tell;
    base::Duration look_every = std::chrono::seconds(1);
};

class Watcher {
public:
    explicit Watcher(WatcherOptions options);
    ~Watcher();  ///< waits for what is under way, at most a receiver's timeout
    Watcher(Watcher const&) = delete;
    Watcher& operator=(Watcher const&) = delete;

    /// Nothing more is looked at or sent: the service ends, and that gateways are left then is no news. From any thread; does not
    /// wait.
    void stop();
    /// From any thread.
    [[nodiscard]] WatcherStatus status() const;

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace possync::alert
