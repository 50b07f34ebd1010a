#include "app/import_flex.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "app/books.hpp"
#include "app/database.hpp"
#include "app/operator.hpp"
#include "app/output.hpp"
#include "app/service.hpp"
#include "app/zones.hpp"
#include "statement/flex_reader.hpp"

namespace possync::app {

using base::ErrorCode;
using base::Result;

namespace {

namespace files = std::filesystem;

constexpr std::size_t chunk_size = 1 << 20;
constexpr base::Duration import_patience = std::chrono::hours(1);

/// Plain or gzip: zlib reads both alike.
Result<void> feed_file(std::string const& path, statement::FlexReader& reader) {
    bool const standard_input = path == "-";
    int const descriptor = standard_input ? ::dup(STDIN_FILENO) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return base::fail(ErrorCode::invalid_input, fmt::format("{} cannot be read: {}", path, std::strerror(errno)));
    std::unique_ptr<gzFile_s, decltype(&gzclose)> const file(gzdopen(descriptor, "rb"), &gzclose);
    if (file == nullptr) {
        ::close(descriptor);
        return base::fail(ErrorCode::io, fmt::format("{}: no memory to read it", path));
    }
    (void)gzbuffer(file.get(), chunk_size / 4);
    std::vector<char> buffer(chunk_size);
    for (;;) {
        int const size = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
        if (size < 0) {
            int code = 0;
            char const* const what = gzerror(file.get(), &code);
            return base::fail(ErrorCode::invalid_input,
                              fmt::format("{} cannot be read: {}", path, code == Z_ERRNO ? std::strerror(errno) : what));
        }
        if (size == 0) break;
        POSSYNC_TRY_VOID(reader.feed({buffer.data(), static_cast<std::size_t>(size)}));
    }
    int code = Z_OK;
    (void)gzerror(file.get(), &code);
    if (code == Z_BUF_ERROR) return base::fail(ErrorCode::invalid_input, fmt::format("{}: the compressed file is cut off; fetch it again", path));
    return reader.finish();
}

/// Which gateway serves an account: the database remembers, else the configuration says so.
struct Binding {
    std::string gateway;
    model::AccountId account_id = 0;  ///< 0: not in the database yet
};

/// An account that the database does not know yet is bound only to a gateway that expects its kind.
Result<Binding> first_binding(GatewayConfig const& gateway, std::string const& account) {
    bool const paper = sync::is_paper(account);
    if (gateway.expect != sync::Expect::any && paper != (gateway.expect == sync::Expect::paper)) {
        return base::fail(ErrorCode::refused, fmt::format("account {} is a {} account, gateway {} expects {}; nothing was written", account,
                                                          paper ? "paper" : "live", gateway.name,
                                                          gateway.expect == sync::Expect::paper ? "paper" : "live"));
    }
    return Binding{gateway.name, 0};
}

Result<Binding> binding_of(Configuration const& configuration, query::Reader* reader, std::string const& account, std::string const& stated) {
    if (reader != nullptr) {
        POSSYNC_TRY(auto const known, reader->accounts());
        for (auto const& row : known) {
            if (row.account == account) return Binding{row.gateway, static_cast<model::AccountId>(row.account_id)};
        }
    }
    for (auto const& gateway : configuration.gateways) {
        if (std::find(gateway.accounts.begin(), gateway.accounts.end(), account) != gateway.accounts.end()) return first_binding(gateway, account);
    }
    bool const configured = std::any_of(configuration.accounts.begin(), configuration.accounts.end(),
                                        [&](AccountConfig const& each) { return each.code == account; });
    if (configured || stated == account) {
        if (configuration.gateways.size() == 1) return first_binding(configuration.gateways.front(), account);
        return base::fail(ErrorCode::refused, fmt::format("account {} could be of several gateways; name it in the accounts of its [[gateway]]", account));
    }
    return base::fail(ErrorCode::refused,
                      fmt::format("the statement is of account {}, which this database does not follow; if it is yours, import with "
                                  "--account {} or name it in the configuration",
                                  account, account));
}

query::ImportRow row_of(ImportResult const& result) {
    query::ImportRow row;
    row.account = result.account;
    row.from_date = result.from;
    row.to_date = result.to;
    row.trades = result.trades;
    row.positions_created = result.positions_created;
    row.positions_updated = result.positions_updated;
    row.positions_closed = result.positions_closed;
    row.cash_transactions = result.cash_transactions;
    row.corrected = result.corrected;
    row.open = result.open;
    row.unknown = static_cast<std::int64_t>(result.remainders.size());
    row.revision = result.revision;
    row.certified_through = result.certified_through;
    row.source = result.source;
    return row;
}

}  // namespace

Result<std::vector<std::string>> flex_files(std::vector<std::string> const& paths) {
    std::vector<std::string> found;
    for (auto const& path : paths) {
        std::error_code error;
        if (path == "-" || !files::is_directory(path, error)) {
            if (path != "-" && !files::exists(path, error)) {
                return base::fail(ErrorCode::invalid_input, fmt::format("there is no file {}", path));
            }
            found.push_back(path);
            continue;
        }
        std::vector<std::string> inside;
        for (files::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
            std::string const name = at->path().filename().string();
            if (name.ends_with(".xml") || name.ends_with(".xml.gz")) inside.push_back(at->path().string());
        }
        if (error) return base::fail(ErrorCode::invalid_input, fmt::format("{} cannot be read: {}", path, error.message()));
        if (inside.empty()) return base::fail(ErrorCode::invalid_input, fmt::format("there is no .xml or .xml.gz file in {}", path));
        std::sort(inside.begin(), inside.end());
        found.insert(found.end(), inside.begin(), inside.end());
    }
    return found;
}

Result<std::vector<ImportResult>> import_flex(Configuration const& configuration, store::Store& store, ImportOptions const& options,
                                              LeaseOf const& lease_of) {
    POSSYNC_TRY(auto const paths, flex_files(options.paths));
    POSSYNC_TRY(auto const reader, open_reader(configuration));
    std::vector<ImportResult> results;
    for (auto const& path : paths) {
        auto take = [&](model::Statement statement) -> Result<void> {
            POSSYNC_TRY(auto binding, binding_of(configuration, reader.get(), statement.account, options.account));
            POSSYNC_TRY(auto const lease, lease_of(binding.gateway, statement.account));
            if (binding.account_id == 0) {  // the claim made it known
                POSSYNC_TRY(binding, binding_of(configuration, reader.get(), statement.account, options.account));
            }
            reconciliation::ImportTarget target;
            target.account_id = binding.account_id;
            target.lease = lease;
            target.policy = account_policy(configuration, statement.account);
            target.now = [] { return clock_now().wall; };
            target.progress = [&](std::size_t done, std::size_t all) {
                if (options.on_progress) options.on_progress(statement.source, done, all);
            };
            auto imported = reconciliation::import_statement(store, statement, target);
            if (!imported) {
                return base::because(fmt::format("{}, account {}, {} to {}", statement.source, statement.account, base::to_string(statement.from),
                                                 base::to_string(statement.to)),
                                     imported.error());
            }
            if (options.on_imported) options.on_imported(*imported);
            results.push_back(std::move(*imported));
            return {};
        };
        statement::FlexOptions reading;
        reading.source = path == "-" ? "standard input" : files::path(path).filename().string();
        reading.zone = configuration.flex_zone;
        statement::FlexReader flex(reading, system_zones(), take);
        POSSYNC_TRY_VOID(feed_file(path, flex));
        if (flex.statements() == 0) {
            return base::fail(ErrorCode::invalid_input, fmt::format("{} holds no statement; is it a Flex query's XML?", reading.source));
        }
    }
    return results;
}

store::GatewayClaim claim_of(std::string const& gateway, std::string const& account) {
    store::GatewayClaim claim;
    claim.gateway = gateway;
    claim.owner = owner_name();
    claim.accounts = {account};
    claim.paper = sync::is_paper(account);
    claim.now = clock_now().wall;
    return claim;
}

std::string to_json(std::vector<ImportResult> const& results) {
    std::vector<query::ImportRow> rows;
    for (auto const& result : results) rows.push_back(row_of(result));
    return query::to_json(rows);
}

std::string to_json(ImportOptions const& options) {
    boost::json::array paths;
    for (auto const& path : options.paths) {
        std::error_code ignored;
        paths.emplace_back(path == "-" ? path : files::absolute(path, ignored).string());
    }
    return boost::json::serialize(boost::json::object{{"paths", std::move(paths)}, {"account", options.account}});
}

Result<ImportOptions> parse_import_options(std::string const& json) {
    ImportOptions options;
    boost::system::error_code bad;
    auto const value = boost::json::parse(json, bad);
    auto const* paths = !bad && value.is_object() ? value.as_object().if_contains("paths") : nullptr;
    if (paths == nullptr || !paths->is_array()) return base::fail(ErrorCode::invalid_input, "the request names no files");
    for (auto const& path : paths->as_array()) {
        if (path.is_string()) options.paths.emplace_back(path.as_string());
    }
    auto const* account = value.as_object().if_contains("account");
    if (account != nullptr && account->is_string()) options.account = std::string(account->as_string());
    return options;
}

namespace {

/// One line that is written over while a person waits, with the time left.
class ProgressLine {
public:
    void show(std::string const& source, std::size_t done, std::size_t all) {
        if (!is_terminal_ || all == 0) return;
        auto const now = std::chrono::steady_clock::now();
        if (done == 0 || source != source_) source_ = source, began_ = now;
        if (done < all && now - shown_ < std::chrono::milliseconds(200)) return;
        shown_ = now;
        double const spent = std::chrono::duration<double>(now - began_).count();
        double const left = done == 0 ? 0 : spent * static_cast<double>(all - done) / static_cast<double>(done);
        std::fprintf(stderr, "\r%s: %zu of %zu rows, %.0f s left \033[K", source.c_str(), done, all, left);
        written_ = true;
    }
    void clear() {
        if (std::exchange(written_, false)) std::fprintf(stderr, "\r\033[K");
    }

private:
    bool is_terminal_ = ::isatty(STDERR_FILENO) == 1;
    bool written_ = false;
    std::string source_;
    std::chrono::steady_clock::time_point began_;
    std::chrono::steady_clock::time_point shown_;
};

void tell_differences(std::vector<ImportResult> const& results) {
    constexpr std::size_t told_at_most = 20;
    std::size_t told = 0;
    std::size_t all = 0;
    for (auto const& result : results) {
        for (auto const& each : result.differences) {
            ++all;
            if (told == told_at_most) continue;
            ++told;
            print_line(fmt::format("{} {} {}: {} conId {} {}: statement {}, book {}{}", result.account, base::to_string(each.trade_date),
                                   to_string(each.state), to_string(each.kind), each.con_id, each.subject,
                                   each.statement_value.empty() ? "nothing" : each.statement_value,
                                   each.book_value.empty() ? "nothing" : each.book_value, each.cause.empty() ? "" : "; " + each.cause));
        }
    }
    if (all > told) print_line(fmt::format("... and {} more; see `possync differences`", all - told));
    for (auto const& result : results) {
        for (auto const& each : result.remainders) {
            print_line(fmt::format("{} line {}: {} is not known to this program; it is kept", result.source, each.line, each.section));
        }
    }
}

/// The gateways' leases of a process that is no service, given back at its end.
class Leases {
public:
    explicit Leases(store::Store& store) : store_(store) {}
    ~Leases() {
        for (auto const& [unused, lease] : leases_) (void)store_.release(lease.gateway_id, lease.epoch, clock_now().wall);
    }
    Leases(Leases const&) = delete;
    Leases& operator=(Leases const&) = delete;

