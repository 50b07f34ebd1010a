// Against a real HTTPS server (test/e2e/flex_server.py); only the waiting is not real: it moves the clock that the pace is kept
// by.
#include "app/flex_service.hpp"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/flex_schedule.hpp"
#include "app/log.hpp"
#include "app/zones.hpp"

namespace possync::app {
namespace {

using base::Duration;
using base::ErrorCode;
using testing::HasSubstr;

constexpr char const* token = "canary+0123456789";  // masked as it is, and as it is written in a URL

class Server {
public:
    Server() {
        std::string name = "/tmp/possync-flex-test-XXXXXX";
        folder = ::mkdtemp(name.data());
        int in[2];
        int out[2];
        if (::pipe(in) != 0 || ::pipe(out) != 0) std::abort();
        std::string const script = std::string(POSSYNC_SOURCE_DIR) + "/test/e2e/flex_server.py";
        pid_ = ::fork();
        if (pid_ == 0) {
            ::dup2(in[0], 0), ::dup2(out[1], 1);
            ::close(in[1]), ::close(out[0]);
            ::execlp("python3", "python3", script.c_str(), folder.c_str(), nullptr);
            ::_exit(127);
        }
        ::close(in[0]), ::close(out[1]);
        stdin_ = in[1];
        for (char c = 0; ::read(out[0], &c, 1) == 1 && c != '\n';)
            port += c;
        ::close(out[0]);
    }
    ~Server() {
        ::close(stdin_);
        ::waitpid(pid_, nullptr, 0);
        std::filesystem::remove_all(folder);
    }
    [[nodiscard]] std::string url() const { return "https://127.0.0.1:" + port + "/flex"; }

