// `possync doctor`: everything that can be looked at without changing anything, a line each.
#include <sys/stat.h>
#include <sys/timex.h>

#include <algorithm>
#include <future>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "app/commands.hpp"
#include "app/database.hpp"
#include "app/findings.hpp"
#include "app/http_service.hpp"
#include "app/operator.hpp"
#include "app/output.hpp"
#include "app/service.hpp"
#include "app/sinks.hpp"
#include "app/zones.hpp"
#include "store/sharing.hpp"

namespace possync::app {

namespace {

using Level = Finding::Level;

class Doctor {
public:
    explicit Doctor(Configuration const& configuration) : configuration_(configuration) {}

    std::vector<Finding> look() {
        configuration_itself();
        database();
        secrets();
        clock();
        // Gateways that do not answer take their time: all at once.
        std::vector<std::future<std::vector<Finding>>> looks;
        for (auto const& gateway : configuration_.gateways) {
            auto const* held = held_by_service(gateway.name);
            if (held != nullptr) {
                served(gateway, *held);
            } else {
                looks.push_back(std::async(std::launch::async, [&gateway, remembered = remembered(gateway.name)] {
                    auto const probe = probe_gateway(gateway);
                    auto found = gateway_findings(gateway, probe);
                    if (probe.state == ProbeResult::State::ready && remembered && *remembered != probe.paper) {
                        found.push_back(
                            {Level::bad, "identity",
                             fmt::format(
                                 "the database knows gateway {} as {}, but now a {} login serves it: check host and port, "
                                 "or, if that is meant, possync setup --rebind {}",
                                 gateway.name, *remembered ? "paper" : "live", probe.paper ? "paper" : "live", gateway.name)});
                    }
                    return found;
                }));
            }
        }
        for (auto& each : looks) {
            auto found = each.get();
            findings_.insert(findings_.end(), found.begin(), found.end());
        }
        return std::move(findings_);
    }

private:
    void say(Level level, std::string what, std::string text) { findings_.push_back({level, std::move(what), std::move(text)}); }

    void configuration_itself() {
        say(Level::ok, "configuration", configuration_.source.empty() ? "defaults; no file was found" : configuration_.source);
        std::string names;
        for (auto const& name : configuration_.environment) names += (names.empty() ? "" : ", ") + name;
        if (!names.empty()) say(Level::note, "environment", "wins over the file: " + names);
        if (system_zones().to_local(configuration_.report_zone, {})) {
            say(Level::ok, "report zone", configuration_.report_zone);
        } else {
            say(Level::bad, "report zone",
                fmt::format("'{}' is not in this machine's time zone database; install tzdata", configuration_.report_zone));
        }
    }

    void database() {
        auto const database = open_database(configuration_);
        if (!database) return say(Level::bad, "database", database.error().message);
        auto const there = (*database)->exists();
        if (!there) {
            say(Level::bad, "database", there.error().message);
        } else if (!*there) {
            say(Level::ok, "database", (*database)->name() + " does not exist yet; the first sync makes it");
        } else if (auto const version = (*database)->schema_version(); !version) {
            say(Level::bad, "database", version.error().message);
        } else {
            say(Level::ok, "database", fmt::format("{}, schema {}", (*database)->name(), *version));
            if (auto gateways = (*database)->gateways(clock_now().wall)) known_ = std::move(*gateways);
            if (auto reader = (*database)->open_reader(); !reader) say(Level::bad, "schema", reader.error().message);
        }
        for (auto const& line : (*database)->health())
            say(line.fine ? Level::ok : Level::bad, line.what, line.text);
    }

    void secret_file(std::string const& key, std::string const& path) {
        if (path.empty()) return;
        struct stat status{};
        if (::stat(path.c_str(), &status) != 0) {
            return say(Level::bad, key, fmt::format("{} cannot be found; make it, or correct {}", path, key));
        }
        if ((status.st_mode & 077) != 0) {
            return say(Level::bad, key, fmt::format("{} can be read by others; chmod 600 {}", path, path));
        }
        say(Level::ok, key, path + ", its owner's alone");
    }

