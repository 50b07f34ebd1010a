#include "app/flex_service.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "app/secret_file.hpp"
#include "app/service.hpp"
#include "outbox/libcurl.hpp"
#include "statement/flex_response.hpp"

namespace possync::app {

using base::Duration;
using base::Error;
using base::ErrorCode;
using base::fail;
using base::Result;
using namespace outbox;  // libcurl's functions, as it loads them

namespace {

constexpr std::size_t response_size_max = 65536;
constexpr std::string_view response_root = "<FlexStatementResponse";

std::string replaced(std::string text, std::string const& what, std::string_view with) {
    if (what.empty()) return text;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
        text.replace(at, what.size(), with);
    return text;
}

/// Printable and short: what a stranger sent goes into one line of a log.
std::string one_line(std::string_view text) {
    std::string line;
    for (char const c : text.substr(0, 300))
        line += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
    return line;
}

std::string escaped(std::string const& text) {
    std::unique_ptr<char, shared_library::Free<curl_free>> const result(curl_easy_escape(nullptr, text.c_str(), static_cast<int>(text.size())));
    return result ? result.get() : "";
}

std::string part_of(std::string const& url, CURLUPart part) {
    std::unique_ptr<CURLU, shared_library::Free<curl_url_cleanup>> const parsed(curl_url());
    char* text = nullptr;
    if (curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
        curl_url_get(parsed.get(), part, &text, 0) != CURLUE_OK)
        return {};
    std::string result(text);
    curl_free(text);
    return result;
}

bool of_the_broker(std::string_view host) {
    for (std::string_view const domain :
         {".interactivebrokers.com", ".interactivebrokers.com.cn", ".interactivebrokers.com.hk", ".interactivebrokers.co.uk",
          ".interactivebrokers.co.jp", ".interactivebrokers.eu", ".ibkr.com"}) {
        if (host.ends_with(domain)) return true;
    }
    return false;
}

struct Received {
    std::string head;  ///< of the body; all of it where there is no file
    int file = -1;
    std::uint64_t size = 0;
    std::uint64_t size_max = 0;
    bool too_large = false;
    bool disk_failed = false;
};

std::size_t on_body(char* bytes, std::size_t, std::size_t count, void* user) {
    auto& to = *static_cast<Received*>(user);
    to.size += count;
    if (to.size > to.size_max) {
        to.too_large = true;
        return 0;
    }
    if (to.head.size() < response_size_max) to.head.append(bytes, std::min(count, response_size_max - to.head.size()));
    for (std::size_t done = 0; to.file >= 0 && done < count;) {
        auto const written = ::write(to.file, bytes + done, count - done);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            to.disk_failed = true;
            return 0;
        }
        done += static_cast<std::size_t>(written);
    }
    return count;
}

/// Ends a transfer that stands still or is not wanted any more.
struct Progress {
    FlexService::Wait const* wait = nullptr;
    Duration stalled{0};
    curl_off_t bytes = -1;
    std::chrono::steady_clock::time_point moved = std::chrono::steady_clock::now();
    bool stands_still = false;
};

int on_progress(void* user, curl_off_t, curl_off_t received, curl_off_t, curl_off_t sent) {
    auto& progress = *static_cast<Progress*>(user);
    auto const now = std::chrono::steady_clock::now();
    if (received + sent != progress.bytes) {
        progress.bytes = received + sent;
        progress.moved = now;
    }
    progress.stands_still = now - progress.moved > progress.stalled;
    return progress.stands_still || !(*progress.wait)(Duration{0}) ? 1 : 0;
}

}  // namespace

struct FlexService::Answer {
    long status = 0;  ///< of HTTP
    std::string head;
};

FlexService::FlexService(FlexServiceOptions options, std::function<Duration()> steady_now, Wait wait, Tell tell)
    : options_(std::move(options)), steady_now_(std::move(steady_now)), wait_(std::move(wait)), tell_(std::move(tell)) {}

Error FlexService::masked(Error error) const {
    error.message = replaced(std::move(error.message), options_.token.reveal(), "***");
    error.message = replaced(std::move(error.message), escaped(options_.token.reveal()), "***");
    return error;
}

Result<void> FlexService::pause(Duration duration, std::string const& why) {
    if (!why.empty()) tell_(masked({{}, why}).message);
    if (!wait_(duration)) return fail(ErrorCode::unavailable, "stopped while waiting for the Flex Web Service");
    return {};
}

Result<void> FlexService::keep_pace() {
    // A little more than what is allowed: the service counts when requests arrive.
    constexpr Duration gap = std::chrono::milliseconds(1100);
    constexpr Duration minute = std::chrono::seconds(61);
    Duration const now = steady_now_();
    Duration wait{0};
    if (!requests_.empty()) wait = std::max(wait, requests_.back() + gap - now);
    if (requests_.size() >= 10) wait = std::max(wait, requests_[requests_.size() - 10] + minute - now);
    if (wait > Duration{0}) POSSYNC_TRY_VOID(pause(wait, ""));
    requests_.push_back(steady_now_());
    if (requests_.size() > 10) requests_.erase(requests_.begin());
    return {};
}

