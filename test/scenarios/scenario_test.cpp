// Runs every .scn file of this folder on memory, SQLite and PostgreSQL: plain, with a restart after every step, one byte a read.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "memory_store.hpp"
#include "store/postgres/postgres_store.hpp"
#include "store/postgres/test_schema.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "world.hpp"

namespace possync::scenarios {
namespace {

std::vector<std::string> scenario_files() {
    std::vector<std::string> files;
    for (auto const& entry : std::filesystem::directory_iterator(POSSYNC_SCENARIO_DIR)) {
        if (entry.path().extension() == ".scn") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::string read(std::string const& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

std::string title(::testing::TestParamInfo<std::string> const& info) {
    std::string name = std::filesystem::path(info.param).stem().string();
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}

class Scenario : public ::testing::TestWithParam<std::string> {
protected:
    std::string run(WorldOptions options) {
        World world(std::move(options), std::filesystem::path(GetParam()).filename().string());
        std::string const problem = world.run(read(GetParam()));
        committed_ = world.committed;
        return problem;
    }
    /// What the commits of this scenario are to be, every field. To accept a change: POSSYNC_UPDATE_EXPECTED=1 once,
    /// then read the difference.
    static std::string expected_path() {
        auto const scenario = std::filesystem::path(GetParam());
        return (scenario.parent_path() / "expected" / scenario.stem()).string() + ".txt";
    }
    void restarted(WorldOptions options) {
        if (read(GetParam()).find("# not-restartable") != std::string::npos) GTEST_SKIP() << "counts what a restart adds to";
        options.restart_after_every_step = true;
        EXPECT_EQ(run(std::move(options)), "");
    }
    std::string committed_;
    static WorldOptions on_memory() {
        WorldOptions options;
        options.open_store = [] { return std::make_unique<MemoryStore>(); };
        options.store_survives_restart = true;
        return options;
    }
};

/// A SQLite file in a folder of its own.
class OnDisk {
public:
    OnDisk() { std::filesystem::create_directories(folder_); }
    OnDisk(OnDisk const&) = delete;
    OnDisk& operator=(OnDisk const&) = delete;
    ~OnDisk() { std::filesystem::remove_all(folder_); }
    [[nodiscard]] WorldOptions options() const {
        WorldOptions options;
        options.open_store = [path = (folder_ / "book.db").string()]() -> std::unique_ptr<store::Store> {
            auto opened = store::open_sqlite_store(path);
            if (!opened) throw std::runtime_error(opened.error().message);
            return std::move(*opened);
        };
        return options;
    }

private:
    std::filesystem::path folder_ = std::filesystem::temp_directory_path() / ("possync-scenario-" + std::to_string(::getpid()));
};

TEST_P(Scenario, OnMemory) {
    EXPECT_EQ(run(on_memory()), "");
    if (::getenv("POSSYNC_UPDATE_EXPECTED") != nullptr) std::ofstream(expected_path()) << committed_;
    EXPECT_EQ(committed_, read(expected_path())) << "see " << expected_path();
}

TEST_P(Scenario, OneByteARead) {
    auto options = on_memory();
    options.one_byte_per_read = true;
    EXPECT_EQ(run(options), "");
}

TEST_P(Scenario, EveryFrameTwice) {
    auto options = on_memory();
    options.every_frame_twice = true;
    EXPECT_EQ(run(options), "");
}

TEST_P(Scenario, FactsShuffled) {
    auto options = on_memory();
    options.facts_shuffled = true;
    EXPECT_EQ(run(options), "");
}

/// Text, text behind binary ids, both forms beside each other: every generation commits the same rows, field by field. (Below 122
/// gateways do not say what an option's underlying is.) Each scenario meets two of the generations; with POSSYNC_EVERY_VERSION set,
/// each meets all of them.
TEST_P(Scenario, OlderServers) {
    constexpr std::array versions{122, 176, 200, 201, 206, 209, 213};
    std::size_t const first = std::filesystem::path(GetParam()).stem().string().length();
    std::size_t const count = ::getenv("POSSYNC_EVERY_VERSION") != nullptr ? versions.size() : 2;
    for (std::size_t i = 0; i < count; ++i) {
        int const version = versions[(first + 3 * i) % versions.size()];
        auto options = on_memory();
        options.server_version = version;
        EXPECT_EQ(run(options), "") << "server version " << version;
        EXPECT_EQ(committed_, read(expected_path())) << "server version " << version;
    }
}

TEST_P(Scenario, OnSqlite) {
    OnDisk const disk;
    EXPECT_EQ(run(disk.options()), "");
    EXPECT_EQ(committed_, read(expected_path()));
}

TEST_P(Scenario, RestartedAfterEveryStep) {
    OnDisk const disk;
    restarted(disk.options());
}

/// On the server that the test run started; a selection in CTest, all of them in script/postgres.
class ScenarioOnPostgres : public Scenario {
protected:
    WorldOptions options() const {
        WorldOptions options;
        options.open_store = [this]() -> std::unique_ptr<store::Store> {
            store::PostgresOptions postgres;
            postgres.server_time = false;
            auto opened = store::open_postgres_store(schema_->address(), postgres);
            if (!opened) throw std::runtime_error(opened.error().message);
            return std::move(*opened);
        };
        return options;
    }

private:
    store::postgres::EmptyTables schema_;
};

TEST_P(ScenarioOnPostgres, Plain) {
    EXPECT_EQ(run(options()), "");
    EXPECT_EQ(committed_, read(expected_path()));
}

TEST_P(ScenarioOnPostgres, RestartedAfterEveryStep) { restarted(options()); }

INSTANTIATE_TEST_SUITE_P(Files, Scenario, ::testing::ValuesIn(scenario_files()), title);
INSTANTIATE_TEST_SUITE_P(Files, ScenarioOnPostgres, ::testing::ValuesIn(scenario_files()), title);

}  // namespace
}  // namespace possync::scenarios