    void secrets() {
        secret_file("http.token_file", configuration_.http_token_file);
        secret_file("flex.token_file", configuration_.flex_token_file);
        // That anything but loopback has a token is seen to when the configuration is read.
        auto const& listen = configuration_.http_listen;
        say(Level::ok, "http.listen",
            !http_wanted(configuration_) ? "off"
                           : listen + (configuration_.http_token_file.empty() ? ", this machine only" : ", with a token"));
        if (!configuration_.flex_queries.empty() && configuration_.flex_token.empty() && configuration_.flex_token_file.empty()) {
            say(Level::bad, "flex", "queries are configured and no token: set flex.token_file");
        }
        if (auto const loaded = load_libraries(configuration_); !loaded) say(Level::bad, "libraries", loaded.error().message);
    }

    void clock() {
        struct timex told{};
        int const state = ::adjtimex(&told);
        if (state == -1) return;
        bool const synchronised = state != TIME_ERROR && (told.status & STA_UNSYNC) == 0;
        say(synchronised ? Level::ok : Level::note, "this clock",
            synchronised ? "is kept by NTP" : "is not known to be kept by NTP (timedatectl, systemd-timesyncd or chrony)");
    }

    [[nodiscard]] store::GatewayState const* held_by_service(std::string const& name) const {
        auto const found = std::find_if(known_.begin(), known_.end(), [&](auto const& each) { return each.gateway == name; });
        if (found == known_.end() || found->owner.empty() || found->lease_until < clock_now().wall || owner_is_gone(found->owner))
            return nullptr;
        return &*found;
    }

    [[nodiscard]] std::optional<bool> remembered(std::string const& name) const {
        for (auto const& each : known_) {
            if (each.gateway == name) return each.paper;  // unset: nobody connected yet
        }
        return std::nullopt;
    }

    /// The service is connected under the client id: to knock with the same one would be refused, and says nothing new.
    void served(GatewayConfig const& gateway, store::GatewayState const& held) {
        auto const database = open_database(configuration_);
        auto reader = database ? (*database)->open_reader()
                               : base::Result<std::unique_ptr<query::Reader>>(std::unexpected(database.error()));
        if (!reader) return;
        auto status = query::read_status(**reader, clock_now().wall, std::nullopt);
        if (!status) return say(Level::bad, "gateway " + gateway.name, status.error().message);
        add_live_status(*status, ask_live_status(**database));
        for (auto const& row : status->gateways) {
            if (row.gateway != gateway.name) continue;
            bool const fine = row.connected == true && row.stale != true;
            say(fine ? Level::ok : Level::bad, "gateway " + gateway.name,
                fmt::format("served by {}: {}{}", held.owner,
                            !row.connected   ? std::string("it does not say whether it is connected")
                            : fine           ? fmt::format("connected, server version {}", row.server_version.value_or(0))
                            : *row.connected ? std::string("connected, but nothing new comes")
                                             : std::string("not connected"),
                            row.last_error && !row.last_error->empty() && !fine ? ": " + *row.last_error : ""));
            return;
        }
        say(Level::note, "gateway " + gateway.name, "served by " + held.owner);
    }

    Configuration const& configuration_;
    std::vector<store::GatewayState> known_;
    std::vector<Finding> findings_;
};

}  // namespace

int run_doctor(Configuration const& configuration, Format format) {
    auto const findings = Doctor(configuration).look();
    bool const fine = std::none_of(findings.begin(), findings.end(), [](auto const& each) { return each.level == Level::bad; });
    if (format == Format::json) {
        boost::json::array checks;
        for (auto const& each : findings) {
            checks.push_back(boost::json::object{{"check", each.what}, {"state", to_string(each.level)}, {"text", each.text}});
        }
        print_line(boost::json::serialize(boost::json::object{{"success", fine}, {"checks", std::move(checks)}}));
        return fine ? exit_fine : exit_failed;
    }
    if (format == Format::csv) {
        std::string text = "check,state,text\r\n";
        for (auto const& each : findings) {
            query::append_csv_field(text, each.what);
            query::append_csv_field(text += ',', to_string(each.level));
            query::append_csv_field(text += ',', each.text);
            text += "\r\n";
        }
        print(text);
        return fine ? exit_fine : exit_failed;
    }
    for (auto const& each : findings) {
        print_line(
            fmt::format("{:<4} {:<15} {}", each.level == Level::bad ? "BAD" : to_string(each.level), each.what, each.text));
    }
    print_line(fine ? "everything that was looked at is fine" : "see the lines marked BAD");
    return fine ? exit_fine : exit_failed;
}

}  // namespace possync::app