Result<FlexService::Answer> FlexService::get(std::string const& url, std::string const& query,
                                             std::filesystem::path const* into) {
    POSSYNC_TRY_VOID(keep_pace());
    std::string const host = part_of(url, CURLUPART_HOST);
    std::unique_ptr<CURL, shared_library::Free<curl_easy_cleanup>> const curl(curl_easy_init());
    Received received;
    received.size_max = into != nullptr ? options_.size_max : response_size_max;
    if (into != nullptr) {
        received.file = ::open(into->c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
        if (received.file < 0)
            return fail(ErrorCode::io,
                        fmt::format("{} cannot be written: {}", into->string(), std::generic_category().message(errno)));
    }
    auto const set = [&](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
    std::string const address = url + (url.find('?') == std::string::npos ? "?" : "&") + query;
    auto const seconds = std::max<long>(1, static_cast<long>(std::chrono::ceil<std::chrono::seconds>(options_.stalled).count()));
    set(CURLOPT_URL, address.c_str());
    set(CURLOPT_PROTOCOLS_STR, "https");
    set(CURLOPT_REDIR_PROTOCOLS_STR, "https");
    set(CURLOPT_FOLLOWLOCATION, 1L);
    set(CURLOPT_MAXREDIRS, 3L);
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!options_.ca_file.empty()) set(CURLOPT_CAINFO, options_.ca_file.c_str());
    set(CURLOPT_USERAGENT, "possync");
    set(CURLOPT_ACCEPT_ENCODING, "");
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_CONNECTTIMEOUT, std::min(seconds, 15L));
    set(CURLOPT_TIMEOUT, into != nullptr ? seconds * 30 : seconds * 2);
    set(CURLOPT_WRITEFUNCTION, on_body);
    set(CURLOPT_WRITEDATA, static_cast<void*>(&received));
    set(CURLOPT_NOPROGRESS, 0L);
    Progress progress{&wait_, options_.stalled};
    set(CURLOPT_XFERINFODATA, static_cast<void*>(&progress));
    set(CURLOPT_XFERINFOFUNCTION, on_progress);
    CURLcode code = curl_easy_perform(curl.get());
    if (code == CURLE_ABORTED_BY_CALLBACK && progress.stands_still) code = CURLE_OPERATION_TIMEDOUT;
    Answer answer;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
    bool const closed = received.file < 0 || (::fsync(received.file) == 0 && ::close(received.file) == 0);
    answer.head = std::move(received.head);
    if (received.disk_failed || !closed)
        return fail(ErrorCode::io, fmt::format("{} cannot be written; is the disk full?", into->string()));
    if (received.too_large) {
        return fail(ErrorCode::refused, fmt::format("{} sent more than {} MiB; this is not a statement, check [flex] base_url",
                                                    host, std::max<std::uint64_t>(received.size_max >> 20, 1)));
    }
    switch (code) {
    case CURLE_OK: break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return fail(ErrorCode::refused,
                    fmt::format("{} cannot show that it is {}: {}; check [flex] base_url and ca_file, nothing was sent to it",
                                host, host, curl_easy_strerror(code)));
    case CURLE_UNSUPPORTED_PROTOCOL:
        return fail(
            ErrorCode::refused,
            fmt::format("{} wants to go on without HTTPS; that would show the token to everybody, so it is not done", host));
    case CURLE_TOO_MANY_REDIRECTS:
        return fail(ErrorCode::refused, fmt::format("{} redirects without an end; check [flex] base_url", host));
    case CURLE_OPERATION_TIMEDOUT:
        return fail(ErrorCode::timeout, fmt::format("{} did not answer in time ({} without a byte, or too slowly)", host,
                                                    base::to_string(options_.stalled)));
    case CURLE_ABORTED_BY_CALLBACK: return fail(ErrorCode::unavailable, "stopped while fetching a statement");
    default: return fail(ErrorCode::unavailable, fmt::format("{}: {}", host, curl_easy_strerror(code)));
    }
    return answer;
}

