// Engine::Implementation: the state of one gateway's engine and what it does, told in four files:
//
//   engine.cpp         events from outside, the connection, time
//   engine_broker.cpp  what the gateway tells: positions, executions, prices, values
//   engine_cycle.cpp   a complete sync, from asking to planning
//   engine_commit.cpp  single changes between syncs, commits, answers
//
// Internal to the engine. Invariants: at most one cycle and one commit are under way; a deadline that next_wakeup() names is
// one that advance() acts upon.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "ledger/plan.hpp"
#include "model/observation.hpp"
#include "sync/account_rotation.hpp"
#include "sync/account_state.hpp"
#include "sync/assembler.hpp"
#include "sync/broker_feed.hpp"
#include "sync/engine.hpp"
#include "sync/execution_owners.hpp"
#include "sync/execution_pulls.hpp"
#include "sync/protocol.hpp"

namespace possync::sync {

using base::Duration;
using base::ErrorCode;
using base::Now;
using base::Timestamp;
using model::ConId;
using model::Trigger;

/// The lease is taken (claiming; standby while it is another's) before the gateway is connected to; what it serves is registered
/// after the handshake.
enum class Phase { stopped, claiming, standby, connecting, registering, loading, ready };

struct Request {
    std::int64_t number = 0;
    std::string account;
    bool dry_run = false;
    std::optional<bool> calculate_realized_pnl;
    Timestamp asked_at;
};

/// One complete sync of the gateway, from asking to answering.
struct Cycle {
    Trigger trigger = Trigger::manual;
    std::vector<Request> requests;
    Timestamp started_at;
    Duration started{0};
    int looks = 0;
    Timestamp look_asked_at;
    bool collecting = false;
    bool doubtful = false;  ///< the gateway lost its broker meanwhile, or books were written elsewhere: what it said may be old
    std::map<std::string, model::CompleteSnapshot> snapshots;
    std::map<std::string, std::string> lost;  ///< accounts without a snapshot, and why
    bool positions_done = false;
    bool executions_done = false;
    bool executions_complete = false;
    std::int64_t execution_request = 0;
    bool described = false;
    std::optional<Duration> describe_until;  ///< steady
    std::optional<Duration> second_look_at;  ///< steady
};

struct PlannedAccount {
    AccountState* account = nullptr;
    ledger::Plan plan;
    Arrivals taken;
    std::vector<model::BrokerRow> rows;                ///< of the list, in a complete sync
    model::SharedChangeSet change_set;                 ///< the plan's, once it is being committed
    std::vector<ledger::Difference> differences = {};  ///< in a dry run
    bool settled = false;                              ///< nothing was planned, because nothing changed since the last time
};

/// The commit under way, and whom to tell.
struct CommitUnderWay {
    std::int64_t number = 0;
    std::vector<PlannedAccount> planned;
    std::vector<SyncResult> results;
    std::vector<Request> requests;
    Trigger trigger = Trigger::manual;
    Duration started{0};   ///< steady
    bool is_sync = false;  ///< false: only marks, values, runs
    Commit riders;         ///< what went along beside change sets and marks
    std::vector<std::pair<model::AccountId, ConId>> marks;  ///< whose went along
};

class Engine::Implementation final : public BrokerListener {
public:
    Implementation(EngineOptions options, base::ZoneRules const& zones)
        : options_(std::move(options)), zones_(zones), feed_(options_, zones, *this), pulls_(zones) {}
    Effects step(Event event, Now now);
    std::optional<Duration> next_wakeup() const;
    GatewayStatus status() const;
    Statistics const& statistics() const { return statistics_; }
    model::AccountBook const* book(std::string_view name) const;

private:
    // --- events from outside, the connection, time: engine.cpp ---------------------------------------------------------

