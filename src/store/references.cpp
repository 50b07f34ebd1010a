#include "store/references.hpp"

#include <algorithm>
#include <iterator>

namespace possync::store {

namespace {

class Ids {
public:
    void name(std::int64_t id) {
        if (named_.empty() || named_.back() != id) named_.push_back(id);  // rows of one thing stand together
    }
    void write(std::int64_t id) { written_.push_back(id); }

    [[nodiscard]] std::vector<std::int64_t> others() {
        sort(named_);
        named_.erase(std::unique(named_.begin(), named_.end()), named_.end());
        sort(written_);
        std::vector<std::int64_t> others;
        std::set_difference(named_.begin(), named_.end(), written_.begin(), written_.end(), std::back_inserter(others));
        return others;
    }

private:
    static void sort(std::vector<std::int64_t>& ids) {
        if (!std::is_sorted(ids.begin(), ids.end())) std::sort(ids.begin(), ids.end());
    }
    std::vector<std::int64_t> named_;
    std::vector<std::int64_t> written_;
};

}  // namespace

References references_of(CommitRequest const& request) {
    Ids accounts;
    Ids instruments;
    Ids positions;
    auto const name = [](Ids& ids, auto const& rows, auto id) {
        for (auto const& row : rows) ids.name(row.*id);
    };
    for (auto const& shared : request.change_sets) {
        auto const& change_set = *shared;
        accounts.write(change_set.account_id);
        for (auto const& row : change_set.instruments) instruments.write(row.con_id());
        for (auto const& row : change_set.positions) positions.write(row.position_id);
        name(instruments, change_set.executions, &model::Execution::con_id);
        name(instruments, change_set.adjustments, &model::Adjustment::con_id);
        name(instruments, change_set.positions, &model::Position::con_id);
        for (auto const& row : change_set.breaks) {
            if (row.con_id != 0) instruments.name(row.con_id);  // 0: of the whole account
        }
        name(positions, change_set.closes, &model::Close::position_id);
        name(positions, change_set.lots, &model::Lot::position_id);
        name(positions, change_set.history, &model::HistoryRow::position_id);
        name(positions, change_set.events, &model::PositionEvent::position_id);
    }
    name(instruments, request.marks, &model::MarkRecord::con_id);
    name(accounts, request.marks, &model::MarkRecord::account_id);
    name(accounts, request.values, &model::AccountValue::account_id);
    name(accounts, request.coverage, &model::CoverageWindow::account_id);
    for (auto const& row : request.runs) {
        if (row.account_id != 0) accounts.name(row.account_id);  // 0: it failed before the account was known
    }
    return {accounts.others(), instruments.others(), positions.others()};
}

}  // namespace possync::store
