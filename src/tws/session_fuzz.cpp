// libFuzzer target: a session fed with any bytes, closes and passing time; only allowed frames may ever leave (CHECKed
// by the session itself at its last byte).
#include <cstdint>
#include <string_view>

#include "tws/encode.hpp"
#include "tws/session.hpp"

namespace {

struct Deaf final : possync::tws::SessionListener {
    void on_ready(std::string_view, std::string_view) override {}
    void on_message(possync::tws::IncomingMessage const&) override {}
    void on_request_ended(possync::tws::RequestKind, std::int64_t, possync::tws::RequestOutcome, std::string const&) override {}
    void on_connectivity_lost(std::string const&) override {}
    void on_connectivity_restored(bool, std::string const&) override {}
    void on_disconnected(std::string const&, bool) override {}
    void on_notice(bool, std::string const&, std::string const&) override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    using namespace possync;
    Deaf deaf;
    tws::Session session({}, deaf);
    base::Now now;
    session.start(now);
    session.on_socket_open(now);
    std::string greeting;
    tws::encode_server_hello(greeting, 200, "20261123 09:30:00 UTC");
    tws::encode(greeting, tws::IncomingMessage(tws::ManagedAccounts{"DU1"}), 200);
    tws::encode(greeting, tws::IncomingMessage(tws::NextValidId{1}), 200);
    if (size > 0 && (data[0] & 1) != 0) session.on_bytes(now, greeting);
    for (std::size_t at = 1; at < size;) {
        std::uint8_t const what = data[at++];
        std::size_t const count = std::min<std::size_t>(what & 0x3F, size - at);
        switch (what >> 6) {
            case 0:
            case 1:
                session.on_bytes(now, {reinterpret_cast<char const*>(data + at), count});
                at += count;
                break;
            case 2:
                now.steady += std::chrono::seconds(what & 0x3F);
                session.on_time(now);
                break;
            default:
                if ((what & 3) == 0) session.on_socket_closed(now, "closed");
                if ((what & 3) == 1) session.on_socket_open(now);
                if ((what & 3) == 2) session.request_positions(now);
                if ((what & 3) == 3) (void)session.request_executions(now, "", "");
                break;
        }
        (void)session.take_actions();
    }
    return 0;
}
