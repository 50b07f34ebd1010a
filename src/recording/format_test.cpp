#include "recording/format.hpp"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "base/prng.hpp"

namespace possync::recording {
namespace {

using testing::HasSubstr;

std::string const sound = "possync-recording 1 started=2026-11-23T14:30:00.000000Z by=service seed=7\n"
                          "# a remark\n"
                          "setting [sync]\n"
                          "setting interval = \"5m\"\n"
                          "0 1 open\n"
                          "10 1 >raw API\\0\n"
                          "10 1 > v100..226\n"
                          "2000 1 < 200\\020261123 14:30:00 UTC\\0\n"
                          "2500 0 sync DU0000001\n"
                          "2600 1 <? \\x00\\x00\\x01\\xff\n"
                          "2700 1 <cut 5\\0\n"
                          "2800 1 close gateway\n"
                          "2900 0 failed Connection refused\n"
                          "3000 0 end\n";

TEST(RecordingFormat, reads_every_kind_of_line) {
    auto const recording = parse(sound, "x.rec");
    ASSERT_TRUE(recording) << recording.error().message;
    EXPECT_EQ(recording->header, (Header{*base::parse_rfc3339("2026-11-23T14:30:00Z"), Recorder::service, 7}));
    ASSERT_EQ(recording->settings.size(), 2U);
    EXPECT_EQ(recording->settings[1].text, "interval = \"5m\"");
    EXPECT_EQ(recording->settings[1].line, 4);
    ASSERT_EQ(recording->events.size(), 10U);
    EXPECT_EQ(recording->events[3].payload, std::string("200\0"
                                                        "20261123 14:30:00 UTC\0",
                                                        26));
    EXPECT_EQ(recording->events[3].side, Side::gateway);
    EXPECT_EQ(recording->events[5].payload, std::string("\0\0\1\xff", 4));
    EXPECT_EQ(recording->events[5].kind, EventKind::unread);
    EXPECT_EQ(recording->events[7].side, Side::gateway);
    EXPECT_EQ(recording->warning, "");
}

TEST(RecordingFormat, written_is_what_was_read) {
    auto const recording = parse(sound, "x.rec");
    ASSERT_TRUE(recording);
    std::string text;
    write(text, recording->header);
    for (auto const& setting : recording->settings)
        write(text, setting);
    for (auto const& event : recording->events)
        write(text, event);
    std::string expected = sound;
    expected.erase(expected.find("# a remark\n"), 11);
    expected.replace(expected.find("\\x00\\x00\\x01"), 12, "\\0\\0\\x01");
    EXPECT_EQ(text, expected);
}

RC_GTEST_PROP(RecordingFormat, escaped_text_reads_back, (std::string const& bytes)) {
    std::string text;
    escape(text, bytes);
    for (char const c : text)
        RC_ASSERT(c >= ' ' && c <= '~');
    RC_ASSERT(!text.ends_with(' '));
    auto const back = unescape(text);
    RC_ASSERT(back && *back == bytes);
}

TEST(RecordingFormat, every_error_names_its_line) {
    std::string const head = "possync-recording 1 started=2026-11-23T14:30:00.000000Z by=pass-through\n";
    struct Case {
        std::string text;
        std::string says;
    };
    std::vector<Case> const cases{
        {"", "x.rec:1: the file is empty"},
        {"hello\n", "x.rec:1: this is no recording"},
        {"possync-recording 2 started=2026-11-23T14:30:00Z\n",
         "x.rec:1: the recording has format 2, this program reads formats up to 1; use a newer possync"},
        {"possync-recording x\n", "x.rec:1: 'x' is no format version"},
        {"possync-recording 1 by=service\n", "x.rec:1: the first line does not say when it started"},
        {"possync-recording 1 started=noon\n", "x.rec:1: 'noon' is no time"},
        {"possync-recording 1 started=2026-11-23T14:30:00Z by=me\n", "x.rec:1: 'me' is not one of"},
        {"possync-recording 1 started=2026-11-23T14:30:00Z colour=red\n", "x.rec:1: nobody knows the word 'colour=red'"},
        {head + "x 1 open\n", "x.rec:2: 'x' is no time"},
        {head + "-1 1 open\n", "x.rec:2: '-1' is no time"},
        {head + "99999999999999999 1 open\n", "x.rec:2: '99999999999999999' is no time"},
        {head + "5 1 open\n4 1 close client\n", "x.rec:3: time goes back"},
        {head + "5 x open\n", "x.rec:2: 'x' is no connection number"},
        {head + "5 2 open\n", "x.rec:2: connections are numbered 1, 2, 3"},
        {head + "5 1 open\n6 1 open\n", "x.rec:3: connections are numbered 1, 2, 3"},
        {head + "5 1 < a\n", "x.rec:2: connection 1 is not open"},
        {head + "5 1 open\n6 1 close client\n7 1 < a\n", "x.rec:4: connection 1 is not open"},
        {head + "5 1 open\n6 1 close\n", "x.rec:3: say who closed it"},
        {head + "5 1 open\n6 1 <\n", "x.rec:3: there is no payload"},
        {head + "5 1 opened\n", "x.rec:2: nobody knows the event 'opened'"},
        {head + "5 1 open\n6 1 < \\n\n", "x.rec:3: the payload is no escaped text"},
        {head + "5 1 open\n6 1 < \\x4\n", "x.rec:3: the payload is no escaped text"},
        {head + "5 1 open\n6 1 < caf\xc3\xa9\n", "x.rec:3: the payload is no escaped text"},
        {head + "5 1 open\nsetting a = 1\n", "x.rec:3: a setting stands behind the first event"},
        {head + "5 0 end\n6 0 end\n", "x.rec:3: there is more behind the last line"},
    };
    for (auto const& each : cases) {
        auto const recording = parse(each.text, "x.rec");
        ASSERT_FALSE(recording) << each.text;
        EXPECT_THAT(recording.error().message, HasSubstr(each.says));
        EXPECT_EQ(recording.error().message.find('\n'), std::string::npos);
    }
}

TEST(RecordingFormat, says_how_it_broke_off) {
    auto const killed = parse(sound.substr(0, sound.find("2800") + 6), "x.rec");
    ASSERT_TRUE(killed);
    EXPECT_EQ(killed->events.size(), 7U);
    EXPECT_THAT(killed->warning, HasSubstr("x.rec:12: the last line breaks off"));
    auto const no_end = parse(sound.substr(0, sound.find("3000")), "x.rec");
    ASSERT_TRUE(no_end);
    EXPECT_THAT(no_end->warning, HasSubstr("there is no last line"));
}

/// Whatever is done to a recording, reading it ends with a value, and an error is one line that names a line.
TEST(RecordingFormat, survives_a_hundred_thousand_mutations) {
    base::Prng random(11);
    auto below = [&](std::size_t end) { return static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(end) - 1)); };
    int errors = 0;
    for (int round = 0; round < 100'000; ++round) {
        std::string text = sound;
        for (int i = static_cast<int>(below(4)); i >= 0 && !text.empty(); --i) {
            auto const at = below(text.size());
            switch (below(5)) {
            case 0: text[at] = static_cast<char>(below(256)); break;
            case 1: text.erase(at, below(20)); break;
            case 2: text.insert(at, text.substr(below(text.size()), below(40))); break;
            case 3: text.resize(at); break;
            default: text.insert(at, 1, " \\\n0x<>9"[below(8)]); break;
            }
        }
        auto const recording = parse(text, "x.rec");
        if (recording) continue;
        ++errors;
        ASSERT_TRUE(recording.error().message.starts_with("x.rec:")) << recording.error().message;
        for (char const c : recording.error().message)
            ASSERT_TRUE(c >= ' ' && c <= '~');
    }
    EXPECT_GT(errors, 10'000);
}

}  // namespace
}  // namespace possync::recording
