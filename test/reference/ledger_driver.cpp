// Feeds histories, one JSON object a line on stdin, through the real ledger as they arrive (explain, fold, diff, apply)
// and prints the book that results. reference.py calculates the same book in its own way and compares.
#include <iostream>
#include <string>

#include <boost/json.hpp>

#include "ledger/ledger_testing.hpp"
#include "ledger/verify.hpp"

namespace {

namespace json = boost::json;
using namespace possync;
using base::Decimal;

constexpr std::int64_t begin = 1'795'000'000'000'000;

std::string text(json::object const& object, char const* name) { return std::string(object.at(name).as_string()); }
Decimal number(json::object const& object, char const* name) { return ledger::testing::dec(text(object, name)); }
json::value show(std::optional<Decimal> const& value) { return value ? json::value(value->to_string()) : json::value(nullptr); }

class History {
public:
    explicit History(json::object const& input) {
        instrument_ = ledger::testing::stock();
        instrument_.multiplier = number(input, "multiplier");
        instrument_.price_scale = number(input, "scale");
        instrument_.details_known = true;
        policy_.fold.method = *model::parse_cost_basis(text(input, "method"));
        book_.account_id = 1;
        book_.account = "DU1";
        look("0", {}, {});
    }

    void take(json::object const& step) {
        if (auto const* arrive = step.if_contains("arrive")) {
            std::vector<model::ObservedExecution> executions;
            std::vector<model::CommissionReport> commissions;
            for (auto const& each : arrive->at("executions").as_array()) executions.push_back({execution_of(each.as_object()), instrument_});
            for (auto const& each : arrive->at("commissions").as_array()) {
                auto const& report = each.as_object();
                commissions.push_back({text(report, "exec_id"), 0, number(report, "commission"), text(report, "currency"), std::nullopt});
            }
            look(text(step, "broker"), std::move(executions), std::move(commissions));
        } else if (auto const* exclude = step.if_contains("exclude")) {
            edit(model::ExcludeEdit{std::string(exclude->as_string()), "test"});
        } else if (auto const* include = step.if_contains("include")) {
            edit(model::UndoEdit{0, std::string(include->as_string()), "test"});
        } else if (auto const* split = step.if_contains("split")) {
            look(text(step, "broker"), {}, {});
            model::ExplainEdit named;
            for (auto const& [id, open] : book_.breaks) {
                if (open.kind == model::BreakKind::quantity) named.id = id;
            }
            named.cause = model::Cause::split;
            named.ratio = *model::parse_ratio(std::string(split->as_string()));
            named.author = "test";
            edit(named);
        }
    }

    json::object result() const {
        json::array adjustments, positions, closes, lots;
        auto const found = book_.instruments.find(instrument_.con_id);
        if (found != book_.instruments.end()) {
            for (auto const& each : found->second.adjustments) {
                if (!each.in_force()) continue;
                adjustments.push_back({{"id", each.adjustment_id}, {"quantity", each.quantity.to_string()}, {"price", show(each.price)},
                                       {"ratio", each.ratio ? json::value(to_string(*each.ratio)) : json::value(nullptr)},
                                       {"time", each.effective_at ? json::value(each.effective_at->microseconds - begin) : json::value(nullptr)}});
            }
            for (auto const& each : found->second.positions) {
                positions.push_back({{"quantity", each.quantity.to_string()}, {"cost", show(each.cost)}, {"average_price", show(each.average_price)},
                                     {"realized_pnl", each.realized_pnl.to_string()}, {"net", show(each.net_realized_pnl)},
                                     {"commissions", show(each.commissions)}, {"unknown_closes", each.unknown_closes}});
            }
            for (auto const& each : found->second.closes) {
                closes.push_back({{"fact", each.closing_fact}, {"quantity", each.quantity_closed.to_string()}, {"realized_pnl", show(each.realized_pnl)},
                                  {"net", show(each.net_realized_pnl)}, {"commissions", show(each.commissions)}, {"full", each.is_full_close},
                                  {"pct", show(each.realized_pnl_pct)}});
            }
            for (auto const& each : found->second.lots) {
                lots.push_back({{"fact", each.opening_fact}, {"quantity", each.quantity.to_string()}, {"remaining", each.remaining_quantity.to_string()}});
            }
        }
        json::array findings;
        for (auto const& each : ledger::verify(book_, policy_.fold)) findings.push_back(json::value(each.where + ": " + each.what));
        return {{"adjustments", adjustments}, {"positions", positions}, {"closes", closes}, {"lots", lots}, {"findings", findings}};
    }

private:
    model::Execution execution_of(json::object const& input) const {
        model::Execution execution;
        execution.exec_id = text(input, "exec_id");
        execution.con_id = instrument_.con_id;
        execution.time = {begin + input.at("time").as_int64()};
        execution.side = text(input, "side") == "BOT" ? model::Side::bought : model::Side::sold;
        execution.shares = number(input, "shares");
        execution.price = number(input, "price");
        execution.perm_id = input.at("perm_id").as_int64();
        execution.cum_qty = number(input, "cum_qty");
        return execution;
    }

    void look(std::string const& broker, std::vector<model::ObservedExecution> executions, std::vector<model::CommissionReport> commissions) {
        model::Observation observation;
        observation.observed_at = next_time();
        observation.executions = std::move(executions);
        observation.commissions = std::move(commissions);
        observation.executions_complete = true;
        model::BrokerPosition row;
        row.instrument = instrument_;
        row.quantity = ledger::testing::dec(broker);
        observation.snapshot = model::SnapshotForTests::make({row}, ++requests_, 1);
        plan(observation);
    }

    void edit(model::Edit named) {
        model::Observation observation;
        observation.observed_at = next_time();
        observation.edits.push_back(std::move(named));
        plan(observation);
    }

    void plan(model::Observation const& observation) {
        auto const planned = ledger::plan(book_, observation, policy_);
        CHECK(planned.has_value());
        if (planned->commits()) model::apply(book_, planned->change_set);
    }

    base::Timestamp next_time() { return {begin + (1'000'000 + ++looks_) * 1'000'000}; }

    model::Instrument instrument_;
    ledger::Policy policy_;
    model::AccountBook book_;
    std::int64_t requests_ = 0;
    std::int64_t looks_ = 0;
};

}  // namespace

int main() {
    std::string line;
    while (std::getline(std::cin, line)) {
        auto const input = json::parse(line).as_object();
        History history(input);
        for (auto const& step : input.at("steps").as_array()) history.take(step.as_object());
        std::cout << json::serialize(history.result()) << '\n';
    }
    return 0;
}
