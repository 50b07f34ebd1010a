// record and replay: what recordings need of the command line.
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/output.hpp"
#include "app/pass_through.hpp"
#include "app/replay.hpp"
#include "app/temporary_folder.hpp"
#include "model/print.hpp"
#include "store/open/open.hpp"

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
        return base::fail(ErrorCode::invalid_input,
                          fmt::format("'{}' is no gateway; write HOST:PORT, like 127.0.0.1:4002", text));
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
        print_line(fmt::format("127.0.0.1:{} leads to {}, recorded in {}; stop with Ctrl-C", pass_through.port(), command.gateway,
                               command.output));
        std::fflush(stdout);
        pass_through.run();
    }
    recorder->reset();
    print_line(fmt::format("recorded in {}; look through it before you send it", command.output));
    return exit_fine;
}

namespace {

Result<std::string> read_file(std::string const& path) {
    std::ifstream file(path, std::ios::binary);
    std::error_code ignored;
    if (!file || std::filesystem::is_directory(path, ignored)) {
        return base::fail(ErrorCode::invalid_input, fmt::format("the recording {} cannot be read", path));
    }
    return std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
}

/// A new database: replaying into a kept one would mix two histories.
Result<void> check_new(std::string const& path) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored) || std::filesystem::is_empty(path, ignored)) return {};
    return base::fail(ErrorCode::refused, fmt::format("{} exists already; name a new file for --database", path));
}

void print_table(Replay const& replayed, recording::Recording const& recording, std::vector<query::PositionRow> const& positions,
                 std::vector<query::CloseRow> const& closes) {
    for (auto const& commit : replayed.commits) {
        print_line(fmt::format("{}\n{}", base::to_rfc3339(commit.at), model::print(*commit.changed.change_set)));
    }
    query::TableOptions const plain;
    print_line("positions\n" + query::to_table(positions, plain));
    if (!closes.empty()) print_line("closes\n" + query::to_table(closes, plain));
    for (auto const& each : replayed.log) {
        if (each.line.level < sync::LogLevel::warning) continue;
        print_line(fmt::format("{} {}: {}{}{}", base::to_rfc3339(each.at), each.line.event, each.line.account,
                               each.line.account.empty() ? "" : " ", each.line.text));
    }
    for (auto const& line : replayed.missing)
        print_line("missing: " + line);
    if (!recording.warning.empty()) print_line("recording: " + recording.warning);
}

void print_json(Replay const& replayed, recording::Recording const& recording, std::vector<query::PositionRow> const& positions,
                std::vector<query::CloseRow> const& closes, std::vector<query::ExecutionRow> const& executions) {
    namespace json = boost::json;
    json::array commits;
    for (auto const& commit : replayed.commits) {
        json::array lines;
        std::istringstream text(model::print(*commit.changed.change_set));
        for (std::string line; std::getline(text, line);)
            lines.emplace_back(line);
        commits.push_back(json::object{{"at", base::to_rfc3339(commit.at)},
                                       {"account", commit.changed.account},
                                       {"revision", commit.changed.change_set->base_revision + 1},
                                       {"lines", std::move(lines)}});
    }
    json::array warnings;
    for (auto const& each : replayed.log) {
        if (each.line.level < sync::LogLevel::warning) continue;
        warnings.push_back(json::object{{"at", base::to_rfc3339(each.at)},
                                        {"event", each.line.event},
                                        {"account", each.line.account},
                                        {"text", each.line.text}});
    }
    json::array missing;
    for (auto const& line : replayed.missing)
        missing.emplace_back(line);
    if (!recording.warning.empty()) missing.emplace_back(recording.warning);
    print_line(fmt::format("{{\"commits\":{},\"positions\":{},\"closes\":{},\"executions\":{},\"warnings\":{},\"missing\":{}}}",
                           json::serialize(commits), query::to_json(positions), query::to_json(closes),
                           query::to_json(executions), json::serialize(warnings), json::serialize(missing)));
}

Result<void> replay_file(ReplayCommand const& command, Format format) {
    POSSYNC_TRY(auto const text, read_file(command.recording));
    POSSYNC_TRY(auto const recording, recording::parse(text, command.recording));
    POSSYNC_TRY(auto const options, replay_options(recording, command.recording));
    std::optional<TemporaryFolder> folder;
    std::string database = command.database;
    if (database.empty()) {
        POSSYNC_TRY(folder, TemporaryFolder::make());
        database = folder->file("replay.db");
    } else {
        POSSYNC_TRY_VOID(check_new(database));
    }
    POSSYNC_TRY(auto const source, store::open_data_source(store::url_of_file(database)));
    POSSYNC_TRY(auto const store, source->open_store({}));
    POSSYNC_TRY(auto const replayed, replay(recording, options, *store));
    POSSYNC_TRY(auto const reader, source->open_reader());
    POSSYNC_TRY(auto const positions, reader->positions());
    POSSYNC_TRY(auto const closes, reader->closes());
    POSSYNC_TRY(auto const executions, reader->executions());
    if (format == Format::json) {
        print_json(replayed, recording, positions, closes, executions);
    } else {
        print_table(replayed, recording, positions, closes);
    }
    return {};
}

}  // namespace

int run_replay(ReplayCommand const& command, Format format) {
    auto const done = replay_file(command, format);
    return done ? exit_fine : report(done.error());
}

}  // namespace possync::app
