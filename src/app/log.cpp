#include "app/log.hpp"

#include <unistd.h>

#include <chrono>
#include <memory>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/time.hpp"

namespace possync::app {

namespace {

bool json_lines = false;

spdlog::level::level_enum level_of(std::string const& name) {
    if (name == "debug") return spdlog::level::debug;
    if (name == "warning") return spdlog::level::warn;
    if (name == "error") return spdlog::level::err;
    return spdlog::level::info;
}

spdlog::level::level_enum level_of(sync::LogLevel level) {
    switch (level) {
        case sync::LogLevel::debug: return spdlog::level::debug;
        case sync::LogLevel::info: return spdlog::level::info;
        case sync::LogLevel::warning: return spdlog::level::warn;
        case sync::LogLevel::error: return spdlog::level::err;
    }
    return spdlog::level::info;
}

std::string_view word(sync::LogLevel level) {
    switch (level) {
        case sync::LogLevel::debug: return "debug";
        case sync::LogLevel::info: return "info";
        case sync::LogLevel::warning: return "warning";
        case sync::LogLevel::error: return "error";
    }
    return "info";
}

base::Timestamp wall_clock() {
    auto const now = std::chrono::system_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<base::Duration>(now).count()};
}

}  // namespace

void set_up_log(std::string const& level, std::string const& format) {
    json_lines = format == "json" || (format == "auto" && ::isatty(STDERR_FILENO) == 0);
    auto logger = std::make_shared<spdlog::logger>("possync", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern("%v");
    logger->flush_on(spdlog::level::info);
    logger->set_level(level_of(level));
    spdlog::set_default_logger(std::move(logger));
}

void set_log_level(std::string const& level) { spdlog::set_level(level_of(level)); }

void write_log(sync::LogLevel level, std::string const& event, std::string const& gateway, std::string const& account,
               std::string const& text) {
    if (!spdlog::should_log(level_of(level))) return;
    std::string const time = base::to_rfc3339(wall_clock());
    if (!json_lines) {
        spdlog::log(level_of(level), "{} {:<7} {:<26} {}{}{}", time, word(level), event, account, account.empty() ? "" : " ",
                    text);
        return;
    }
    boost::json::object line{{"ts", time}, {"level", word(level)}, {"event", event}};
    if (!gateway.empty()) line["gateway"] = gateway;
    if (!account.empty()) line["account"] = account;
    line["text"] = text;
    spdlog::log(level_of(level), "{}", boost::json::serialize(line));
}

}  // namespace possync::app
