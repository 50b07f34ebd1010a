#include "store/postgres/postgres_data_source.hpp"

#include <cstdlib>

#include <fmt/format.h>

#include "store/postgres/migrations.hpp"
#include "store/postgres/postgres_outbox.hpp"
#include "store/postgres/postgres_reader.hpp"
#include "store/postgres/postgres_store.hpp"

namespace possync::store {

using base::ErrorCode;
using base::Result;

namespace {

class PostgresDataSource final : public DataSource {
public:
    explicit PostgresDataSource(postgres::Address address) : session_(std::move(address), {}) {}

    std::string name() const override { return session_.address().shown; }

    /// systemd's state directory where it gives one, else where the program is started.
    std::string local_files() const override {
        char const* const folder = std::getenv("STATE_DIRECTORY");
        return folder != nullptr && *folder != '\0' ? std::string(folder) + "/possync" : "possync";
    }

    Result<bool> exists() override {
        POSSYNC_TRY(int const version, postgres::schema_version(session_));
        return version > 0;
    }

    Result<std::unique_ptr<Store>> open_store(StoreOptions const& options) override {
        PostgresOptions own;
        static_cast<StoreOptions&>(own) = options;
        return open_postgres_store(session_.address(), own);
    }
    Result<std::unique_ptr<query::Reader>> open_reader() override { return open_postgres_reader(session_.address()); }
    Result<std::unique_ptr<Outbox>> open_outbox() override { return open_postgres_outbox(session_.address()); }
    Result<std::unique_ptr<AlertLog>> open_alert_log() override { return open_postgres_alert_log(session_.address()); }

    Result<MigrationReport> migrate() override { return postgres::migrate(session_, postgres::embedded_migrations()); }
    Result<int> schema_version() override { return postgres::schema_version(session_); }
    Result<std::vector<std::string>> check() override { return postgres::check(session_); }

    std::vector<HealthLine> health() override {
        auto const connection = session_.connection();
        if (!connection) return {};  // the line about the database says it
        int const version = (*connection)->server_version();
        std::vector<HealthLine> lines;
        bool const known = version >= 150'000;
        lines.push_back(
            {known, "server", fmt::format("PostgreSQL {}{}", version / 10'000, known ? "" : "; version 15 or newer is needed")});
        auto const setting = [&](std::string_view name) {
            std::string value;
            (void)(*connection)->each("SELECT current_setting($1)", [&](postgres::Row& row) { value = row.text(); }, name);
            return value;
        };
        bool const durable = setting("fsync") != "off" && setting("synchronous_commit") != "off";
        lines.push_back({durable, "durability",
                         durable ? "commits reach the disk before they are reported"
                                 : "fsync or synchronous_commit is off: a power cut takes back what was reported as committed"});
        return lines;
    }

    Result<std::vector<GatewayState>> gateways(base::Timestamp) override { return postgres::gateways(session_); }
    Result<void> rebind(Rebinding const& rebinding, OwnerIsGone const& owner_is_gone) override {
        return postgres::rebind(session_, rebinding, owner_is_gone);
    }
    Result<void> reset_statistics(base::Timestamp now) override { return postgres::reset_statistics(session_, now); }
    Result<std::int64_t> submit_operator_request(OperatorRequest const& request) override {
        return postgres::submit_operator_request(session_, request);
    }
    Result<OperatorAnswer> operator_answer(std::int64_t request_id) override {
        return postgres::operator_answer(session_, request_id);
    }

private:
    postgres::Session session_;
};

}  // namespace

std::unique_ptr<DataSource> make_postgres_data_source(postgres::Address address) {
    return std::make_unique<PostgresDataSource>(std::move(address));
}

}  // namespace possync::store
