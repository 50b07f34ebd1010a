#include "store/sqlite/sqlite_data_source.hpp"

#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>

#include <fmt/format.h>

#include "store/sqlite/network_file_system.hpp"
#include "store/sqlite/sqlite_check.hpp"
#include "store/sqlite/sqlite_outbox.hpp"
#include "store/sqlite/sqlite_reader.hpp"
#include "store/sqlite/sqlite_store.hpp"

namespace possync::store {

using base::Result;

namespace {

/// Its name, where files come from another machine; empty on a local disk. Numbers: statfs(2).
std::string network_file_system(std::filesystem::path const& folder) {
    struct statfs found{};
    if (::statfs(folder.c_str(), &found) != 0) return {};
    switch (static_cast<unsigned long>(found.f_type)) {
        case 0x6969: return "NFS";
        case 0x517B: return "SMB";
        case 0xFF534D42: return "CIFS";
        case 0xFE534D42: return "SMB2";
        case 0x5346414F: return "AFS";
        case 0x00C36400: return "Ceph";
        default: return {};
    }
}

class SqliteDataSource final : public DataSource {
public:
    explicit SqliteDataSource(std::string path) : path_(std::move(path)) {}

    std::string name() const override { return path_; }
    std::string local_files() const override { return path_; }

    Result<bool> exists() override {
        std::error_code ignored;
        return std::filesystem::exists(path_, ignored);
    }

    Result<std::unique_ptr<Store>> open_store(StoreOptions const& options) override {
        SqliteOptions sqlite;
        static_cast<StoreOptions&>(sqlite) = options;
        auto folder = std::filesystem::path(path_).parent_path();
        if (auto const network = sqlite::network_file_system(folder.empty() ? "." : folder.string()); !network.empty()) {
            return base::fail(base::ErrorCode::refused,
                              fmt::format("database {} is on {}, where SQLite's locks and shared memory do not keep two services apart: "
                                          "put it on a disk of this host, or use PostgreSQL",
                                          path_, network));
        }
        return open_sqlite_store(path_, sqlite);
    }
    Result<std::unique_ptr<query::Reader>> open_reader() override { return open_sqlite_reader(path_); }
    Result<std::unique_ptr<Outbox>> open_outbox() override { return open_sqlite_outbox(path_); }
    Result<std::unique_ptr<AlertLog>> open_alert_log() override { return open_sqlite_alert_log(path_); }

    Result<MigrationReport> migrate() override { return migrate_sqlite(path_); }
    Result<int> schema_version() override { return sqlite_schema_version(path_); }
    Result<std::vector<std::string>> check() override { return check_sqlite(path_); }

    std::vector<HealthLine> health() override {
        std::vector<HealthLine> lines;
        auto folder = std::filesystem::path(path_).parent_path();
        if (folder.empty()) folder = ".";
        bool const writable = ::access(folder.c_str(), W_OK) == 0;
        lines.push_back(
            {writable, "folder", folder.string() + (writable ? " is writable" : " cannot be written to by this user")});
        if (struct statvfs disk{}; ::statvfs(folder.c_str(), &disk) == 0) {
            auto const free_mib = static_cast<unsigned long long>(disk.f_bavail) * disk.f_frsize / (1024 * 1024);
            lines.push_back(
                {free_mib >= 100, "disk", fmt::format("{} MiB free{}", free_mib, free_mib >= 100 ? "" : "; make room")});
        }
        if (auto const network = network_file_system(folder); !network.empty()) {
            lines.push_back({false, "file system",
                             fmt::format("{} is on {}: SQLite's locks do not work over a network; use a local disk, or PostgreSQL",
                                         folder.string(), network)});
        }
        if (struct stat file{}; ::stat(path_.c_str(), &file) == 0) {
            bool const alone = (file.st_mode & 077) == 0;
            lines.push_back({alone, "file mode",
                             alone ? fmt::format("{} is its owner's alone", path_)
                                   : fmt::format("{} can be read by others; chmod 600 {}", path_, path_)});
            if (::access(path_.c_str(), R_OK | W_OK) != 0) {
                lines.push_back({false, "permission", fmt::format("this user may not read and write {}; use the user that the service "
                                                                  "runs as", path_)});
            }
        }
        return lines;
    }

    Result<std::vector<GatewayState>> gateways(base::Timestamp now) override { return sqlite_gateways(path_, now); }
    Result<void> rebind(Rebinding const& rebinding, OwnerIsGone const& owner_is_gone) override {
        return rebind_sqlite(path_, rebinding, owner_is_gone);
    }
    Result<void> reset_statistics(base::Timestamp now) override { return reset_sqlite_statistics(path_, now); }
    Result<std::int64_t> submit_operator_request(OperatorRequest const& request) override {
        return store::submit_operator_request(path_, request);
    }
    Result<OperatorAnswer> operator_answer(std::int64_t request_id) override { return store::operator_answer(path_, request_id); }

private:
    std::string path_;
};

}  // namespace

std::unique_ptr<DataSource> make_sqlite_data_source(std::string path) {
    return std::make_unique<SqliteDataSource>(std::move(path));
}

}  // namespace possync::store
