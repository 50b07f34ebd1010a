#include "query/views.hpp"

#include <gtest/gtest.h>

#include <set>

#include "query/pnl.hpp"
#include "query/table.hpp"

namespace possync::query {
namespace {

std::string names_of(ViewInfo const& view) {
    std::string names;
    for (auto const& column : view.columns) names += (names.empty() ? "" : " ") + std::string(column.name);
    return names;
}

struct Contract {
    char const* view;
    char const* columns;  ///< promised to scripts outside; whatever is newer comes after them
};

constexpr Contract contracts[] = {
    {"accounts", "account_id account broker gateway base_currency is_paper revision last_synced_at"},
    {"instruments", "instrument_id con_id symbol local_symbol sec_type currency exchange primary_exchange "
                    "trading_class multiplier "
                    "price_scale expiry strike right under_con_id"},
    {"positions",
     "position_id account_id account con_id symbol local_symbol sec_type currency multiplier status quantity "
     "average_price broker_avg_cost current_price market_value unrealized_pnl unrealized_pnl_pct "
     "realized_pnl "
     "commissions net_realized_pnl estimated_realized_pnl unknown_closes marked_at mark_source opened_at "
     "closed_at "
     "missing_since last_synced_at revision"},
    {"position_closes",
     "close_id position_id account con_id symbol quantity_closed side entry_price exit_price realized_pnl "
     "realized_pnl_pct commissions net_realized_pnl estimated_realized_pnl broker_realized_pnl currency "
     "closed_at "
     "trade_date is_full_close cause basis exec_id order_ref revision"},
    {"position_events",
     "event_id revision account position_id con_id symbol kind cause quantity_before quantity_after "
     "average_price_before average_price_after occurred_at recorded_at sync_run_id exec_id"},
    {"executions", "exec_id account con_id symbol time side shares signed_quantity price exchange order_id "
                   "perm_id client_id "
                   "order_ref model_code cum_qty last_liquidity commission commission_currency "
                   "broker_realized_pnl liquidation "
                   "trade_date superseded_by"},
    {"lots",
     "lot_id position_id account con_id symbol open_exec_id opened_at quantity remaining_quantity price"},
    {"sync_runs",
     "sync_run_id gateway account trigger started_at finished_at outcome positions_created positions_updated "
     "positions_closed broker_positions error revision"},
    {"breaks",
     "break_id account con_id symbol kind class state broker_value book_value opened_at closed_at detail"},
    {"coverage", "account stream from_time to_time state source"},
    {"account_values", "account key currency value updated_at"},
    {"adjustments", "adjustment_id account con_id cause quantity price ratio effective_at recorded_at author "
                    "note undone_by"},
    {"statements", "account from_date to_date generated_at query_name source sections trades imported_at"},
    {"certifications", "account trade_date state executions positions lots statement_realized_pnl corrected open"},
    {"certification_differences",
     "account trade_date kind state con_id symbol subject statement_value book_value cause"},
    {"cash_transactions", "account transaction_id type con_id symbol currency amount fx_rate_to_base time "
                          "report_date settle_date ex_date action_id description"},
    {"instrument_successions", "account old_con_id old_symbol new_con_id new_symbol effective_date action_id "
                               "type ratio cost_share"},
    {"currency_rates", "account date currency rate"},
};

TEST(Views, BeginWithTheColumnsThatAreAContract) {
    for (auto const& contract : contracts) {
        ViewInfo const* const view = find_view(contract.view);
        ASSERT_NE(view, nullptr) << contract.view;
        EXPECT_EQ(names_of(*view).substr(0, std::string_view(contract.columns).size()), contract.columns);
    }
}

TEST(Views, AreSaidOnceAndDescribed) {
    std::set<std::string_view> names;
    for (ViewInfo const* view : all_views()) {
        EXPECT_TRUE(names.insert(view->name).second) << view->name;
        EXPECT_FALSE(view->description.empty());
        std::set<std::string_view> columns;
        for (auto const& column : view->columns) {
            EXPECT_TRUE(columns.insert(column.name).second) << view->name << "." << column.name;
            EXPECT_TRUE(column.description.ends_with('.')) << view->name << "." << column.name;
            // Unknown must be sayable: no number and no time is ever forced to a value.
            if (column.type == ColumnType::decimal || column.type == ColumnType::timestamp) {
                EXPECT_TRUE(column.nullable) << view->name << "." << column.name;
            }
        }
    }
    EXPECT_EQ(names.size(), 19U);
}

TEST(Views, FiltersNameColumnsThatExist) {
    for (ViewInfo const* view : all_views()) {
        FilterColumns const& f = view->filter;
        for (auto const name : {f.account, f.symbol, f.other_symbol, f.con_id, f.other_con_id, f.status, f.from, f.from_else,
                                f.to}) {
            if (!name.empty()) {
                EXPECT_NE(view->find(name), nullptr) << view->name << "." << name;
            }
        }
        EXPECT_EQ(f.from.empty(), f.to.empty()) << view->name;
        EXPECT_FALSE(f.order.empty()) << view->name;
    }
}

TEST(Views, AreFoundByTheCommandsWordsToo) {
    EXPECT_EQ(find_view("closes"), find_view("position_closes"));
    EXPECT_EQ(find_view("events")->name, "position_events");
    EXPECT_EQ(find_view("runs")->name, "sync_runs");
    EXPECT_EQ(find_view("history")->name, "position_history");
    EXPECT_EQ(find_view("differences")->name, "certification_differences");
    EXPECT_EQ(find_view("cash")->name, "cash_transactions");
    EXPECT_EQ(find_view("successions")->name, "instrument_successions");
    EXPECT_EQ(find_view("position"), nullptr);
    EXPECT_EQ(find_view(""), nullptr);
}

template <typename Row>
void expect_table_columns_exist() {
    ASSERT_FALSE(table_columns<Row>().empty());
    for (auto const name : table_columns<Row>()) {
        EXPECT_NE(view_info<Row>().find(name), nullptr) << view_info<Row>().name << "." << name;
    }
}

TEST(Views, TablesShowColumnsThatExist){
#define POSSYNC_EXPECT_TABLE(Row) expect_table_columns_exist<Row>();
    POSSYNC_FOR_EACH_ROW(POSSYNC_EXPECT_TABLE)
#undef POSSYNC_EXPECT_TABLE
}

TEST(Views, TypesFollowFromTheMembers) {
    ViewInfo const& closes = view_info<CloseRow>();
    EXPECT_EQ(closes.find("realized_pnl")->type, ColumnType::decimal);
    EXPECT_EQ(closes.find("closed_at")->type, ColumnType::timestamp);
    EXPECT_EQ(closes.find("trade_date")->type, ColumnType::date);
    EXPECT_EQ(closes.find("is_full_close")->type, ColumnType::boolean);
    EXPECT_EQ(closes.find("con_id")->type, ColumnType::integer);
    EXPECT_FALSE(closes.find("con_id")->nullable);
    EXPECT_EQ(closes.find("order_ref")->type, ColumnType::text);
    EXPECT_TRUE(closes.find("order_ref")->nullable);
    EXPECT_EQ(to_string(ColumnType::decimal), "decimal");
}

}  // namespace
}  // namespace possync::query
