#include "http/server.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <future>
#include <map>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>

#include "http/answers.hpp"
#include "http/assets.hpp"
#include "http/cache.hpp"
#include "http/description.hpp"
#include "http/doors.hpp"
#include "http/feed.hpp"
#include "http/metrics.hpp"
#include "http/routes.hpp"

namespace possync::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::ErrorCode;
using base::Result;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t quick_threads = 2;
constexpr std::size_t long_threads = 2;
constexpr std::size_t queue_limit = 256;
constexpr std::size_t waiting_for_one_answer_max = 4096;
constexpr std::chrono::seconds heartbeat{15};
constexpr int failed_logins_a_minute = 20;

/// What reads more than a page of one view.
bool is_long(Route const& route, Parameters const& parameters) {
    if (route.kind == Kind::why) return true;
    if (route.kind == Kind::pnl || route.kind == Kind::list) {
        return std::any_of(parameters.begin(), parameters.end(), [](auto const& each) {
            return each.first == "method" || each.first == "view" || each.first == "as_of" || each.first == "as_recorded";
        });
    }
    return false;
}

bool etag_matches(std::string_view if_none_match, std::string_view etag) {
    if (if_none_match == "*") return true;
    // Weak comparison: W/ says nothing here.
    if (etag.starts_with("W/")) etag.remove_prefix(2);
    return !etag.empty() && if_none_match.find(etag) != std::string_view::npos;
}

bool takes_gzip(Request const& request) {
    auto const accepted = request.header("accept-encoding");
    auto const at = accepted.find("gzip");
    return at != std::string_view::npos && accepted.substr(at, 10).find(";q=0") == std::string_view::npos;
}

}  // namespace

class Server::Implementation final : public ConnectionHost {
public:
    Implementation(ServerOptions options, Commands& commands, Metrics& metrics)
        : options_(std::move(options)), commands_(commands), metrics_(metrics), acceptor_(io_), second_(io_), heart_(io_) {}

    ~Implementation() override { stop(); }

    Result<void> start() {
        POSSYNC_TRY_VOID(listen());
        bool const tls = !options_.certificate_file.empty() || !options_.key_file.empty();
        if (tls) {
            POSSYNC_TRY(transport_, tls_transport(options_.certificate_file, options_.key_file));
        } else {
            transport_ = plain_transport();
        }
        scheme_ = tls ? "https" : "http";
        context_.commands = &commands_;
        context_.interval = options_.interval;
        context_.version = options_.version;
        context_.report_zone = options_.report_zone;
        quick_ = std::make_unique<Workers>(options_.open_reader, quick_threads, queue_limit);
        long_ = std::make_unique<Workers>(options_.open_reader, long_threads, queue_limit);
        FeedOptions feed;
        feed.open_reader = options_.open_reader;
        feed.context = context_;
        feed.on_committed = [this] { asio::post(io_, [this] { ++state_; }); };
        feed.on_frames = [this](std::vector<Frame> frames) {
            asio::post(io_, [this, frames = std::move(frames)] { broadcast(frames); });
        };
        feed_ = std::make_unique<Feed>(std::move(feed));
        tick();
        beat();
        accept();
        thread_ = std::thread([this] {
            auto const work = asio::make_work_guard(io_);
            io_.run();
        });
        return {};
    }

    std::string address() const {
        bool const brackets = bound_.address().is_v6();
        return fmt::format("{}://{}{}{}:{}", scheme_, brackets ? "[" : "", bound_.address().to_string(), brackets ? "]" : "",
                           bound_.port());
    }

    void committed() {
        if (feed_) feed_->poke();
    }

    void stop() {
        if (!thread_.joinable()) return;
        // First who gives work, then who does it, then the thread that all of them post to.
        feed_->stop();
        quick_->stop();
        long_->stop();
        asio::post(io_, [this] {
            boost::system::error_code ignored;
            acceptor_.close(ignored);
            second_.cancel();
            heart_.cancel();
            auto const open = connections_;
            for (auto const& connection : open)
                connection->close();
            io_.stop();
        });
        thread_.join();
        subscribers_.clear();
        connections_.clear();
    }

