// Wrong configuration of every kind: one line that names file, line and key and says what to write. The environment is judged
// alike.
#include "app/config.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include <boost/json.hpp>

#include "app/alerts.hpp"
#include "app/secret_file.hpp"
#include "app/sinks.hpp"
#include "app/temporary_folder.hpp"

namespace possync::app {
namespace {

std::string refusal(std::string const& toml, std::map<std::string, std::string> const& environment = {}) {
    auto const read = parse_configuration(toml, "possync.toml", environment);
    return read ? "" : read.error().message;
}

TEST(Config, WhatIsWrongIsNamedWithItsLine) {
    struct Row {
        char const* toml;
        char const* says;
    };
    for (auto const& [toml, says] : {
             Row{"[sync]\ninterval = \"1s\"", "possync.toml:2: sync.interval: 1s is too short; at least 10s"},
             Row{"[sync]\ninterval = \"soon\"", "is not a duration"},
             Row{"[sync]\ninterval = 5", "sync.interval must be a duration in quotes like \"5m\""},
             Row{"[sync]\nenabled = \"yes\"", "sync.enabled must be true or false"},
             Row{"[sync]\ncost_basis = \"best\"", "'best' is not one of average, fifo, lifo, hifo"},
             Row{"[sync]\non_missing = \"ask\"", "'ask' is not one of close, warn"},
             Row{"[sync]\nkeep_runs_days = 0", "0 is not between 1 and 36500"},
             Row{"[sync]\nkeep_runs_days = \"7\"", "must be a whole number"},
             Row{"[sync]\nsettle = \"9s\"", "sync.settle is longer than sync.settle_max"},
             Row{"[sync]\nfrequency = 1", "unknown key sync.frequency; the keys are enabled, interval"},
             Row{"sync = 1", "sync is a section: write [sync]"},
             Row{"[nonsense]\n", "unknown section [nonsense]; the sections are"},
             Row{"[gateway]\nport = 1", "gateway is a list: write [[gateway]]"},
             Row{"gateway = [1]", "gateway is a list of tables: write [[gateway]]"},
             Row{"[[gateway]]\nport = 70000", "possync.toml:2: gateway.port: 70000 is not between 1 and 65535"},
             Row{"[[gateway]]\nport = \"4002\"", "gateway.port must be a whole number"},
             Row{"[[gateway]]\nexpect = \"demo\"", "'demo' is not one of live, paper, any"},
             Row{"[[gateway]]\ntime_zone = \"Mars/Olympus\"", "is not a time zone; write one like America/New_York"},
             Row{"[[gateway]]\naccounts = \"DU1\"", "must be a list like [\"DU1234567\"]"},
             Row{"[[gateway]]\naccounts = [1]", "must be a list like"},
             Row{"[[gateway]]\nrecording_limit = 5", "must be a size in quotes like \"64M\""},
             Row{"[[gateway]]\nrecording_limit = \"big\"", "gateway.recording_limit"},
             Row{"[[gateway]]\nname = \"\"", "gateway.name is empty"},
             Row{"[[gateway]]\nname = \"a\"\n[[gateway]]\nname = \"a\"", "named a"},
             Row{"[[account]]\ncost_basis = \"best\"", "account.cost_basis"},
             Row{"[[account]]\ncost_basis = \"fifo\"", "account.code is missing"},
             Row{"[[gateway]]\nname = \"a\"\nrecording = \"r\"\n[[gateway]]\nname = \"b\"\nrecording = \"r\"",
                 "two gateways record in r"},
             Row{"[[flex.query]]\naccount = \"DU1\"", "flex.query.id is missing"},
             Row{"[[flex.query]]\nid = \"1\"\n[[flex.query]]\nid = \"1\"", "flex.query.id 1 is there twice"},
             Row{"[account]\ncode = \"DU1\"", "account is a list: write [[account]]"},
             Row{"[report]\nzone = \"here\"", "report.zone: 'here' is not a time zone"},
             Row{"[http]\nlisten = \"somewhere\"", "http.listen"},
             Row{"[http]\nhosts = [\"https://x\"]", "is no host name; write names without scheme and port"},
             Row{"[http]\nhosts = [\"x:80\"]", "is no host name"},
             Row{"[http]\nmax_connections = 0", "is not between 1 and 100000"},
             Row{"[http]\nlisten = \"0.0.0.0:8321\"", "token"},
             Row{"[http]\ncertificate_file = \"a\"", "key_file"},
             Row{"[flex]\nfetch_at = \"25:00\"", "'25:00' is not a time of day; write it like 18:30"},
             Row{"[flex]\nfetch_at = \"12:60\"", "is not a time of day"},
             Row{"[flex]\nfetch_at = \"noon\"", "is not a time of day"},
             Row{"[flex]\nfetch_at = \"1x:00\"", "is not a time of day"},
             Row{"[flex]\nbase_url = \"http://example.com\"", "write an address like https://"},
             Row{"[flex]\nbase_url = \"https://\"", "write an address like https://"},
             Row{"[flex]\nbase_url = \"https://me@example.com\"", "without a user"},
             Row{"[flex]\nbase_url = \"https://example.com/\"", "without a slash at its end"},
             Row{"[[flex.query]]\nid = \"12x\"", "write the number of the Flex query as text"},
             Row{"[[flex.query]]\nid = \"\"", "write the number of the Flex query as text"},
             Row{"[flex]\nquery = 1", "flex.query is a list: write [[flex.query]]"},
             Row{"[database]\nurl = \"oracle://x\"", "database.url"},
             Row{"[outbox]\nkeep_days = 0", "is not between 1 and 3650"},
             Row{"[[sink]]\nurl = \"https://x\"", "sink.name is missing"},
             Row{"[[sink]]\nname = \"\"", "write a name of 1 to 64 characters"},
             Row{"[[sink]]\nname = \"a\"\nurl = \"https://x\"\n[[sink]]\nname = \"a\"\nurl = \"https://x\"",
                 "two sinks are named a"},
             Row{"[[sink]]\nname = \"a\"\nurl = \"http://example.com\"", "must begin with https://"},
             Row{"[[sink]]\nname = \"a\"\nurl = \"http://127.0.0.1.example.com\"", "must begin with https://"},
             Row{"[[sink]]\nname = \"a\"\nurl = \"http://localhost@example.com\"", "must begin with https://"},
             Row{"[[sink]]\nname = \"a\"\ntype = \"nats\"\nurl = \"https://x\"", "must begin with nats:// or tls://"},
             Row{"[[sink]]\nname = \"a\"\ntype = \"nats\"\nurl = \"nats://x\"\nsubject = \"a b\"", "may hold no blank"},
             Row{"[[sink]]\nname = \"a\"\ntype = \"nats\"\nurl = \"tls://x\"\nsubject = \"\"", "may hold no blank"},
             Row{"[[alert]]", "alert.name is missing"},
             Row{"[[alert]]\nname = \"a\"", "alert a: url is missing, which webhook needs"},
             Row{"[[alert]]\nname = \"a\"\ntype = \"ntfy\"", "alert a: topic is missing, which ntfy needs"},
             Row{"[[alert]]\nname = \"a\"\ntype = \"telegram\"\ntopic = \"1\"", "alert a: token is missing, which telegram needs"},
             Row{"[[alert]]\nname = \"a\"\nurl = \"http://example.com\"", "must begin with https://"},
             Row{"[[alert]]\nname = \"a\"\nurl = \"https://x\"\nurl_file = \"x\"", "has a url and a url_file"},
             Row{"[[alert]]\nname = \"a\"\ntype = \"ntfy\"\ntopic = \"t\"\ntopic_file = \"x\"", "has a topic and a topic_file"},
             Row{"[[alert]]\nname = \"a\"\ntype = \"telegram\"\ntopic = \"1\"\ntoken = \"t\"\ntoken_file = \"x\"", "has a token and a token_file"},
             Row{"[[sink]]\nname = \"a\"\nurl = \"https://\"", "must begin with https://"},
             Row{"[[sink]]\nname = \"a\"\nurl = \"http://[::1]x\"", "must begin with https://"},
             Row{"[[sink]]\nname = \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "write a name of 1 to 64 characters"},
             Row{"[alerts]\nholidays = [\"2026-02-30\"]", "alerts.holidays"},
             Row{"[flex]\nfetch_at = \"12-30\"", "is not a time of day"},
             Row{"[flex]\nfetch_at = \"/2:30\"", "is not a time of day"},
             Row{"[http]\nlisten = \"face:80\"", "can be reached from other machines"},
             Row{"[[alert]]\nname = \"a\"\nurl = \"https://x\"\n[[alert]]\nname = \"a\"\nurl = \"https://x\"", "two alerts are named a"},
             Row{"[[alert]]\nname = \"a\"\nconditions = [\"fire\"]", "'fire' is not one of quantity_break, guard"},
             Row{"[alerts]\nsessions = [\"Mon 9-5\"]", "is no session; write one like Mon-Fri 09:30-16:00"},
             Row{"[alerts]\nholidays = [\"Christmas\"]", "alerts.holidays"},
             Row{"[[gateway]]\nrestarts_at = \"11:45 PM\"", "is not a time of day"},
             Row{"[[sink]]\nname = \"a\"\nurl = \"https://x\"\nsecret = \"1\"\nsecret_file = \"f\"", "keep one"},
             Row{"[[sink]]\nname = \"a\"\ntype = \"post\"", "'post' is not one of webhook, nats"},
             Row{"[[sink]]\nname = \"a\"\nurl = \"https://x\"\ntimeout = \"1ms\"", "is too short; at least 100ms"},
             Row{"[log]\nlevel = \"loud\"", "'loud' is not one of debug, info, warning, error"},
             Row{"[log\n", "possync.toml:1:"},
             // What is wrong only beside something else is named with its line too.
             Row{"[[gateway]]\nname = \"a\"\n[[gateway]]\nname = \"a\"", "possync.toml:4: two gateways are named a; names must differ"},
             Row{"[[gateway]]\nmax_server_version = 150\nmin_server_version = 200", "possync.toml:3: gateway.min_server_version 200 is above max_server_version 150"},
             Row{"[[gateway]]\nhost = \"\"", "possync.toml:2: gateway.host is empty; write where the gateway runs"},
             Row{"[[account]]\ncode = \"DU1\"\n[[account]]\ncode = \"DU2\"\n[[account]]\ncode = \"DU1\"", "possync.toml:6: account.code DU1 is there twice"},
             Row{"\n[[account]]\ncost_basis = \"fifo\"", "possync.toml:2: account.code is missing"},
             Row{"[sync]\nenabled = true\nsettle = \"9s\"", "possync.toml:3: sync.settle is longer"},
             Row{"[sync]\nsettle_max = \"1ms\"", "possync.toml:2: sync.settle is longer"},
             Row{"[flex]\n[[flex.query]]\nid = \"1\"\n[[flex.query]]\nid = \"1\"", "possync.toml:5: flex.query.id 1 is there twice"},
             Row{"[[sink]]\nname = \"a\"", "possync.toml:1: sink a: the url must begin with"},
             Row{"[[sink]]\nname = \"a\"\nurl = \"https://x\"\n[[sink]]\nname = \"b\"\nurl = \"ftp://x\"", "possync.toml:6: sink b: the url must begin with"},
             Row{"[[alert]]\nname = \"a\"\nurl = \"http://example.com\"", "possync.toml:3: alert a: the url must"},
             Row{"[[alert]]\nname = \"a\"\ntype = \"ntfy\"", "possync.toml:1: alert a: topic is missing"},
             Row{"[http]\nkey_file = \"a\"", "possync.toml:2: http.certificate_file and http.key_file go together"},
             Row{"[http]\nlisten = \"0.0.0.0:8321\"", "possync.toml:2: http.listen 0.0.0.0:8321 can be reached"},
         }) {
        auto const message = refusal(toml);
        EXPECT_NE(message.find(says), std::string::npos) << toml << "\n -> " << (message.empty() ? "accepted" : message);
        EXPECT_EQ(message.find('\n'), std::string::npos) << "more than one line: " << message;
    }
}

/// Encrypted anywhere, in the clear on this host only.
TEST(Config, AddressesOfThisHostMayBeInTheClear) {
    for (char const* url : {"https://example.com", "http://127.0.0.1", "http://127.0.0.1:8080/hook", "http://localhost/hook", "http://[::1]", "http://[::1]:80/"}) {
        EXPECT_EQ(refusal(("[[sink]]\nname = \"a\"\nurl = \"" + std::string(url) + "\"").c_str()), "") << url;
    }
    for (char const* listen : {"localhost:8321", "127.0.0.1:1", "[::1]:8321", "book.example:8321", "off"}) {
        EXPECT_EQ(refusal(("[http]\nlisten = \"" + std::string(listen) + "\"").c_str()), "") << listen;
    }
}

TEST(Config, ASecretWithoutItsQuotesIsNotQuotedBack) {
    for (auto const* toml :
         {"[flex]\ntoken = 123456789012345678901234", "[flex]\ntoken = s3cr3t-of-mine", "[database]\npassword = hunter-two"}) {
        auto const message = refusal(toml);
        EXPECT_FALSE(message.empty()) << toml;
        for (auto const* secret : {"1234567890123", "s3cr3t", "hunter"})
            EXPECT_EQ(message.find(secret), std::string::npos) << message;
    }
}

TEST(Config, TheEnvironmentComesLastAndIsJudgedAlike) {
    auto const read = parse_configuration("[[gateway]]\nport = 4001\n[sync]\ninterval = \"1m\"", "f",
                                          {{"POSSYNC_GATEWAY_PORT", "4003"},
                                           {"POSSYNC_SYNC_INTERVAL", "2m"},
                                           {"POSSYNC_GATEWAY_ACCOUNTS", " DU1, ,DU2 "},
                                           {"POSSYNC_SYNC_ENABLED", "false"},
                                           {"POSSYNC_FLEX_TOKEN", "secret"},
                                           {"POSSYNC_GATEWAY_EXPECT", "live"}});
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->gateways[0].port, 4003);
    EXPECT_EQ(read->interval, std::chrono::minutes(2));
    EXPECT_EQ(read->gateways[0].accounts, (std::vector<std::string>{"DU1", "DU2"}));
    EXPECT_FALSE(read->enabled);
    EXPECT_EQ(refusal("", {{"POSSYNC_GATEWAY_PORT", "4003x"}}), "POSSYNC_GATEWAY_PORT: '4003x' is not a whole number");
    EXPECT_EQ(refusal("", {{"POSSYNC_SYNC_ENABLED", "yes"}}), "POSSYNC_SYNC_ENABLED: 'yes' is not true or false");
    EXPECT_EQ(refusal("", {{"POSSYNC_SYNC_SETTLE", "9s"}}), "possync.toml: sync.settle is longer than sync.settle_max") << "no line says so";
    auto const two =
        parse_configuration("[[gateway]]\nname = \"a-b\"\n[[gateway]]\nname = \"c\"", "f", {{"POSSYNC_GATEWAY_A_B_PORT", "5"}});
    ASSERT_TRUE(two.has_value());
    EXPECT_EQ(two->gateways[0].port, 5);
    EXPECT_EQ(two->gateways[1].port, 4002);
}

TEST(Config, AVariableThatCanOnlyBeMeantAsASettingIsOne) {
    std::string const two = "[[gateway]]\nname = \"paper\"\n[[gateway]]\nname = \"a-b\"";
    struct Row {
        std::string toml;
        char const* name;
        std::string says;
    };
    for (auto const& [toml, name, says] : {
             Row{"", "POSSYNC_GATEWAY_PRT", "unknown; is POSSYNC_GATEWAY_PORT meant?"},
             Row{"", "POSSYNC_GATEWAY_prot", "unknown; is POSSYNC_GATEWAY_PORT meant?"},
             Row{"", "POSSYNC_GATWAY_PORT", "unknown; is POSSYNC_GATEWAY_PORT meant?"},
             Row{"", "POSSYNC_CONFG", "unknown; is POSSYNC_CONFIG meant?"},
             Row{"", "POSSYNC_HTTP_TOKEN", "unknown; is POSSYNC_HTTP_TOKEN_FILE meant?"},
             Row{"", "POSSYNC_DATABASE", "unknown; is POSSYNC_DATABASE_URL meant?"},
             Row{"", "POSSYNC_SYNC_NO_SUCH_WISH_AT_ALL", "unknown; docs/configuration.md has all names"},
             Row{"", "POSSYNC_SINK_SECRET", "[[sink]] is not read from the environment; write it into the file"},
             Row{"", "POSSYNC_FLEX_QUERY_ID", "[[flex.query]] is not read from the environment; write it into the file"},
             Row{"", "POSSYNC_ALERT_ZONE", "unknown; is POSSYNC_ALERTS_ZONE meant?"},
             Row{"", "POSSYNC_GATEWAY_GATEWAY_PORT", "there is one gateway; write POSSYNC_GATEWAY_PORT"},
             Row{two, "POSSYNC_GATEWAY_HOST", "there are several gateways; name one: POSSYNC_GATEWAY_PAPER_HOST or POSSYNC_GATEWAY_A_B_HOST"},
             Row{two, "POSSYNC_GATEWAY_PAPER_HOTS", "unknown; is POSSYNC_GATEWAY_PAPER_HOST meant?"},
             Row{two, "POSSYNC_GATEWAY_LIVE_PORT", "unknown; is POSSYNC_GATEWAY_"},
         }) {
        auto const message = refusal(toml, {{name, "canary"}});
        EXPECT_TRUE(message.starts_with(name + (": " + says))) << name << " -> " << (message.empty() ? "accepted" : message);
        EXPECT_EQ(message.find("canary"), std::string::npos) << "a value may be a secret";
    }
}

TEST(Config, VariablesOfOthersAreLeftAlone) {
    std::map<std::string, std::string> const of_others{
        {"POSSYNC_CONFIG", "f"}, {"POSSYNC_VERSION", "1"}, {"POSSYNC_HOME", "/srv"}, {"POSSYNC_TEST_POSTGRES", "x"}, {"POSSYNC_UPDATE_EXPECTED", "1"},
        {"POSSYNC_EVERY_VERSION", "1"}, {"POSSYNC_KILL_AT", "x:1"},
        // Services named possync, possync-http and possync-gateway beside it.
        {"POSSYNC_SERVICE_HOST", "10.0.0.5"}, {"POSSYNC_PORT", "tcp://10.0.0.5:8321"}, {"POSSYNC_PORT_8321_TCP_PROTO", "tcp"},
        {"POSSYNC_HTTP_SERVICE_HOST", "10.0.0.5"}, {"POSSYNC_HTTP_SERVICE_PORT", "8321"}, {"POSSYNC_HTTP_SERVICE_PORT_WEB", "8321"},
        {"POSSYNC_HTTP_PORT", "tcp://10.0.0.5:8321"}, {"POSSYNC_GATEWAY_PORT_4002_TCP_ADDR", "10.0.0.6"},
        {"POSSYNC_LOG_LEVEL", "debug"}};
    auto const read = parse_configuration("", "f", of_others);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(read->environment, (std::vector<std::string>{"POSSYNC_LOG_LEVEL"}));
}

TEST(Config, WhateverANameHoldsIsPrintedSoThatItIsReadBack) {
    std::string const name = "a\nb\t\x01\x7f \xc3\xa9 \\ \"";
    auto const read = parse_configuration("[[gateway]]\nname = \"a\\nb\\t\\u0001\\u007F \xc3\xa9 \\\\ \\\"\"", "f", {});
    ASSERT_TRUE(read.has_value()) << read.error().message;
    ASSERT_EQ(read->gateways[0].name, name);
    auto const again = parse_configuration(print_configuration(*read), "f", {});
    ASSERT_TRUE(again.has_value()) << again.error().message;
    EXPECT_EQ(again->gateways[0].name, name);
    EXPECT_EQ(boost::json::parse(configuration_json(*read)).at("gateway").at(0).at("name").as_string(), name);
    auto const no_text = parse_configuration("", "f", {{"POSSYNC_GATEWAY_NAME", "a\xff\xc3"}});
    ASSERT_TRUE(no_text.has_value()) << no_text.error().message;
    EXPECT_TRUE(std::string(boost::json::parse(configuration_json(*no_text)).at("gateway").at(0).at("name").as_string()).starts_with("a"));
}

TEST(Config, WhatIsPrintedIsReadBackAndSecretsAreNot) {
    auto const read = parse_configuration("[[gateway]]\nname = \"quoted \\\"one\\\"\"\nexpect = \"paper\"\naccounts = [\"DU1\", "
                                          "\"DU2\"]\n[[account]]\ncode = \"DU1\"\ncost_basis = \"fifo\"\n"
                                          "[[account]]\ncode = \"DU2\"\non_missing = \"warn\"\n[flex]\ntoken = "
                                          "\"s3cret\"\n[[flex.query]]\nid = \"12\"\n[[sink]]\nname = \"a\"\nurl = "
                                          "\"http://localhost:9/x\"\n[sync]\non_missing = \"warn\"",
                                          "f", {});
    ASSERT_TRUE(read.has_value()) << read.error().message;
    auto const printed = print_configuration(*read);
    EXPECT_EQ(printed.find("s3cret"), std::string::npos);
    auto again = parse_configuration(printed, "f", {});
    ASSERT_TRUE(again.has_value()) << again.error().message;
    auto const commented = print_commented_configuration(*read);
    EXPECT_EQ(commented.find("s3cret"), std::string::npos);
    auto const third = parse_configuration(commented, "f", {});
    ASSERT_TRUE(third.has_value()) << third.error().message;
    EXPECT_EQ(third->gateways[0].name, "quoted \"one\"");
    EXPECT_EQ(third->accounts.size(), 2u);
    auto const options = engine_options(*third, third->gateways[0]);
    EXPECT_EQ(options.expect, sync::Expect::paper);
    EXPECT_EQ(options.policy.on_missing, ledger::OnMissing::warn);
    EXPECT_EQ(options.account_options.at("DU1").cost_basis, model::CostBasis::fifo);
    EXPECT_EQ(options.account_options.at("DU2").on_missing, ledger::OnMissing::warn);
    for (auto const& line : settings_for_replay(*read, read->gateways[0]))
        EXPECT_EQ(line.find("sink"), std::string::npos);
    EXPECT_NE(configuration_reference().find("`POSSYNC_SYNC_INTERVAL`"), std::string::npos);
}

TEST(Config, AFileThatCannotBeReadSaysSo) {
    auto const folder = TemporaryFolder::make();
    ASSERT_TRUE(folder.has_value());
    for (std::string const& path : {folder->file("none.toml"), folder->file("")}) {
        auto const read = load_configuration(path, {});
        ASSERT_FALSE(read.has_value());
        EXPECT_EQ(read.error().message, "configuration file " + path + " cannot be read; check --config");
    }
    std::string const path = folder->file("possync.toml");
    std::ofstream(path) << "[log]\nlevel = \"debug\"\n";
    auto const named = load_configuration("", {{"POSSYNC_CONFIG", path}});
    ASSERT_TRUE(named.has_value());
    EXPECT_EQ(named->source, path);
    EXPECT_EQ(named->log_level, "debug");
}

// --- what is kept in files ---------------------------------------------------------------------------------------------------

class Secrets : public testing::Test {
protected:
    Secrets() : folder_(TemporaryFolder::make().value()) {}
    std::string write(std::string const& name, std::string const& text, std::filesystem::perms mode = std::filesystem::perms(0600)) const {
        auto const path = folder_.file(name);
        std::ofstream(path, std::ios::binary) << text;
        std::filesystem::permissions(path, mode);
        return path;
    }
    TemporaryFolder folder_;
};

TEST_F(Secrets, AFileHoldsOneSecretThatOnlyItsOwnerReads) {
    EXPECT_EQ(read_secret_file(write("good", "s3cret\n"), "x").value().reveal(), "s3cret");
    EXPECT_EQ(read_secret_file(write("good", "s3cret \r\n\t\n"), "x").value().reveal(), "s3cret");
    for (std::string const& text : {std::string(), std::string(" \n"), std::string("two words"), std::string("a\tb"), std::string("a\nb"), std::string(257, 'a')}) {
        auto const read = read_secret_file(write("bad", text), "sink.secret_file");
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().message, "sink.secret_file " + folder_.file("bad") + " does not hold one secret and nothing else");
    }
    auto const open = read_secret_file(write("open", "s3cret", std::filesystem::perms(0640)), "sink.secret_file");
    ASSERT_FALSE(open);
    EXPECT_NE(open.error().message.find("can be read by others; say chmod 600 " + folder_.file("open")), std::string::npos);
    EXPECT_NE(read_secret_file(folder_.file("none"), "sink.secret_file").error().message.find("cannot be read: No such file"), std::string::npos);
}

TEST_F(Secrets, ReceiversAndSinksTakeThemFromTheirFilesAndNameThem) {
    auto const receiver = [&](std::string const& toml) {
        auto const configuration = parse_configuration("[[alert]]\nname = \"me\"\n" + toml, "possync.toml", {});
        EXPECT_TRUE(configuration) << configuration.error().message;
        return alert_receivers(*configuration);
    };
    auto const in_quotes = [](std::string const& key, std::string const& value) { return key + " = \"" + value + "\"\n"; };
    auto const token = write("token", "t0ken");
    auto const topic = write("topic", "mine");
    auto const ntfy = receiver(in_quotes("type", "ntfy") + in_quotes("topic_file", topic));
    ASSERT_TRUE(ntfy) << ntfy.error().message;
    EXPECT_EQ((*ntfy)[0].url.reveal(), "https://ntfy.sh");
    EXPECT_EQ((*ntfy)[0].topic.reveal(), "mine");
    auto const telegram = receiver(in_quotes("type", "telegram") + in_quotes("topic", "5") + in_quotes("token_file", token) + "conditions = [\"quantity_break\"]\n");
    ASSERT_TRUE(telegram) << telegram.error().message;
    EXPECT_EQ((*telegram)[0].url.reveal(), "https://api.telegram.org");
    EXPECT_EQ((*telegram)[0].token.reveal(), "t0ken");
    EXPECT_EQ((*telegram)[0].conditions.size(), 1U);
    auto const webhook = receiver(in_quotes("url_file", write("url", "https://example.com/s3cret")));
    ASSERT_TRUE(webhook) << webhook.error().message;
    EXPECT_EQ((*webhook)[0].url.reveal(), "https://example.com/s3cret");
    struct Bad {
        std::string toml;
        std::string says;
    };
    for (auto const& [toml, says] :
         {Bad{in_quotes("url_file", folder_.file("none")), "url_file of alert me: " + folder_.file("none")}, Bad{in_quotes("url_file", write("clear", "http://example.com/s3cret")), "me"},
          Bad{in_quotes("type", "ntfy") + in_quotes("topic_file", folder_.file("none")), "topic_file of alert me:"},
          Bad{in_quotes("type", "telegram") + in_quotes("topic", "5") + in_quotes("token_file", folder_.file("none")), "token_file of alert me:"}}) {
        auto const refused = receiver(toml);
        ASSERT_FALSE(refused) << toml;
        EXPECT_NE(refused.error().message.find(says), std::string::npos) << refused.error().message;
        EXPECT_EQ(refused.error().message.find("s3cret"), std::string::npos) << refused.error().message;
    }
    auto const sinks = [&](std::string const& file) {
        return sink_options(parse_configuration("[[sink]]\nname = \"a\"\nurl = \"https://x\"\n" + in_quotes("secret_file", file), "possync.toml", {}).value());
    };
    EXPECT_EQ(sinks(token).value().at(0).secret.reveal(), "t0ken");
    EXPECT_NE(sinks(folder_.file("none")).error().message.find("secret_file of sink a:"), std::string::npos);
}

TEST(AlertSettings, ComeFromTheConfiguration) {
    auto const configuration = parse_configuration("[alerts]\nsessions = [\"Mon-Fri 09:30-16:00\"]\nholidays = [\"2026-12-25\"]\n", "possync.toml", {});
    ASSERT_TRUE(configuration) << configuration.error().message;
    auto const settings = alert_settings(*configuration);
    EXPECT_EQ(settings.calendar.sessions.size(), 1U);
    ASSERT_EQ(settings.calendar.holidays.size(), 1U);
    EXPECT_EQ(base::to_string(settings.calendar.holidays[0]), "2026-12-25");
}

}  // namespace
}  // namespace possync::app
