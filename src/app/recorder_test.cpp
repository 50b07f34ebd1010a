// A recording on a disk that takes no more, and sizes as they are written.
#include "app/recorder.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>

#include "app/temporary_folder.hpp"
#include "recording/format.hpp"

namespace possync::app {
namespace {

using testing::HasSubstr;

TEST(RecordingSize, IsReadInUnitsWithinBoundsAndWrittenShort) {
    struct Good {
        char const* text;
        std::uint64_t bytes;
        char const* shortest;
    };
    for (auto const& [text, bytes, shortest] :
         {Good{"64K", 65536, "64K"}, Good{"65536", 65536, "64K"}, Good{"1024K", 1 << 20, "1M"}, Good{"64M", 64 << 20, "64M"},
          Good{"1G", 1 << 30, "1G"}, Good{"65537", 65537, "65537"}, Good{"1024G", std::uint64_t{1} << 40, "1024G"}}) {
        auto const size = parse_size(text);
        ASSERT_TRUE(size) << text;
        EXPECT_EQ(*size, bytes) << text;
        EXPECT_EQ(size_text(*size), shortest);
        EXPECT_EQ(parse_size(size_text(*size)).value(), *size);
    }
    EXPECT_EQ(size_text(0), "0");
    for (char const* bad : {"", "M", "64 M", "64m", "64MB", "-1", "x", "99999999999999999999", "9999999999G"}) {
        auto const size = parse_size(bad);
        ASSERT_FALSE(size) << bad;
        EXPECT_THAT(size.error().message, HasSubstr("is no size; write 64M, 512K or 1G")) << bad;
    }
    for (char const* beyond : {"1K", "65535", "0", "1025G"})
        EXPECT_THAT(parse_size(beyond).error().message, HasSubstr("is not between 64K and 1024G")) << beyond;
}

std::string content(std::string const& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Files of this process end at so many bytes while this lives.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) {
        std::signal(SIGXFSZ, SIG_IGN);
        ::getrlimit(RLIMIT_FSIZE, &before_);
        rlimit limit = before_;
        limit.rlim_cur = bytes;
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    FileSizeLimit(FileSizeLimit const&) = delete;
    FileSizeLimit& operator=(FileSizeLimit const&) = delete;

private:
    rlimit before_{};
};

/// The lines come all at once, or each when the one before is written: then a few bytes are left, too few for the last line.
class RecorderOnAFullDisk : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Recorder, RecorderOnAFullDisk, testing::Bool());

TEST_P(RecorderOnAFullDisk, EndsTheRecordingAtAWholeLine) {
    auto const folder = TemporaryFolder::make().value();
    std::mutex mutex;
    std::string told;
    int times = 0;
    RecorderOptions options;
    options.path = folder.file("day.rec");
    options.on_end = [&](std::string const& why) {
        std::lock_guard const lock(mutex);
        told = why;
        ++times;
    };
    {
        auto recorder = Recorder::open(options).value();
        auto const wait_for = [&](auto const& holds) {
            for (int i = 0; i < 1000 && !holds(); ++i)
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            return holds();
        };
        recorder->failed("nobody answers");
        ASSERT_TRUE(wait_for([&] { return content(options.path).find("nobody answers") != std::string::npos; }));
        auto const written = std::filesystem::file_size(options.path);
        FileSizeLimit const limit(written + 300);
        auto const has_ended = [&] {
            std::lock_guard const lock(mutex);
            return times > 0;
        };
        for (int i = 0; i < 100 && !has_ended(); ++i) {
            auto const size = std::filesystem::file_size(options.path);
            recorder->failed("still nobody answers");
            if (GetParam()) {
                ASSERT_TRUE(wait_for([&] { return has_ended() || std::filesystem::file_size(options.path) > size; }));
            }
        }
        EXPECT_TRUE(wait_for(has_ended));
        recorder->failed("never written");
    }
    EXPECT_EQ(times, 1) << "told once";
    EXPECT_THAT(told, HasSubstr("the recording " + options.path + " ends here: File too large"));
    auto const recording = recording::parse(content(options.path), options.path);
    ASSERT_TRUE(recording) << recording.error().message;
    EXPECT_EQ(recording->warning, "") << "its last line says how it ended";
    EXPECT_THAT(content(options.path), testing::EndsWith(" truncated File too large\n"));
    EXPECT_THAT(content(options.path), testing::Not(HasSubstr("never written")));
}

TEST(Recorder, AFileThatIsThereIsNotWrittenOver) {
    auto const folder = TemporaryFolder::make().value();
    RecorderOptions options;
    options.path = folder.file("day.rec");
    std::ofstream(options.path) << "mine";
    EXPECT_EQ(Recorder::open(options).error().code, base::ErrorCode::refused);
    EXPECT_EQ(content(options.path), "mine");
    options.keep_previous = true;
    EXPECT_TRUE(Recorder::open(options));
    EXPECT_EQ(content(options.path + ".previous"), "mine");
    options.path = folder.file("no/such/folder.rec");
    EXPECT_THAT(Recorder::open(options).error().message, HasSubstr("cannot be written: No such file or directory"));
}

}  // namespace
}  // namespace possync::app