    // --- ConnectionHost
    // -------------------------------------------------------------------------------------------------------------

    ConnectionLimits const& limits() const override { return options_.limits; }

    std::string const& date_header() override {
        auto const now = std::time(nullptr);
        if (now != date_of_) {
            date_of_ = now;
            std::tm parts{};
            ::gmtime_r(&now, &parts);
            std::array<char, 64> text{};
            std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
            date_ = text.data();
        }
        return date_;
    }

    void on_closed(Connection& connection) override {
        auto const self = connection.shared_from_this();
        if (subscribers_.erase(self) > 0) feed_->set_subscribers(subscribers_.size() + subscribing_);
        if (auto const found = per_address_.find(connection.peer().address);
            found != per_address_.end() && --found->second == 0) {
            per_address_.erase(found);
        }
        connections_.erase(self);
    }

    void on_answered(Connection const& connection, int status, std::size_t bytes) override {
        metrics_.answered(status);
        if (!options_.access_log || !options_.log) return;
        // Without what stands behind the question mark, and without headers: nothing secret is ever in a log line.
        auto const& request = connection.last_request();
        auto const took = std::chrono::duration<double, std::milli>(Clock::now() - connection.request_began()).count();
        options_.log("http.request", fmt::format("{} {} {} {} bytes {:.1f} ms {}", request.method_text,
                                                 request.path.substr(0, 200), status, bytes, took, connection.peer().address));
    }

    void on_request(std::shared_ptr<Connection> const& connection, Request request) override {
        auto const& local = connection->peer().local_address;
        if (auto const refusal = doors_->check_host(request, local)) return refuse(*connection, *refusal);
        auto const match = match_route(request.method, request.path);
        if (match.route == nullptr) return no_route(*connection, request, match);
        Route const& route = *match.route;
        if (route.door != Door::open && too_many_failures(connection->peer().address)) {
            return connection->respond(problem(429, "too many wrong tokens came from this address; wait a minute"));
        }
        if (auto const refusal = doors_->admit(request, route.door, local)) {
            if (refusal->status == 401 && request.has_header("authorization")) count_failure(connection->peer().address);
            return refuse(*connection, *refusal);
        }
        switch (route.kind) {
        case Kind::list:
        case Kind::pnl:
        case Kind::why:
        case Kind::gate:
        case Kind::status: return query(connection, request, match);
        case Kind::sync: return sync(connection, request, route);
        case Kind::reset: return reset(*connection);
        case Kind::stream: return stream(connection, request, route);
        case Kind::log_in: return log_in(*connection, request);
        case Kind::log_out: return log_out(*connection, request);
        case Kind::livez: return livez(*connection);
        case Kind::readyz: return readyz(connection, request);
        case Kind::page: return asset(*connection, request, "/index.html");
        case Kind::description: return describe(*connection, request);
        case Kind::metrics: return metrics(connection);
        }
    }

private:
    // --- the listening socket
    // -------------------------------------------------------------------------------------------------------

    Result<void> listen() {
        POSSYNC_TRY(auto const wanted, parse_listen(options_.listen));
        boost::system::error_code error;
        tcp::resolver resolver(io_);
        auto const found = resolver.resolve(wanted.host, std::to_string(*wanted.port), tcp::resolver::passive, error);
        if (error || found.empty()) {
            return base::fail(ErrorCode::invalid_input,
                              fmt::format("http.listen {}: {} is no address of this machine", options_.listen, wanted.host));
        }
        tcp::endpoint const endpoint = found.begin()->endpoint();
        bool const loopback = is_loopback_address(endpoint.address().to_string());
        if (!loopback && options_.token.empty()) {
            return base::fail(
                ErrorCode::invalid_input,
                fmt::format("http.listen {} can be reached from other machines: set http.token_file (make one with: "
                            "openssl rand -hex 32 > token; chmod 600 token), or listen on 127.0.0.1",
                            options_.listen));
        }
        acceptor_.open(endpoint.protocol(), error);
        if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
        if (!error) acceptor_.bind(endpoint, error);
        if (!error) acceptor_.listen(1024, error);
        if (error) {
            return base::fail(
                ErrorCode::unavailable,
                fmt::format("http.listen {}: {}; choose another port, or \"off\" for no HTTP", options_.listen, error.message()));
        }
        bound_ = acceptor_.local_endpoint(error);
        doors_.emplace(DoorOptions{wanted.host, options_.hosts, options_.token, loopback});
        return {};
    }