    Result<Lease> of(std::string const& gateway, std::string const& account) {
        auto const found = leases_.find(gateway);
        bool const has = found != leases_.end() && std::any_of(found->second.accounts.begin(), found->second.accounts.end(),
                                                               [&](auto const& each) { return each.account == account; });
        if (has) return Lease{found->second.gateway_id, found->second.epoch};
        POSSYNC_TRY(auto lease, store_.claim(claim_of(gateway, account)));
        Lease const granted{lease.gateway_id, lease.epoch};
        leases_[gateway] = std::move(lease);
        return granted;
    }

private:
    store::Store& store_;
    std::map<std::string, store::GatewayLease> leases_;
};

/// Imports by this process, or through the service that holds the gateway. Prints what was done; what was done before an error too.
Result<void> import_and_show(Configuration const& configuration, ImportOptions options, Format format) {
    POSSYNC_TRY(auto const database, open_database(configuration));
    POSSYNC_TRY_VOID(flex_files(options.paths));
    bool const served = std::any_of(configuration.gateways.begin(), configuration.gateways.end(),
                                    [&](GatewayConfig const& gateway) { return service_holds(*database, gateway.name); });
    if (served) {
        if (std::find(options.paths.begin(), options.paths.end(), "-") != options.paths.end()) {
            return base::fail(ErrorCode::refused, "a running service imports files, not standard input; write it to a file first");
        }
        POSSYNC_TRY(auto const answer, ask_service(*database, "import_flex", to_json(options), nullptr, import_patience));
        POSSYNC_TRY(auto const rows, query::parse_json<query::ImportRow>(answer));
        if (format == Format::table) print_line("imported by the running service");
        show(rows, format);
        bool const all_agree = std::all_of(rows.begin(), rows.end(), [](query::ImportRow const& row) { return row.open == 0; });
        if (format == Format::table && !all_agree) print_line("what is open: `possync certify` names each difference");
        return {};
    }
    store::StoreOptions writing;
    writing.owner_is_gone = owner_is_gone;
    POSSYNC_TRY(auto const store, database->open_store(writing));
    Leases leases(*store);
    ProgressLine line;
    options.on_progress = [&](std::string const& source, std::size_t done, std::size_t all) { line.show(source, done, all); };
    std::vector<ImportResult> done;
    options.on_imported = [&](ImportResult const& result) { done.push_back(result); };
    auto const imported = import_flex(configuration, *store, options, [&](std::string const& gateway, std::string const& account) {
        return leases.of(gateway, account);
    });
    line.clear();
    std::vector<query::ImportRow> rows;
    for (auto const& result : done) rows.push_back(row_of(result));
    if (imported || !rows.empty()) show(rows, format);
    if (format == Format::table) tell_differences(done);
    if (imported) return {};
    return done.empty() ? std::unexpected(imported.error())
                        : Result<void>(base::because(fmt::format("after {} imported statements", done.size()), imported.error()));
}

}  // namespace

Result<void> import_fetched(Configuration const& configuration, std::filesystem::path const& file, FlexQueryConfig const& query, Format format) {
    ImportOptions options;
    options.paths = {file.string()};
    options.account = query.account;
    return import_and_show(configuration, std::move(options), format);
}

FlexImport import_through_service(Configuration const& configuration) {
    return [configuration](std::filesystem::path const& file, FlexQueryConfig const& query) -> Result<void> {
        POSSYNC_TRY(auto const database, open_database(configuration));
        ImportOptions options;
        options.paths = {file.string()};
        options.account = query.account;
        POSSYNC_TRY_VOID(ask_service(*database, "import_flex", to_json(options), nullptr, import_patience));
        return {};
    };
}

int run_import_flex(Configuration const& configuration, ImportOptions options, Format format) {
    auto const done = import_and_show(configuration, std::move(options), format);
    return done ? exit_fine : report(done.error());
}

}  // namespace possync::app