    void handle(Start const&);
    void handle(Stop const&);
    void handle(SocketOpened const&);
    void handle(SocketFailed const& event);
    void handle(SocketClosed const& event);
    void handle(BytesReceived const& event);
    void handle(Tick const&);
    void handle(Claimed const& event);
    void handle(ClaimFailed const& event);
    void handle(Yield const& event);
    void handle(BookLoaded& event);
    void handle(LoadFailed const& event);
    void handle(SyncRequested const& event);
    void handle(ResetStatistics const&);
    void handle(BooksChanged const&);
    std::string not_connected() const;
    std::string stale_text() const;
    Timestamp wall_at(Duration steady) const;
    void on_ready(std::vector<std::string> const& managed) override;
    void refuse(std::string const& why);
    void connection_failed(ErrorCode code, std::string const& why);
    void on_disconnected(std::string const& reason, bool will_retry) override;
    void on_stale(Duration since, std::string const& text) override;
    void on_restored(bool data_lost, std::string const& text) override;
    void on_daily_restart(Duration time_of_day) override;
    void on_notice(LogLevel level, std::string const& event, std::string const& text) override;
    void become_ready();
    void claim(std::vector<std::string> accounts = {}, std::optional<bool> paper = std::nullopt);
    void lease_taken();
    void accounts_registered(Claimed const& event);
    void nothing_to_serve();
    void stand_by(std::string const& why, std::optional<Duration> free_in);
    void leave_gateway(std::string const& why);
    void hand_over();
    [[nodiscard]] bool quiet() const;
    [[nodiscard]] bool connected() const {
        return phase_ == Phase::registering || phase_ == Phase::loading || phase_ == Phase::ready;
    }
    std::vector<std::string> account_names() const;
    static bool due(std::optional<Duration> const& deadline, Duration now) { return deadline && *deadline <= now; }
    void advance();
    void finish_if_done();
    void emit(Effect effect) { out_.push_back(std::move(effect)); }
    void take_feed_actions();
    void log(LogLevel level, std::string event, std::string account, std::string text,
             std::shared_ptr<SyncResult const> result = nullptr);

    // --- what the gateway tells: engine_broker.cpp ---------------------------------------------------------------------

    void on_account_download_end(std::string_view) override;
    void on_account_updates_refused(std::string const& why) override;
    void subscribe_accounts();
    void subscribe_next_account();
    std::int64_t pull_executions(int days);
    [[nodiscard]] std::optional<Duration> wanted_pull_at() const;
    void on_position(std::string_view account, model::BrokerRow row) override;
    static void note_cost(AccountState& account, model::BrokerPosition const& row);
    /// Calls `f` with each row of `rows` that is not the very same in `before`.
    template <typename F>
    static void for_each_new(std::vector<model::BrokerRow> const& rows, std::vector<model::BrokerRow> const& before, F f) {
        auto old = before.begin();
        for (auto const& row : rows) {
            if (old != before.end() && *old == row) {
                ++old;
                continue;
            }
            ConId const con_id = row->instrument.con_id();
            while (old != before.end() && (*old)->instrument.con_id() < con_id)
                ++old;
            if (old != before.end() && *old == row) continue;
            f(*row);
        }
    }
    void on_position_end() override;
    void on_position_lost(std::string_view account, std::string const& why) override;
    void on_positions_failed(std::string const& why) override;
    bool repeats_execution(std::string_view exec_id) override;
    void on_execution(std::string_view account, model::ObservedExecution execution) override;
    void on_commission(model::CommissionReport report) override;
    void on_executions_end(std::int64_t request, bool complete, std::string const& problem) override;
    void on_contract(model::Instrument instrument) override;
    void on_contract_failed(ConId con_id, std::string const& why) override;
    void on_mark(std::string_view account, ConId con_id, model::Mark mark, std::optional<base::Decimal> average_cost) override;
    void on_account_value(std::string_view account, std::string_view key, std::string_view currency,
                          std::string_view value) override;
    void cover(ProvedWindow const& proved);
    void decide_hole(AccountState& account, Timestamp list_asked_at, bool explained);
    void tell_unknown(std::string const& account, model::CoverageWindow const& window);
    void keep_coverage(model::CoverageWindow window);
    void forget_executions();

    // --- a complete sync: engine_cycle.cpp -----------------------------------------------------------------------------

    void ask_by_itself();
    void ask(Trigger trigger, std::optional<Request> const& request);
    void begin_cycle(Trigger trigger, bool by_itself);
    void begin_look();
    bool describe();
    ledger::Policy policy_of(std::string const& account) const;
    void conclude();
    void ask_descriptions(std::set<ConId> const& con_ids);
    static bool is_settled(AccountState const& account, model::CompleteSnapshot const& snapshot);
    static bool only_describes(model::ChangeSet const& change_set);
    static bool waits_for_looks(model::AccountBook const& book);
    static ledger::Plan nothing_to_do(AccountState const& account);
    bool needs_second_look(AccountState const& account, model::Observation const& observation, ledger::Plan const& plan) const;
    void add_descriptions(AccountState const& account, model::Observation& observation) const;
    SyncResult result_of(AccountState const& account, std::optional<int> broker_positions) const;
    static void describe_plan(AccountState const& account, ledger::Plan const& plan, SyncResult& result);
    static bool is_dry(Cycle const& cycle);
    void finish_cycle(std::vector<PlannedAccount> planned, std::vector<SyncResult> results);
    void fail_cycle(ErrorCode code, std::string const& why);