    std::filesystem::path folder;
    std::string port;

private:
    pid_t pid_ = 0;
    int stdin_ = -1;
};

Server& server() {
    static Server instance;
    return instance;
}

struct Fetched {
    base::Result<std::filesystem::path> outcome;
    std::vector<std::string> told;
    std::vector<Duration> waits;
    std::vector<Duration> steady;  ///< of the clock at each wait
};

Fetched fetch(std::string const& query, auto const& change) {
    Fetched fetched;
    FlexServiceOptions options;
    options.base_url = server().url();
    options.token = base::Secret(token);
    options.ca_file = server().folder / "cert.pem";
    change(options);
    Duration now{0};
    FlexService service(
        std::move(options), [&] { return now; },
        [&](Duration duration) {
            now += duration;
            if (duration > Duration{0}) fetched.waits.push_back(duration);
            return true;
        },
        [&](std::string const& text) { fetched.told.push_back(text); });
    fetched.outcome = service.fetch(query, server().folder);
    for (auto const& text : fetched.told)
        EXPECT_THAT(text, testing::Not(HasSubstr(token)));
    if (!fetched.outcome) {
        EXPECT_THAT(fetched.outcome.error().message, testing::Not(HasSubstr(token)));
        EXPECT_THAT(fetched.outcome.error().message, testing::Not(HasSubstr("\n")));
        // Nothing half fetched stays.
        for (auto const& entry : std::filesystem::directory_iterator(server().folder)) {
            EXPECT_THAT(entry.path().filename().string(), testing::Not(testing::StartsWith(".possync")));
        }
    }
    return fetched;
}
Fetched fetch(std::string const& query) {
    return fetch(query, [](FlexServiceOptions&) {});
}
std::string content(std::filesystem::path const& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

TEST(FlexService, FetchesAStatementIntoAFileOfItsOwner) {
    auto const fetched = fetch("1");
    ASSERT_TRUE(fetched.outcome) << fetched.outcome.error().message;
    EXPECT_THAT(fetched.outcome->filename().string(), testing::MatchesRegex("flex-1-[0-9]{8}T[0-9]{6}Z\\.xml"));
    EXPECT_THAT(content(*fetched.outcome), HasSubstr("<FlexQueryResponse"));
    struct stat info{};
    ASSERT_EQ(::stat(fetched.outcome->c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    EXPECT_THAT(content(server().folder / "requests"),
                testing::AllOf(HasSubstr("/flex/SendRequest 1 v=3 possync"), HasSubstr("/flex/GetStatement ref1 v=3 possync")));
    EXPECT_EQ(fetched.waits.size(), 1U);  // one request a second
}

TEST(FlexService, WaitsForAStatementThatIsBeingMade) {
    auto const fetched = fetch("3");
    ASSERT_TRUE(fetched.outcome) << fetched.outcome.error().message;
    ASSERT_EQ(fetched.told.size(), 2U);
    EXPECT_THAT(fetched.told[0], HasSubstr("asking again in 5s"));
    EXPECT_THAT(fetched.told[1], HasSubstr("asking again in 10s"));
}

TEST(FlexService, FetchesAtTheAddressThatItIsTold) {
    EXPECT_TRUE(fetch("4").outcome);
    auto const foreign = fetch("5");
    ASSERT_FALSE(foreign.outcome);
    EXPECT_THAT(foreign.outcome.error().message,
                HasSubstr("statements.example.org, which is not the broker's; the token is not sent there"));
    auto const open = fetch("6");
    ASSERT_FALSE(open.outcome);
    EXPECT_THAT(open.outcome.error().message, HasSubstr("the token is not sent there"));
}

TEST(FlexService, EachErrorOfTheServiceIsOfItsClass) {
    for (auto const* code : {"1003", "1010", "1011", "1012", "1013", "1014", "1015", "1016", "1017", "1020"}) {
        auto const fetched = fetch(std::string("2") + code);
        ASSERT_FALSE(fetched.outcome) << code;
        EXPECT_EQ(fetched.outcome.error().code, ErrorCode::refused) << code;
        EXPECT_THAT(fetched.outcome.error().message, HasSubstr(std::string("error ") + code + ": A message.")) << code;
        EXPECT_TRUE(fetched.waits.empty()) << code;
    }
    for (auto const* code : {"1001", "1004", "1005", "1006", "1007", "1008", "1009", "1021"}) {
        auto const fetched = fetch(std::string("2") + code);
        ASSERT_FALSE(fetched.outcome) << code;
        EXPECT_EQ(fetched.outcome.error().code, ErrorCode::unavailable) << code;
        EXPECT_EQ(fetched.waits,
                  (std::vector<Duration>{std::chrono::seconds(30), std::chrono::seconds(60), std::chrono::seconds(120)}))
            << code;
    }
    auto const throttled = fetch("21018");
    ASSERT_FALSE(throttled.outcome);
    EXPECT_THAT(throttled.outcome.error().message, HasSubstr("wait ten minutes"));
    EXPECT_TRUE(throttled.waits.empty());
    EXPECT_THAT(fetch("14").outcome.error().message, HasSubstr("wait ten minutes"));
    EXPECT_THAT(fetch("21012").outcome.error().message, HasSubstr("make a new token"));
}

TEST(FlexService, GivesUpOnAStatementThatIsNeverMade) {
    auto const fetched = fetch("21019");
    ASSERT_FALSE(fetched.outcome);
    EXPECT_EQ(fetched.outcome.error().code, ErrorCode::unavailable);
    EXPECT_THAT(fetched.outcome.error().message, HasSubstr("ask again later"));
    // At most ten requests in any minute.
    EXPECT_LT(fetched.waits.size(), 30U);
}

TEST(FlexService, KeepsThePaceOverManyQueries) {
    Duration now{0};
    std::vector<Duration> sent;
    FlexServiceOptions options;
    options.base_url = server().url();
    options.token = base::Secret(token);
    options.ca_file = server().folder / "cert.pem";
    FlexService service(
        std::move(options), [&] { return now; },
        [&](Duration duration) {
            now += duration;
            return true;
        },
        [](std::string const&) {});
    for (int i = 0; i < 12; ++i) {
        ASSERT_FALSE(service.fetch("21012", server().folder));
        sent.push_back(now);
    }
    for (std::size_t i = 1; i < sent.size(); ++i)
        EXPECT_GE(sent[i] - sent[i - 1], std::chrono::seconds(1));
    EXPECT_GE(sent[10] - sent[0], std::chrono::seconds(60));
    EXPECT_GE(sent[11] - sent[1], std::chrono::seconds(60));
}

TEST(FlexService, TroubleOnTheWayIsOneClearError) {
    EXPECT_TRUE(fetch("9").outcome);  // HTTP 503 once
    EXPECT_THAT(fetch("10").outcome.error().message, HasSubstr("HTTP status 404; check [flex] base_url"));
    EXPECT_THAT(fetch("11").outcome.error().message, HasSubstr("wants to go on without HTTPS"));
    EXPECT_THAT(fetch("12").outcome.error().message, HasSubstr("not a statement in XML"));
    EXPECT_THAT(fetch("15").outcome.error().message, HasSubstr("sent more than"));
    auto const expired = fetch("13");
    EXPECT_THAT(expired.outcome.error().message, HasSubstr("Token *** has expired."));
    auto const large = fetch("7", [](FlexServiceOptions& options) { options.size_max = 1 << 20; });
    EXPECT_THAT(large.outcome.error().message, HasSubstr("sent more than 1 MiB"));
    EXPECT_TRUE(fetch("7").outcome);
    auto const slow = fetch("8", [](FlexServiceOptions& options) { options.stalled = std::chrono::seconds(1); });
    ASSERT_FALSE(slow.outcome);
    EXPECT_EQ(slow.outcome.error().code, ErrorCode::timeout);
    auto const away = fetch("1", [](FlexServiceOptions& options) { options.base_url = "https://127.0.0.1:1/flex"; });
    ASSERT_FALSE(away.outcome);
    EXPECT_EQ(away.outcome.error().code, ErrorCode::unavailable);
}

TEST(FlexService, ACertificateThatNobodyVouchesForIsRefusedAtOnce) {
    auto const fetched = fetch("1", [](FlexServiceOptions& options) { options.ca_file.clear(); });
    ASSERT_FALSE(fetched.outcome);
    EXPECT_EQ(fetched.outcome.error().code, ErrorCode::refused);
    EXPECT_THAT(fetched.outcome.error().message, HasSubstr("cannot show that it is 127.0.0.1"));
    auto const other_name =
        fetch("1", [](FlexServiceOptions& options) { options.base_url = "https://localhost:" + server().port + "/flex"; });
    ASSERT_FALSE(other_name.outcome);
    EXPECT_THAT(other_name.outcome.error().message, HasSubstr("cannot show that it is localhost"));
}

TEST(FlexToken, IsTakenFromAFileOfItsOwnerOnly) {
    auto const file = server().folder / "token";
    std::ofstream(file) << token << "\n";
    Configuration configuration;
    EXPECT_THAT(flex_token(configuration).error().message, HasSubstr("flex.token_file"));
    configuration.flex_token_file = file;
    ::chmod(file.c_str(), 0644);
    EXPECT_THAT(flex_token(configuration).error().message, HasSubstr("chmod 600"));
    ::chmod(file.c_str(), 0600);
    ASSERT_TRUE(flex_token(configuration));
    EXPECT_EQ(flex_token(configuration)->reveal(), token);
    configuration.flex_token = base::Secret("***");
    EXPECT_FALSE(flex_token(configuration));
    std::ofstream(file, std::ios::trunc) << "a b";
    configuration.flex_token = {};
    EXPECT_THAT(flex_token(configuration).error().message, HasSubstr("does not hold one secret"));
}

TEST(FlexConfiguration, IsReadPrintedAndMasked) {
    auto const read = [](std::string const& text, std::map<std::string, std::string> const& environment = {}) {
        return parse_configuration(text, "possync.toml", environment);
    };
    auto const configuration = read("[flex]\nfetch_at = \"06:05\"\nbase_url = \"https://127.0.0.1:9/flex\"\n[[flex.query]]\nid = "
                                    "\"123456\"\naccount = \"U1\"\n"
                                    "[[flex.query]]\nid = \"7\"\n",
                                    {{"POSSYNC_FLEX_TOKEN", token}, {"POSSYNC_FLEX_TOKEN_FILE", "/x"}});
    ASSERT_TRUE(configuration) << configuration.error().message;
    EXPECT_EQ(configuration->flex_queries.size(), 2U);
    EXPECT_EQ(configuration->flex_queries[0].account, "U1");
    EXPECT_EQ(configuration->flex_token.reveal(), token);
    EXPECT_EQ(configuration->flex_token_file, "/x");
    std::string const printed = print_configuration(*configuration);
    EXPECT_THAT(printed, testing::Not(HasSubstr(token)));
    EXPECT_THAT(printed, testing::AllOf(HasSubstr("fetch_at = \"06:05\""), HasSubstr("token = \"***\""),
                                        HasSubstr("[[flex.query]]\nid = \"123456\"")));
    auto const again = read(printed);
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(print_configuration(*again), printed);
    for (auto const& [text, message] : std::initializer_list<std::pair<char const*, char const*>>{
             {"[flex]\nbase_url = \"http://x\"", "possync.toml:2: flex.base_url"},
             {"[flex]\nfetch_at = \"24:00\"", "'24:00' is not a time of day"},
             {"[flex]\nzone = \"Mars\"", "is not a time zone"},
             {"[flex]\nquery = 5", "write [[flex.query]]"},
             {"[[flex.query]]\nid = \"x\"", "write the number of the Flex query"},
             {"[[flex.query]]\naccount = \"U1\"", "flex.query.id is missing"},
             {"[[flex.query]]\nid = \"1\"\n[[flex.query]]\nid = \"1\"", "there twice"},
             {"[[flex.query]]\nid = 123", "flex.query.id must be text in quotes"}}) {
        auto const failed = read(text);
        ASSERT_FALSE(failed) << text;
        EXPECT_THAT(failed.error().message, HasSubstr(message)) << text;
    }
}

TEST(FlexSchedule, FetchesOnceADayAfterItsTime) {
    auto const utc = [](char const* text) { return *base::parse_rfc3339(text); };
    std::int64_t const at = *parse_time_of_day("18:30");
    auto const next = [&](char const* now, char const* last) {
        auto const result = next_flex_fetch(utc(now), last == nullptr ? std::nullopt : std::optional(utc(last)), at,
                                            "America/New_York", system_zones());
        return base::to_rfc3339(*result).substr(0, 16);
    };
    EXPECT_EQ(next("2025-09-11T23:00:00Z", nullptr), "2025-09-11T22:30");                 // today's time has passed
    EXPECT_EQ(next("2025-09-11T20:00:00Z", nullptr), "2025-09-10T22:30");                 // yesterday's was never fetched
    EXPECT_EQ(next("2025-09-11T20:00:00Z", "2025-09-10T22:31:00Z"), "2025-09-11T22:30");  // later today
    EXPECT_EQ(next("2025-09-11T23:00:00Z", "2025-09-11T22:31:00Z"), "2025-09-12T22:30");  // done for today
    EXPECT_EQ(next("2025-09-11T22:30:00Z", "2025-09-11T22:29:00Z"), "2025-09-11T22:30");  // due now
    EXPECT_EQ(next("2025-11-02T12:00:00Z", "2025-11-01T22:31:00Z"), "2025-11-02T23:30");  // the clocks changed
}

TEST(FlexSchedule, RemembersWhatItFetched) {
    auto const file = server().folder / "book.db.flex-fetches";
    std::map<std::string, base::Timestamp> const fetches{{"1", {1'000'000}}, {"22", {2'000'000}}};
    ASSERT_TRUE(write_flex_fetches(file, fetches));
    EXPECT_EQ(read_flex_fetches(file), fetches);
    EXPECT_TRUE(read_flex_fetches(server().folder / "none").empty());
    EXPECT_FALSE(write_flex_fetches(server().folder / "no" / "folder", fetches));
}

TEST(FlexSchedule, FetchesImportsAndDoesNotAskAgain) {
    Configuration configuration;
    configuration.database_url = "sqlite:///" + (server().folder / "scheduled.db").string();
    configuration.flex_base_url = server().url();
    configuration.flex_ca_file = server().folder / "cert.pem";
    configuration.flex_token = base::Secret(token);
    configuration.flex_queries = {{"1", "U1234567"}};
    std::mutex mutex;
    std::condition_variable changed;
    int imports = 0;
    std::filesystem::path imported;
    FlexImport const import = [&](std::filesystem::path const& file, FlexQueryConfig const& query) -> base::Result<void> {
        EXPECT_EQ(query.account, "U1234567");
        EXPECT_THAT(content(file), HasSubstr("<FlexQueryResponse"));
        std::lock_guard const lock(mutex);
        imported = file;
        ++imports;
        changed.notify_all();
        return {};
    };
    {
        FlexSchedule const schedule(configuration, import);
        std::unique_lock lock(mutex);
        ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(20), [&] { return imports == 1; }));
        lock.unlock();
        // Its record is written right after the import.
        for (int i = 0; i < 100 && read_flex_fetches(server().folder / "scheduled.db.flex-fetches").empty(); ++i)
            ::usleep(50'000);
    }
    EXPECT_FALSE(std::filesystem::exists(imported));
    EXPECT_EQ(read_flex_fetches(server().folder / "scheduled.db.flex-fetches").count("1"), 1U);
    {
        FlexSchedule const again(configuration, import);
        ::usleep(300'000);
    }
    EXPECT_EQ(imports, 1);
}

TEST(FlexSchedule, ATimeThatTheClocksSkipComesAnHourLater) {
    auto const utc = [](char const* text) { return *base::parse_rfc3339(text); };
    auto const at = *parse_time_of_day("02:30");
    auto const due = next_flex_fetch(utc("2025-03-09T12:00:00Z"), std::nullopt, at, "America/New_York", system_zones());
    ASSERT_TRUE(due);
    EXPECT_EQ(base::to_rfc3339(*due).substr(0, 16), "2025-03-09T07:30") << "03:30 there";
    EXPECT_FALSE(next_flex_fetch(utc("2025-03-09T12:00:00Z"), std::nullopt, at, "Mars/Olympus", system_zones()));
}

TEST(FlexSchedule, WhatItRemembersIsReadWhereItIsWhole) {
    auto const file = server().folder / "damaged.flex-fetches";
    std::ofstream(file) << "1 2025-09-11T22:31:00Z\n2 yesterday\n3";
    auto const fetches = read_flex_fetches(file);
    EXPECT_EQ(fetches.size(), 1U);
    EXPECT_EQ(fetches.count("1"), 1U);
    // A folder of that name cannot be written over.
    auto const folder = server().folder / "taken.flex-fetches";
    std::filesystem::create_directories(folder / "inside");
    auto const written = write_flex_fetches(folder, fetches);
    ASSERT_FALSE(written);
    EXPECT_THAT(written.error().message, HasSubstr("taken.flex-fetches cannot be written"));
}

/// Told once, with when.
TEST(FlexSchedule, AFetchThatFailsIsTriedAgain) {
    struct Case {
        char const* name;
        void (*change)(Configuration&);
        char const* level;
        char const* says;
        int milliseconds;  ///< until it has failed; between two requests there is a second
    };
    for (auto const& [name, change, level, says, milliseconds] :
         {Case{"no token", [](Configuration& each) { each.flex_token = {}; }, "error", "; tried again at ", 400},
          Case{"the import fails", [](Configuration&) {}, "error", "not this account; tried again at ", 2500}}) {
        SCOPED_TRACE(name);
        Configuration configuration;
        configuration.database_url = "sqlite:///" + (server().folder / "failing.db").string();
        configuration.flex_base_url = server().url();
        configuration.flex_ca_file = server().folder / "cert.pem";
        configuration.flex_token = base::Secret(token);
        configuration.flex_queries = {{"1", "U1234567"}};
        change(configuration);
        set_up_log("info", "text");
        testing::internal::CaptureStderr();
        {
            FlexSchedule const schedule(configuration,
                                        [](std::filesystem::path const&, FlexQueryConfig const&) -> base::Result<void> {
                                            return base::fail(ErrorCode::refused, "not this account");
                                        });
            ::usleep(static_cast<useconds_t>(milliseconds) * 1000);
        }
        auto const said = testing::internal::GetCapturedStderr();
        EXPECT_THAT(said, testing::ContainsRegex(std::string(" ") + level + " +flex.failed"));
        EXPECT_THAT(said, HasSubstr(says));
        EXPECT_EQ(said.find("flex.failed"), said.rfind("flex.failed")) << "told once: " << said;
        EXPECT_TRUE(read_flex_fetches(server().folder / "failing.db.flex-fetches").empty()) << "what failed was not fetched";
    }
    set_up_log("error", "text");
}

}  // namespace
}  // namespace possync::app
