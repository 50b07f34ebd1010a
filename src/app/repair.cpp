#include "app/repair.hpp"

#include <charconv>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "app/books.hpp"
#include "app/service.hpp"
#include "ledger/plan.hpp"

namespace possync::app {

using base::ErrorCode;
using base::Result;

namespace {

constexpr std::string RepairText::* texts[] = {&RepairText::verb,  &RepairText::subject, &RepairText::account, &RepairText::cause,
                                               &RepairText::price, &RepairText::ratio,   &RepairText::note,    &RepairText::author};
constexpr char const* names[] = {"verb", "subject", "account", "cause", "price", "ratio", "note", "author"};

std::optional<std::int64_t> whole_number(std::string const& text) {
    std::int64_t value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value <= 0) return std::nullopt;
    return value;
}

/// The adjustment that an event came from, or the id itself when it is one of an adjustment.
Result<model::RowId> adjustment_of(std::int64_t id, query::Reader& reader) {
    POSSYNC_TRY(auto const events, reader.events());
    for (auto const& event : events) {
        if (event.event_id != id) continue;
        query::Filter filter;
        filter.account = event.account;
        filter.con_id = event.con_id;
        POSSYNC_TRY(auto const adjustments, reader.adjustments(filter));
        for (auto const& adjustment : adjustments) {
            bool const caused = adjustment.cause == event.cause && adjustment.recorded_at == event.recorded_at;
            if (caused && !adjustment.undone_by) return adjustment.adjustment_id;
        }
        return base::fail(ErrorCode::invalid_input,
                          event.exec_id ? fmt::format("event {} came of execution {}; exclude that instead", id, *event.exec_id)
                                        : fmt::format("event {} came of no adjustment that is still in force", id));
    }
    return id;
}

}  // namespace

std::string to_json(RepairText const& text) {
    boost::json::object object;
    for (std::size_t i = 0; i < std::size(texts); ++i) object[names[i]] = text.*texts[i];
    object["dry_run"] = text.dry_run;
    return boost::json::serialize(object);
}

Result<RepairText> parse_repair(std::string const& json) {
    boost::system::error_code bad;
    auto const value = boost::json::parse(json, bad);
    if (bad || !value.is_object()) return base::fail(ErrorCode::invalid_input, "the request is not a JSON object");
    RepairText text;
    for (std::size_t i = 0; i < std::size(texts); ++i) {
        auto const* field = value.as_object().if_contains(names[i]);
        if (field != nullptr && field->is_string()) text.*texts[i] = std::string(field->as_string());
    }
    auto const* dry_run = value.as_object().if_contains("dry_run");
    text.dry_run = dry_run != nullptr && dry_run->is_bool() && dry_run->as_bool();
    return text;
}

Result<Repair> resolve_repair(RepairText const& text, query::Reader& reader) {
    Repair repair;
    std::string const author = "operator " + text.author;
    auto const id = whole_number(text.subject);
    std::string account = text.account;
    if (text.verb == "explain") {
        model::ExplainEdit edit;
        if (!id) return base::fail(ErrorCode::invalid_input, fmt::format("'{}' is not the id of a break or an adjustment", text.subject));
        edit.id = *id;
        auto const cause = model::parse_cause(text.cause);
        if (!cause) {
            return base::fail(ErrorCode::invalid_input,
                              fmt::format("'{}' is not a cause; state one of split, expiry, exercise, assignment, cash_settlement, "
                                          "maturity, reinvestment, transfer, corporate_action, manual", text.cause));
        }
        edit.cause = *cause;
        if (!text.price.empty()) {
            auto const price = base::Decimal::parse(text.price);
            if (!price) return base::fail(ErrorCode::invalid_input, fmt::format("--price '{}' is not a number", text.price));
            edit.price = *price;
        }
        if (!text.ratio.empty()) {
            auto const ratio = model::parse_ratio(text.ratio);
            if (!ratio) return base::fail(ErrorCode::invalid_input, fmt::format("--ratio '{}' is not a ratio; write 4:1 where one became four", text.ratio));
            edit.ratio = *ratio;
        }
        edit.note = text.note;
        edit.author = author;
        repair.edit = edit;
    } else if (text.verb == "exclude") {
        repair.edit = model::ExcludeEdit{text.subject, author};
    } else if (text.verb == "undo") {
        model::UndoEdit edit;
        edit.author = author;
        if (id) {
            POSSYNC_TRY(edit.id, adjustment_of(*id, reader));
        } else {
            edit.exec_id = text.subject;
        }
        repair.edit = edit;
    } else {
        return base::fail(ErrorCode::invalid_input, fmt::format("'{}' is not explain, exclude or undo", text.verb));
    }
    POSSYNC_TRY(auto const accounts, reader.accounts());
    bool const by_execution = text.verb == "exclude" || (text.verb == "undo" && !id);
    if (by_execution) {
        query::Filter filter;
        if (!account.empty()) filter.account = account;
        POSSYNC_TRY(auto const executions, reader.executions(filter));
        std::string found;
        for (auto const& execution : executions) {
            if (model::execution_root(execution.exec_id) != model::execution_root(text.subject)) continue;
            if (!found.empty() && found != execution.account) {
                return base::fail(ErrorCode::invalid_input, fmt::format("execution {} is in several accounts; say which with --account", text.subject));
            }
            found = execution.account;
        }
        if (found.empty()) return base::fail(ErrorCode::not_found, fmt::format("there is no execution {}; see `possync executions`", text.subject));
        account = found;
    }
    for (auto const& row : accounts) {
        bool const it = by_execution ? row.account == account : row.account_id == *id >> 32;
        if (!it) continue;
        repair.account_id = static_cast<model::AccountId>(row.account_id);
        repair.account = row.account;
        repair.gateway = row.gateway;
        repair.paper = row.is_paper;
        return repair;
    }
    return base::fail(ErrorCode::not_found, fmt::format("there is nothing with the id {} in this database", text.subject));
}

Result<model::ChangeSet> carry_out_repair(store::Store& store, int gateway_id, std::int64_t epoch, Repair const& repair,
                                          ledger::Policy const& policy, bool dry_run) {
    POSSYNC_TRY(auto const book, load_whole_book(store, repair.account_id));
    POSSYNC_TRY(auto const last, store.load_last_records(repair.account_id));
    std::map<model::ConId, model::Mark> marks;
    for (auto const& each : last.marks) {
        if (!each.current_price || !each.marked_at) continue;
        marks[each.con_id].price = *each.current_price;
        marks[each.con_id].marked_at = *each.marked_at;
    }
    auto const now = clock_now().wall;
    model::Observation observation;
    observation.observed_at = now;
    observation.edits.push_back(repair.edit);
    observation.marks = &marks;
    POSSYNC_TRY(auto plan, ledger::plan(book, observation, policy));
    if (!plan.commits()) return base::fail(ErrorCode::invalid_input, "that changes nothing");
    if (!dry_run) {
        store::CommitRequest request;
        request.gateway_id = gateway_id;
        request.epoch = epoch;
        request.now = now;
        request.change_sets.push_back(model::share(plan.change_set));
        POSSYNC_TRY_VOID(store.commit(request));
    }
    return std::move(plan.change_set);
}

}  // namespace possync::app