    // --- single changes, commits, answers: engine_commit.cpp -----------------------------------------------------------

    void handle(Committed const& event);
    void handle(CommitFailed const& event);
    void arrived(AccountState& account);
    void plan_arrivals();
    void commit(std::vector<PlannedAccount> planned, std::vector<SyncResult> results, std::vector<Request> requests,
                Trigger trigger, Now started);
    void look_again_soon();
    void add_run(SyncResult const& result, Timestamp started_at);
    void add_run_in_vain(Request const& request, std::string const& why);
    [[nodiscard]] std::optional<Duration> runs_in_vain_at() const;
    void write_runs_in_vain();
    std::vector<model::CoverageWindow> take_coverage();
    void send(Commit effect);
    void want_flush();
    void want_values_flush();
    void flush_within(Duration duration);
    void flush();
    void settle_commit(PlannedAccount& planned);
    void put_back(PlannedAccount& planned);
    void put_back_riders(CommitUnderWay& failed, std::string const& why);
    void reload_books();
    void finish_results(std::vector<SyncResult> results, std::vector<Request> const& requests, Trigger trigger, Duration started);
    void answer(Request const& request, std::vector<SyncResult> const& results, SyncFinished finished);
    void fail_requests(std::vector<Request> const& requests, ErrorCode code, std::string const& why);
    void fail_waiting(ErrorCode code, std::string const& why);

    EngineOptions const options_;
    base::ZoneRules const& zones_;
    BrokerFeed feed_;
    Now now_;
    Effects out_;

    Phase phase_ = Phase::stopped;
    bool stopping_ = false;
    bool finished_ = false;
    bool refused_ = false;
    std::optional<Timestamp> stale_since_;  ///< what comes may be old; while not connected: when last something came
    Timestamp heard_since_;                 ///< since then, while connected and not stale, everything that is pushed is heard
    bool ask_days_back_ = false;            ///< a new connection's first pull may close a hole
    bool was_ready_before_ = false;
    bool one_shot_done_ = false;
    std::optional<Trigger> reloaded_for_;  ///< books are loaded anew: what the sync behind it is by
    bool last_runs_written_ = false;  ///< or could not be
    std::string last_connection_error_;
    std::string refusal_;  ///< see GatewayStatus
    std::set<std::string> warnings_told_;  ///< of accounts that are other gateways'
    bool anothers_ = true;  ///< in standby: the lease is another's; false: it could not be taken for another reason
    std::string failure_told_;
    Duration failure_told_at_{0};

    bool owned_ = false;         ///< the lease is ours as far as we know
    std::int64_t epoch_ = 0;
    int claims_ = 0;             ///< not answered yet
    bool check_lease_ = false;   ///< a commit met a conflict: whose is the gateway?
    bool yield_wanted_ = false;
    bool left_ = false;          ///< since the accounts were read the gateway was somebody else's
    std::string standby_told_;

    std::map<std::string, AccountState, std::less<>> accounts_;
    SnapshotAssembler assembler_;
    std::int64_t position_request_ = 0;
    std::int64_t pull_request_ = 0;
    std::optional<Cycle> cycle_;
    std::vector<Request> next_requests_;
    std::optional<Trigger> next_trigger_;
    std::optional<CommitUnderWay> under_way_;
    std::int64_t commit_number_ = 0;

    ExecutionOwners owners_;
    std::map<ConId, model::SharedInstrument> descriptions_;  ///< by contract data; books have the same, whatever the account
    std::set<ConId> asked_descriptions_;
    std::set<ConId> undescribed_;  ///< to be asked for when the sync that met them is done

    std::vector<model::SyncRun> unsaved_runs_;
    using CoverageKey = std::tuple<model::AccountId, std::string, Timestamp>;  ///< stream, from
    static CoverageKey key_of(model::CoverageWindow const& window) { return {window.account_id, window.stream, window.from_time}; }
    std::map<CoverageKey, model::CoverageWindow> unsaved_coverage_;
    AccountRotation rotation_;
    std::optional<Duration> next_sync_at_;  ///< steady, like all deadlines below
    std::optional<Duration> flush_at_;
    std::optional<Duration> commit_again_at_;  ///< the store failed; until then nothing is committed by itself
    std::optional<Duration> renew_at_;
    std::optional<Duration> claim_at_;  ///< in standby
    ExecutionPulls pulls_;
    Statistics statistics_;
};

}  // namespace possync::sync
