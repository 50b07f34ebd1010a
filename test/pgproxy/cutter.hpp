// Pieces of work that a store does through the proxy, each of which can be cut at one message, and what must hold afterwards:
// every change set was applied exactly once, what was acknowledged is there, what was said not to have happened did not and does
// not later.
//
// A Cutter has a schema and a proxy of its own: several run beside each other, each on one thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/change_set.hpp"
#include "proxy.hpp"
#include "store/postgres/connection.hpp"
#include "store/postgres/postgres_store.hpp"

namespace possync::pgproxy {

[[nodiscard]] std::string_view to_string(How how);
[[nodiscard]] std::string_view to_string(Where where);
[[nodiscard]] std::string_view to_string(Direction direction);

class Cutter {
public:
    struct Workload {
        std::string_view name;
        void (Cutter::*run)();
    };
    static std::vector<Workload> const& workloads();

    /// `number` tells the cutters of one test run apart.
    Cutter(std::string const& server, int number);
    Cutter(Cutter const&) = delete;
    Cutter& operator=(Cutter const&) = delete;
    ~Cutter();

    /// How many messages the work takes, by direction, when nothing is cut.
    std::pair<int, int> count(Workload const& workload);
    struct Outcome {
        bool fired = false;     ///< the work had such a message
        std::string violation;  ///< empty: everything held
    };
    Outcome run(Workload const& workload, Cut const& cut);
    /// What commits were answered, how often.
    [[nodiscard]] std::map<std::string, int> const& answers() const { return answers_; }

private:
    void first_sync();
    void one_row();
    void rows_500();
    void two_commits();
    void statement();
    void takeover();
    void release();
    void heartbeat();
    void request();
    void outbox();
    void reader();
    void migration();

    [[nodiscard]] store::PostgresOptions through_options() const;
    void arm();
    std::unique_ptr<store::Store> fresh_store();
    [[nodiscard]] store::GatewayClaim claim_of(std::string const& owner, base::Timestamp now) const;
    store::GatewayLease claim(store::Store& store, std::string const& owner, base::Timestamp now);
    std::pair<store::GatewayLease, model::AccountBook> prepared(int positions);
    void commit_directly(store::GatewayLease const& lease, model::AccountBook& book, int positions);
    void apply_once(store::Store& store, store::GatewayLease const& lease, model::AccountBook& book, int positions,
                    base::Timestamp now);
    std::int64_t number(std::string_view sql, std::int64_t parameter);
    std::int64_t number_of(std::string_view sql, std::string const& parameter);
    void check(model::AccountBook const& book);
    void let_the_late_arrive() const;

    std::string schema_;
    store::postgres::Address direct_;
    store::postgres::Address through_;
    std::unique_ptr<Proxy> proxy_;
    std::unique_ptr<store::Store> direct_store_;
    std::unique_ptr<store::postgres::Connection> connection_;
    std::optional<Cut> pending_;
    bool with_statement_ = false;
    int run_ = 0;
    std::map<std::string, int> answers_;
};

}  // namespace possync::pgproxy
