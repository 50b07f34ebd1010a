// FlexService: asks the broker's Flex Web Service (version 3) for a statement and puts it into a file.
//
//   SendRequest(token, query) -> reference code, Url -> GetStatement(token, reference code) at that Url, again until it is made
//
// HTTPS only, the server's certificate is checked; the Url must be of the configured host or of the broker's. The token is in no
// text that leaves here: it is sent, and masked in whatever the service or the libraries say. At most one request a second and
// ten a minute, which is what the service allows to a token. Blocks; one object in one thread.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "app/config.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "base/time.hpp"

namespace possync::app {

struct FlexServiceOptions {
    std::string base_url;
    base::Secret token;
    std::string ca_file;                                 ///< empty: the system's
    base::Duration stalled = std::chrono::seconds(60);   ///< without a byte: given up
    base::Duration patience = std::chrono::minutes(10);  ///< for a statement that is being made
    std::uint64_t size_max = std::uint64_t{2} << 30;     ///< of a statement, unpacked
};

class FlexService {
public:
    /// Sleeps (for zero it only looks); false when there is to be an end to it.
    using Wait = std::function<bool(base::Duration)>;
    /// One line for a person who waits.
    using Tell = std::function<void(std::string const&)>;

    FlexService(FlexServiceOptions options, std::function<base::Duration()> steady_now, Wait wait, Tell tell);

    /// The statement of this query as a new file flex-ID-TIME.xml in `folder`, readable by its owner only, complete or not there.
    /// Errors: refused when a person has to act (token, query, certificate, size), unavailable or timeout when asking later makes
    /// sense.
    [[nodiscard]] base::Result<std::filesystem::path> fetch(std::string const& query_id, std::filesystem::path const& folder);

private:
    struct Answer;
    base::Result<Answer> get(std::string const& url, std::string const& query, std::filesystem::path const* into);
    base::Result<void> keep_pace();
    base::Result<void> pause(base::Duration duration, std::string const& why);
    base::Error masked(base::Error error) const;

    FlexServiceOptions options_;
    std::function<base::Duration()> steady_now_;
    Wait wait_;
    Tell tell_;
    std::vector<base::Duration> requests_;  ///< when the last ten were sent
};

/// Imports a fetched file, which is removed afterwards.
using FlexImport = std::function<base::Result<void>(std::filesystem::path const& file, FlexQueryConfig const& query)>;

/// From $POSSYNC_FLEX_TOKEN, flex.token or flex.token_file. A file that others can read is refused, unless below /run/secrets,
/// where container runtimes put secrets with modes of their own.
[[nodiscard]] base::Result<base::Secret> flex_token(Configuration const& configuration);

}  // namespace possync::app