    void accept() {
        acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
            if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
            if (error) {
                // No file descriptor is free: those who wait stay in the queue until one is.
                pause_.expires_after(std::chrono::milliseconds(100));
                pause_.async_wait([this](boost::system::error_code stopped) {
                    if (!stopped) accept();
                });
                return;
            }
            welcome(std::move(socket));
            accept();
        });
    }

    void welcome(tcp::socket socket) {
        boost::system::error_code error;
        auto const remote = socket.remote_endpoint(error);
        if (error) return;
        auto const local = socket.local_endpoint(error);
        if (error) return;
        Peer peer{plain_address(remote.address().to_string()), plain_address(local.address().to_string())};
        int& of_address = per_address_[peer.address];
        if (connections_.size() >= options_.max_connections ||
            of_address >= static_cast<int>(options_.max_connections_per_address)) {
            if (of_address == 0) per_address_.erase(peer.address);
            ++refused_connections_;
            return;  // closes the socket: to say why would take what is missing
        }
        ++of_address;
        socket.set_option(tcp::no_delay(true), error);
        // The system's own buffers grow to megabytes for a client that does not read; a thousand of these would be gigabytes.
        socket.set_option(asio::socket_base::send_buffer_size(256 * 1024), error);
        auto connection = std::make_shared<Connection>(*this, transport_(std::move(socket)), std::move(peer));
        connections_.insert(connection);
        connection->start();
    }

    void tick() {
        second_.expires_after(std::chrono::seconds(1));
        second_.async_wait([this](boost::system::error_code error) {
            if (error) return;
            auto const now = Clock::now();
            auto const open = connections_;
            for (auto const& connection : open)
                connection->check_time(now);
            if (now - failures_since_ > std::chrono::minutes(1)) {
                failures_since_ = now;
                failures_.clear();
            }
            tick();
        });
    }

    void beat() {
        heart_.expires_after(heartbeat);
        heart_.async_wait([this](boost::system::error_code error) {
            if (error) return;
            static Frame const comment = std::make_shared<std::string const>(": alive\n\n");
            broadcast({comment});
            beat();
        });
    }

    // --- refusals
    // -------------------------------------------------------------------------------------------------------------------

    void refuse(Connection& connection, Refusal const& refusal) { connection.respond(problem(refusal.status, refusal.detail)); }

    void no_route(Connection& connection, Request const& request, Match const& match) {
        if (match.other_method) {
            auto response = problem(405, fmt::format("{} is not done here", request.method_text.substr(0, 20)));
            response.headers += "Allow: " + match.allow + "\r\n";
            return connection.respond(response);
        }
        if (request.method == Method::get || request.method == Method::head) {
            if (find_asset(request.path) != nullptr) return asset(connection, request, request.path);
        }
        connection.respond(problem(404, "there is nothing here; the API is described at /api/openapi.json"));
    }

    bool too_many_failures(std::string const& address) const {
        auto const found = failures_.find(address);
        return found != failures_.end() && found->second >= failed_logins_a_minute;
    }

    void count_failure(std::string const& address) {
        if (failures_.size() < 10'000) ++failures_[address];
    }

    // --- questions to the database
    // --------------------------------------------------------------------------------------------------

    struct Waiting {
        std::shared_ptr<Connection> connection;
        std::string if_none_match;
    };
    using PendingKey = std::pair<std::uint64_t, std::string>;  ///< state and target

    static void give(Connection& connection, Answer const& answer, std::string_view if_none_match) {
        Response response;
        response.headers.reserve(160);
        response.headers = "Cache-Control: private, no-cache\r\nETag: ";
        response.headers += answer.etag;
        response.headers += "\r\n";
        if (etag_matches(if_none_match, answer.etag)) {
            response.status = 304;
        } else {
            response.headers += data_policy;
            response.content_type = "application/json";
            response.body = answer.body;
        }
        connection.respond(response);
    }

    void query(std::shared_ptr<Connection> const& connection, Request const& request, Match const& match) {
        Route const& route = *match.route;
        auto const if_none_match = request.header("if-none-match");
        if (auto const* answer = cache_.find(request.target, state_)) return give(*connection, *answer, if_none_match);

        // Who asks the same of the same state waits for the one answer.
        PendingKey const key{state_, request.target};
        if (auto const found = pending_.find(key); found != pending_.end()) {
            if (found->second.size() >= waiting_for_one_answer_max)
                return connection->respond(problem(503, "too many wait for this answer"));
            found->second.push_back({connection, std::string(if_none_match)});
            return;
        }
        auto parameters = parse_query(request.query);
        if (!parameters) return connection->respond(problem(400, "what stands behind the question mark is not well formed"));
        if (auto const checked = check_parameters(route, *parameters); !checked)
            return connection->respond(problem(checked.error()));
        // Live state and the clock are in the answer: it is never kept.
        bool const keep = route.kind != Kind::status && route.kind != Kind::gate && !depends_on_time(*parameters);
        auto& workers = is_long(route, *parameters) ? *long_ : *quick_;
        auto job = [this, key, keep, &route, parts = match.parts,
                    parameters = std::move(*parameters)](ReaderResult const& reader) {
            auto answer =
                reader ? answer_safely(**reader, route, parts, parameters) : Result<Answer>(std::unexpected(reader.error()));
            bool const good = answer || !needs_new_reader(answer.error());
            asio::post(io_, [this, key, keep, answer = std::move(answer)]() mutable { answered(key, keep, std::move(answer)); });
            return good;
        };
        if (!workers.post(std::move(job))) return connection->respond(problem(503, "too many questions wait already"));
        pending_[key].push_back({connection, std::string(if_none_match)});
    }

    /// What a library throws is contained here: a question that cannot be answered ends nothing but itself.
    Result<Answer> answer_safely(query::Reader& reader, Route const& route, std::vector<std::string> const& parts,
                                 Parameters const& parameters) {
        try {
            return answer_query(reader, route, parts, parameters);
        } catch (std::exception const& error) {
            return base::fail(ErrorCode::internal, fmt::format("{} cannot be answered: {}", route.path, error.what()));
        }
    }

    Result<Answer> answer_query(query::Reader& reader, Route const& route, std::vector<std::string> const& parts,
                                Parameters const& parameters) {
        auto const now = wall_clock();
        switch (route.kind) {
        case Kind::list: return answer_list(reader, route, parameters, now);
        case Kind::pnl: return answer_pnl(reader, commands_, parameters, now);
        case Kind::gate: return answer_gate(reader, context_, parts[0], parts[1], now);
        case Kind::status: return answer_status(reader, context_, now);
        case Kind::why: return answer_why(reader, parts[0], now);
        default: return base::fail(ErrorCode::internal, "nobody answers this");
        }
    }

    void answered(PendingKey const& key, bool keep, Result<Answer> answer) {
        auto const found = pending_.find(key);
        if (found == pending_.end()) return;
        auto const waiting = std::move(found->second);
        pending_.erase(found);
        if (!answer) {
            if (answer.error().code == ErrorCode::internal && options_.log) options_.log("http.trouble", answer.error().message);
            for (auto const& each : waiting)
                each.connection->respond(problem(answer.error()));
            return;
        }
        for (auto const& each : waiting)
            give(*each.connection, *answer, each.if_none_match);
        if (keep) cache_.put(key.second, key.first, std::move(*answer));
    }

    // --- commands
    // -------------------------------------------------------------------------------------------------------------------

    void sync(std::shared_ptr<Connection> const& connection, Request const& request, Route const& route) {
        auto const parameters = parse_query(request.query);
        if (!parameters) return connection->respond(problem(400, "what stands behind the question mark is not well formed"));
        if (auto const checked = check_parameters(route, *parameters); !checked)
            return connection->respond(problem(checked.error()));
        std::string const account = parameters->empty() ? std::string() : parameters->front().second;
        if (!parameters->empty() && (account.empty() || account.size() > 200))
            return connection->respond(problem(400, "account is empty"));
        commands_.sync(account, [this, connection](SyncAnswer answer) {
            // Whoever reads after this answer reads what the sync committed: the cache has to know of it first.
            feed_->poke([this, connection, answer = std::move(answer)] {
                asio::post(io_, [connection, answer] { connection->respond(sync_response(answer)); });
            });
        });
    }

    static Response sync_response(SyncAnswer const& answer) {
        if (answer.unavailable || answer.not_found) {
            std::string const results = query::to_json(answer.results);
            std::string detail = answer.not_found ? "no gateway serves this account" : "no gateway could answer";
            for (auto const& result : answer.results) {
                if (result.error) detail += ": " + *result.error;
                if (result.error) break;
            }
            std::string_view const members = std::string_view(results).substr(1, results.size() - 2);
            return problem(answer.not_found ? 404 : 503, detail, fmt::format(", {}", members));
        }
        return text_response(200, query::to_json(answer.results), "application/json");
    }

    void reset(Connection& connection) {
        commands_.reset_statistics();
        connection.respond(text_response(200, R"({"success": true})", "application/json"));
    }

    // --- the session of a browser
    // ---------------------------------------------------------------------------------------------------

    std::string cookie_header(std::string_view value, int seconds) const {
        return fmt::format("Set-Cookie: {}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={}{}\r\n", session_cookie, value,
                           seconds, scheme_ == "https" ? "; Secure" : "");
    }

    void log_in(Connection& connection, Request const& request) {
        if (auto const refusal = doors_->check_origin(request)) return refuse(connection, *refusal);
        auto const& address = connection.peer().address;
        if (too_many_failures(address))
            return connection.respond(problem(429, "too many wrong tokens came from this address; wait a minute"));
        if (!request.header("content-type").starts_with("application/json"))
            return connection.respond(problem(415, "send {\"token\": ...} as application/json"));
        boost::system::error_code bad;
        auto const body = boost::json::parse(request.body, bad);
        auto const* token = !bad && body.is_object() ? body.get_object().if_contains("token") : nullptr;
        if (token == nullptr || !token->is_string()) return connection.respond(problem(400, "send {\"token\": ...}"));
        Response response;
        response.status = 204;
        response.headers = "Cache-Control: no-store\r\n";
        if (doors_->needs_token()) {
            if (!doors_->is_token({token->get_string().data(), token->get_string().size()})) {
                count_failure(address);
                return connection.respond(problem(401, "that is not the token"));
            }
            response.headers += cookie_header(doors_->session(), 30 * 24 * 3600);
        }
        connection.respond(response);
    }

    void log_out(Connection& connection, Request const& request) {
        if (auto const refusal = doors_->check_origin(request)) return refuse(connection, *refusal);
        Response response;
        response.status = 204;
        response.headers = "Cache-Control: no-store\r\n" + cookie_header("", 0);
        connection.respond(response);
    }

    // --- the stream
    // -----------------------------------------------------------------------------------------------------------------

    void stream(std::shared_ptr<Connection> const& connection, Request const& request, Route const& route) {
        auto const parameters = parse_query(request.query);
        if (!parameters) return connection->respond(problem(400, "what stands behind the question mark is not well formed"));
        if (auto const checked = check_parameters(route, *parameters); !checked)
            return connection->respond(problem(checked.error()));
        std::optional<std::string> cursor;
        for (auto const& [name, value] : *parameters)
            cursor = value;
        if (request.has_header("last-event-id")) cursor = std::string(request.header("last-event-id"));
        if (cursor && cursor->empty()) cursor.reset();
        if (request.method == Method::head) return connection->respond(text_response(200, "", "text/event-stream"));
        // Counted before it is answered, so that the feed reads changes from here on.
        feed_->set_subscribers(subscribers_.size() + ++subscribing_);
        feed_->subscribe(std::move(cursor), [this, connection](std::vector<Frame> frames) {
            asio::post(io_, [this, connection, frames = std::move(frames)] {
                --subscribing_;
                connection->begin_stream(data_policy);
                if (connection->is_stream()) {
                    subscribers_.insert(connection);
                    static Frame const retry = std::make_shared<std::string const>("retry: 2000\n\n");
                    if (connection->send({retry})) (void)connection->send(frames);
                }
                feed_->set_subscribers(subscribers_.size() + subscribing_);
            });
        });
    }

    void broadcast(std::vector<Frame> const& frames) {
        auto const all = subscribers_;
        for (auto const& connection : all) {
            if (!connection->send(frames)) ++dropped_subscribers_;
        }
    }

    // --- probes and page
    // ------------------------------------------------------------------------------------------------------------

    void livez(Connection& connection) {
        auto const silent = Clock::now() - feed_->last_look();
        bool const alive = silent < std::chrono::seconds(30);
        connection.respond(text_response(
            alive ? 200 : 503, fmt::format("io thread: ok\nfeed thread: {}\n", alive ? "ok" : "has not looked for 30 s")));
    }

    void readyz(std::shared_ptr<Connection> const& connection, Request const& request) {
        bool const known = doors_->knows(request);
        auto job = [this, connection, known](ReaderResult const& reader) {
            std::string lines;
            bool ready = true;
            bool good = true;
            auto const line = [&](bool ok, std::string const& text) {
                ready = ready && ok;
                lines += fmt::format("{} {}\n", ok ? "ok " : "BAD", text);
            };
            auto const accounts =
                reader ? (*reader)->accounts() : Result<std::vector<query::AccountRow>>(std::unexpected(reader.error()));
            if (!accounts) {
                good = !needs_new_reader(accounts.error());
                line(false, "database: " + accounts.error().message);
            } else {
                line(true, "database: answers");
                bool const synced = std::any_of(accounts->begin(), accounts->end(),
                                                [](auto const& row) { return row.last_synced_at.has_value(); });
                line(synced, synced ? "book: was synced" : "book: waits for the first sync");
            }
            for (auto const& gateway : commands_.gateways()) {
                // A broker that is away is no reason to take the database's answers away.
                line(gateway.state != "stopped", fmt::format("gateway {}: {}{}", gateway.gateway, gateway.state,
                                                             gateway.last_error.empty() ? "" : ", " + gateway.last_error));
            }
            asio::post(io_, [connection, ready, lines = known ? lines : std::string(ready ? "ready\n" : "not ready\n")] {
                connection->respond(text_response(ready ? 200 : 503, lines));
            });
            return good;
        };
        if (!quick_->post(std::move(job))) connection->respond(text_response(503, "BAD too many questions wait already\n"));
    }

    void describe(Connection& connection, Request const& request) {
        if (!description_.body) {
            std::string text = api_description(options_.version);
            description_.etag = etag_of(text);
            description_.body = std::make_shared<std::string const>(std::move(text));
        }
        give(connection, description_, request.header("if-none-match"));
    }

    void metrics(std::shared_ptr<Connection> const& connection) {
        MetricsNow now;
        now.store_jobs = commands_.store_jobs();
        now.queries_waiting = quick_->waiting() + long_->waiting();
        now.connections = connections_.size();
        now.subscribers = subscribers_.size();
        now.connections_refused = refused_connections_;
        now.subscribers_dropped = dropped_subscribers_;
        auto job = [this, connection, now](ReaderResult const& reader) mutable {
            now.now = wall_clock();
            now.gateways = commands_.gateways();
            now.deliveries = commands_.deliveries();
            bool good = true;
            auto const gated = [&]() -> Result<GatedStatus> {
                if (!reader) return std::unexpected(reader.error());
                try {
                    return read_gated_status(**reader, context_, now.now);
                } catch (std::exception const& error) {
                    return base::fail(ErrorCode::internal, error.what());
                }
            }();
            if (gated) {
                now.database_up = true;
                now.accounts = gated->accounts;
            } else {
                good = !needs_new_reader(gated.error());
            }
            asio::post(io_, [connection, text = metrics_.text(now)] {
                connection->respond(text_response(200, text, "text/plain; version=0.0.4; charset=utf-8"));
            });
            return good;
        };
        if (!quick_->post(std::move(job))) connection->respond(problem(503, "too many questions wait already"));
    }

    void asset(Connection& connection, Request const& request, std::string_view path) {
        auto const* found = find_asset(path);
        if (found == nullptr) return connection.respond(problem(404, "there is nothing here"));
        auto& served = served_[path];
        if (served.etag.empty()) {
            served.etag = etag_of(found->gzip);
            served.gzip = std::make_shared<std::string const>(found->gzip);
        }
        Response response;
        response.content_type = std::string(found->content_type);
        response.headers =
            fmt::format("Cache-Control: {}\r\nETag: {}\r\nVary: Accept-Encoding\r\n{}",
                        found->immutable ? "public, max-age=31536000, immutable" : "no-cache", served.etag, page_policy);
        if (etag_matches(request.header("if-none-match"), served.etag)) {
            response.status = 304;
        } else if (takes_gzip(request)) {
            response.headers += "Content-Encoding: gzip\r\n";
            response.body = served.gzip;
        } else {
            if (!served.plain) served.plain = std::make_shared<std::string const>(inflated(*found));
            response.body = served.plain;
        }
        connection.respond(response);
    }

    struct Served {
        std::string etag;
        std::shared_ptr<std::string const> gzip;
        std::shared_ptr<std::string const> plain;
    };

    ServerOptions options_;
    Commands& commands_;
    Metrics& metrics_;
    AnswerContext context_;
    asio::io_context io_{1};
    tcp::acceptor acceptor_;
    asio::steady_timer second_;
    asio::steady_timer heart_;
    asio::steady_timer pause_{io_};
    TransportFactory transport_;
    std::string scheme_ = "http";
    tcp::endpoint bound_;
    std::optional<Doors> doors_;
    std::thread thread_;

    std::unique_ptr<Workers> quick_;
    std::unique_ptr<Workers> long_;
    std::unique_ptr<Feed> feed_;

    // Of the io thread alone.
    std::uint64_t state_ = 1;  ///< counts what was committed
    Cache cache_;
    Answer description_;
    std::map<PendingKey, std::vector<Waiting>> pending_;
    std::unordered_set<std::shared_ptr<Connection>> connections_;
    std::unordered_set<std::shared_ptr<Connection>> subscribers_;
    std::size_t subscribing_ = 0;
    std::map<std::string, int, std::less<>> per_address_;
    std::map<std::string, int, std::less<>> failures_;
    Clock::time_point failures_since_ = Clock::now();
    std::map<std::string_view, Served> served_;
    std::uint64_t refused_connections_ = 0;
    std::uint64_t dropped_subscribers_ = 0;
    std::time_t date_of_ = 0;
    std::string date_;
};

Server::Server(ServerOptions options, Commands& commands, Metrics& metrics)
    : implementation_(std::make_unique<Implementation>(std::move(options), commands, metrics)) {}
Server::~Server() = default;
Result<void> Server::start() { return implementation_->start(); }
std::string Server::address() const { return implementation_->address(); }
void Server::committed() { implementation_->committed(); }
void Server::stop() { implementation_->stop(); }

}  // namespace possync::http
