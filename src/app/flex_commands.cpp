// possync flex fetch.
#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/flex_service.hpp"
#include "app/output.hpp"
#include "app/service.hpp"

namespace possync::app {

using base::Duration;
using base::ErrorCode;

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free);

/// False when SIGINT or SIGTERM came: then what was begun is tidied away.
bool wait_or_stop(Duration duration) {
    auto const end = std::chrono::steady_clock::now() + duration;
    while (!interrupted && std::chrono::steady_clock::now() < end)
        std::this_thread::sleep_for(std::min<Duration>(duration, std::chrono::milliseconds(100)));
    return !interrupted;
}

}  // namespace

int run_flex_fetch(Configuration const& configuration, FlexFetchCommand const& command, Format format, FlexImport const& import) {
    std::vector<FlexQueryConfig> queries;
    for (auto const& id : command.queries) {
        auto const known = std::ranges::find(configuration.flex_queries, id, &FlexQueryConfig::id);
        queries.push_back(known != configuration.flex_queries.end() ? *known : FlexQueryConfig{id, ""});
    }
    if (command.queries.empty()) queries = configuration.flex_queries;
    if (queries.empty()) {
        return report({ErrorCode::invalid_input,
                       "no Flex query is named; write [[flex.query]] with its id into the configuration, or give --query ID"});
    }
    for (auto const& query : queries) {
        if (query.id.empty() || query.id.find_first_not_of("0123456789") != std::string::npos) {
            return report({ErrorCode::invalid_input, fmt::format("'{}' is not the number of a Flex query", query.id)});
        }
    }
    bool const keep = !command.output.empty();
    if (!keep && !import) return report({ErrorCode::invalid_input, "give the folder for the files with --output DIR"});
    std::error_code error;
    std::filesystem::path const folder =
        keep ? std::filesystem::path(command.output) : std::filesystem::temp_directory_path(error);
    if (keep && !std::filesystem::is_directory(folder, error)) {
        return report({ErrorCode::invalid_input, fmt::format("{} is not a folder; make it first", command.output)});
    }
    auto token = flex_token(configuration);
    if (!token) return report(token.error());
    FlexServiceOptions options;
    options.base_url = configuration.flex_base_url;
    options.ca_file = configuration.flex_ca_file;
    options.token = std::move(*token);
    auto const stop = [](int) { interrupted = true; };
    std::signal(SIGINT, stop);
    std::signal(SIGTERM, stop);
    FlexService service(
        std::move(options), [] { return clock_now().steady; }, wait_or_stop,
        [](std::string const& text) { std::fprintf(stderr, "%s\n", text.c_str()); });
    int status = exit_fine;
    boost::json::array list;
    for (auto const& query : queries) {
        auto const file = service.fetch(query.id, folder);
        base::Result<void> outcome;
        if (!file) {
            outcome = std::unexpected(file.error());
        } else if (!keep) {
            outcome = import(*file, query);
            std::filesystem::remove(*file, error);
        }
        if (!outcome) {
            status = report(outcome.error());
            if (interrupted) break;
            continue;
        }
        if (!keep) continue;
        if (format == Format::json)
            list.push_back(boost::json::object{{"query_id", query.id}, {"account", query.account}, {"file", file->string()}});
        else
            print_line(file->string());
    }
    if (keep && format == Format::json) print_line(boost::json::serialize(list));
    return status;
}

}  // namespace possync::app
