// record: what a recording needs of the command line.
#include <charconv>
#include <cstdio>

#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/pass_through.hpp"

namespace possync::app {

using base::ErrorCode;
using base::Result;

namespace {

/// "host:port", "[::1]:port".
Result<std::pair<std::string, int>> parse_address(std::string_view text) {
    auto const colon = text.rfind(':');
    std::string_view host = text.substr(0, colon);
    std::string_view const digits = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
    int port = 0;
    auto const [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.empty() || error != std::errc{} || stop != digits.data() + digits.size() || port < 1 || port > 65535) {
        return base::fail(ErrorCode::invalid_input, fmt::format("'{}' is no gateway; write HOST:PORT, like 127.0.0.1:4002", text));
    }
    return std::pair(std::string(host), port);
}

}  // namespace

int run_record(RecordCommand const& command) {
    auto const gateway = parse_address(command.gateway);
    if (!gateway) return report(gateway.error());
    auto const limit = parse_size(command.limit);
    if (!limit) return report(limit.error());
    RecorderOptions recording;
    recording.path = command.output;
    recording.size_limit = *limit;
    recording.on_end = [](std::string const& why) { std::fprintf(stderr, "possync: %s; connections go on\n", why.c_str()); };
    PassThroughOptions options;
    options.port = command.listen;
    options.gateway_host = gateway->first;
    options.gateway_port = gateway->second;
    options.handle_signals = true;
    auto recorder = Recorder::open(std::move(recording));
    if (!recorder) return report(recorder.error());
    {
        PassThrough pass_through(options, **recorder);
        if (auto const opened = pass_through.open(); !opened) {
            recorder->reset();
            std::remove(command.output.c_str());
            return report(opened.error());
        }
        print_line(fmt::format("127.0.0.1:{} leads to {}, recorded in {}; stop with Ctrl-C", pass_through.port(), command.gateway, command.output));
        std::fflush(stdout);
        pass_through.run();
    }
    recorder->reset();
    print_line(fmt::format("recorded in {}; look through it before you send it", command.output));
    return exit_fine;
}

}  // namespace possync::app
