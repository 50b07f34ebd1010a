#include "app/sinks.hpp"

#include <fmt/format.h>

#include "app/secret_file.hpp"
#include "outbox/libcurl.hpp"

namespace possync::app {

namespace {

outbox::SinkType type_of(SinkConfig const& config) {
    return config.type == "nats" ? outbox::SinkType::nats : outbox::SinkType::webhook;
}

}  // namespace

base::Result<std::vector<outbox::SinkOptions>> sink_options(Configuration const& configuration) {
    std::vector<outbox::SinkOptions> sinks;
    for (auto const& config : configuration.sinks) {
        outbox::SinkOptions sink;
        sink.name = config.name;
        sink.type = type_of(config);
        sink.url = config.url;
        sink.accounts = config.accounts;
        sink.secret = config.secret;
        if (!config.secret_file.empty()) {
            POSSYNC_TRY(sink.secret, read_secret_file(config.secret_file, fmt::format("secret_file of sink {}:", config.name)));
        }
        sink.ca_file = config.ca_file;
        sink.subject = config.subject;
        sink.timeout = config.timeout;
        sink.retry_max = config.retry_max;
        sinks.push_back(std::move(sink));
    }
    return sinks;
}

base::Result<void> load_libraries(Configuration const& configuration) {
    for (auto const& config : configuration.sinks)
        POSSYNC_TRY_VOID(outbox::load_library(type_of(config)));
    if (configuration.alerts.empty() && configuration.flex_queries.empty()) return {};
    return outbox::load_libcurl();
}

}  // namespace possync::app