Result<std::filesystem::path> FlexService::fetch(std::string const& query_id, std::filesystem::path const& folder) {
    POSSYNC_TRY_VOID(load_libcurl());
    std::string const token = "t=" + escaped(options_.token.reveal());
    Duration const begin = steady_now_();
    std::string part = (folder / ".possync-flex-XXXXXX").string();
    int const file = ::mkstemp(part.data());
    if (file < 0) {
        return fail(ErrorCode::io,
                    fmt::format("no file can be made in {}: {}", folder.string(), std::generic_category().message(errno)));
    }
    ::close(file);
    struct Remove {
        std::string path;
        ~Remove() { ::unlink(path.c_str()); }
    } const remove{part};

    std::string url = options_.base_url + "/SendRequest";
    std::string query = token + "&q=" + escaped(query_id) + "&v=3";
    std::string reference;
    int refusals = 0;
    int polls = 0;
    std::filesystem::path const part_path(part);
    for (;;) {
        bool const asking = reference.empty();
        auto answer = get(url, query, asking ? nullptr : &part_path);
        Result<statement::FlexResponse> response = fail(ErrorCode::unavailable, "");
        if (!answer) {
            response = std::unexpected(masked(answer.error()));
        } else if (answer->status == 429) {
            response = statement::FlexResponse{"Fail", "", "", "1018", "Too many requests"};
        } else if (answer->status >= 500) {
            response =
                fail(ErrorCode::unavailable, fmt::format("the Flex Web Service answered with HTTP status {}", answer->status));
        } else if (answer->status != 200) {
            return fail(ErrorCode::refused,
                        fmt::format("the Flex Web Service answered with HTTP status {}; check [flex] base_url", answer->status));
        } else if (!asking && answer->head.find(response_root) == std::string::npos) {
            if (answer->head.find("<FlexQueryResponse") == std::string::npos) {
                return std::unexpected(masked(
                    {ErrorCode::refused, fmt::format("the Flex Web Service sent something that is not a statement in XML: {}; "
                                                     "check the format of query {}",
                                                     one_line(answer->head.substr(0, 60)), query_id)}));
            }
            std::filesystem::path const path =
                folder /
                fmt::format("flex-{}-{}.xml", query_id,
                            replaced(replaced(base::to_rfc3339(clock_now().wall).substr(0, 19) + "Z", ":", ""), "-", ""));
            if (::rename(part.c_str(), path.c_str()) != 0) {
                return fail(ErrorCode::io,
                            fmt::format("{} cannot be written: {}", path.string(), std::generic_category().message(errno)));
            }
            return path;
        } else {
            response = statement::parse_flex_response(answer->head);
            if (!response) return std::unexpected(response.error());
        }
        if (response && response->error_code.empty() && asking && !response->reference_code.empty()) {
            if (!response->url.empty()) {
                std::string const host = part_of(response->url, CURLUPART_HOST);
                if (part_of(response->url, CURLUPART_SCHEME) != "https" ||
                    (host != part_of(options_.base_url, CURLUPART_HOST) && !of_the_broker(host))) {
                    return std::unexpected(
                        masked({ErrorCode::refused,
                                fmt::format(
                                    "the Flex Web Service sends us to {}, which is not the broker's; the token is not sent there",
                                    one_line(host.empty() ? response->url : host))}));
                }
                url = response->url;
            } else {
                url = options_.base_url + "/GetStatement";
            }
            reference = response->reference_code;
            query = token + "&q=" + escaped(reference) + "&v=3";
            continue;
        }
        // What remains are errors: of the service, with a code, or of the way to it.
        auto const retry = response ? statement::flex_retry(response->error_code)
                           : response.error().code == ErrorCode::unavailable || response.error().code == ErrorCode::timeout
                               ? statement::FlexRetry::later
                               : statement::FlexRetry::never;
        if (!response && retry == statement::FlexRetry::never) return std::unexpected(response.error());
        std::string what = response ? fmt::format("the Flex Web Service answered query {} with error {}: {}", query_id,
                                                  one_line(response->error_code), one_line(response->error_message))
                                    : response.error().message;
        ErrorCode const kind = response ? ErrorCode::unavailable : response.error().code;
        switch (retry) {
        case statement::FlexRetry::never: {
            auto const advice = statement::flex_advice(response->error_code);
            return std::unexpected(masked({ErrorCode::refused, what + (advice.empty() ? "" : "; " + std::string(advice))}));
        }
        case statement::FlexRetry::much_later:
            return std::unexpected(
                masked({ErrorCode::unavailable, what + "; wait ten minutes at least, or the address is locked out"}));
        case statement::FlexRetry::soon: {
            if (steady_now_() - begin > options_.patience)
                return std::unexpected(masked({ErrorCode::unavailable, what + "; ask again later"}));
            Duration const delay =
                std::min<Duration>(std::chrono::seconds(5) * (1 << std::min(polls++, 3)), std::chrono::seconds(30));
            POSSYNC_TRY_VOID(pause(delay, fmt::format("query {}: the statement is being made, asking again in {}", query_id,
                                                      base::to_string(delay))));
            break;
        }
        case statement::FlexRetry::later: {
            if (refusals >= 3) return std::unexpected(masked({kind, what + "; ask again later"}));
            Duration const delay = std::chrono::seconds(30) * (1 << refusals++);
            POSSYNC_TRY_VOID(pause(delay, fmt::format("{}; asking again in {}", what, base::to_string(delay))));
            break;
        }
        }
    }
}

Result<base::Secret> flex_token(Configuration const& configuration) {
    auto const& direct = configuration.flex_token.reveal();
    if (!direct.empty()) {
        if (direct.find_first_not_of('*') == std::string::npos) {
            return fail(ErrorCode::invalid_input,
                        "flex.token is what `possync config` prints instead of it; write the token, or better a token_file");
        }
        return configuration.flex_token;
    }
    std::string const& path = configuration.flex_token_file;
    if (path.empty()) {
        return fail(
            ErrorCode::invalid_input,
            "no token of the Flex Web Service; make one in the Client Portal (Flex Queries, Flex Web Service Configuration), "
            "put it into a file of mode 600 and name that in flex.token_file");
    }
    return read_secret_file(path, "flex.token_file");
}

}  // namespace possync::app
