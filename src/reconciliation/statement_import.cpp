#include "reconciliation/statement_import.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "ledger/certify.hpp"
#include "ledger/corporate_action.hpp"
#include "ledger/plan.hpp"

namespace possync::reconciliation {

using base::Date;
using base::Result;
using base::Timestamp;
using model::ConId;
using model::Statement;

namespace {

/// Facts of a statement that go into one transaction, about: few enough to keep memory and the write-ahead log small.
constexpr std::size_t facts_per_transaction = 20'000;
/// Days before a statement whose verdicts its import may change.
constexpr std::int64_t days_judged_again = 7;
/// A trade may be taken back, or dated into the statement, some days after it happened.
constexpr base::Duration taken_back_within = std::chrono::hours(24 * 31);


/// `known`: what another statement of the same days has, of another query maybe; both are known then.
std::string sections_of(Statement const& statement, std::string const& known) {
    std::string sections;
    auto add = [&](bool has, std::string const& name) {
        if (has || (" " + known + " ").find(" " + name + " ") != std::string::npos) sections += (sections.empty() ? "" : " ") + name;
    };
    add(statement.has_trades, "Trades");
    add(statement.has_option_events, "OptionEAE");
    add(statement.has_corporate_actions, "CorporateActions");
    add(statement.has_transfers, "Transfers");
    add(statement.has_positions, "OpenPositions");
    add(statement.has_lots, "Lots");
    add(!statement.cash.empty(), "CashTransactions");
    return sections;
}

/// Its days, and nothing that it lists.
model::StatementRecord covering(model::StatementRecord record) {
    record.sections = "Trades";
    return record;
}

bool made_later(model::StatementRecord const& other, Statement const& statement) {
    return other.generated_at && statement.generated_at && *other.generated_at > *statement.generated_at;
}

/// What stays of the record of the same days: its sections, and when it was made where this one is older or tells no trades.
void keep_known(model::StatementRecord& record, Statement const& statement, model::StatementRecord const& known) {
    record.sections = sections_of(statement, known.sections);
    if (!ledger::lists_trades(known)) return;
    if (!statement.has_trades) record.trades = known.trades;
    if (!statement.has_trades || made_later(known, statement)) record.generated_at = known.generated_at;
}

/// What a statement that was made later counts stays as that one counts it.
void keep_known(std::vector<model::StatementTradeClaim>& claimed, std::vector<model::StatementTradeClaim> const& known) {
    for (auto& claim : claimed) {
        auto const key = [](model::StatementTradeClaim const& each) { return std::tie(each.con_id, each.trade_date, each.exec_id); };
        auto const found = std::lower_bound(known.begin(), known.end(), claim, [&](auto const& a, auto const& b) { return key(a) < key(b); });
        if (found != known.end() && key(*found) == key(claim)) claim = *found;
    }
}

/// Differences that only joining tells, of sections that this statement does not have: it says nothing of them.
std::vector<model::CertificationDifference> not_spoken_of(std::vector<model::CertificationDifference> const& known, Statement const& statement) {
    std::vector<model::CertificationDifference> kept;
    for (auto const& each : known) {
        bool const own = each.trade_date >= statement.from && each.trade_date <= statement.to;
        if (!own || each.state != model::DifferenceState::open || !ledger::told_by_joining(each.kind)) continue;
        bool const of_actions = each.kind == model::DifferenceKind::corporate_action_undecided;
        if (!(of_actions ? statement.has_corporate_actions : statement.has_trades)) kept.push_back(each);
    }
    return kept;
}

/// Instruments in groups that must be looked at together: those of one corporate action, options with what they are on.
std::vector<std::vector<ConId>> group(std::vector<ConId> const& ordered, ledger::StatementIndex const& index,
                                      model::InstrumentBooks const& books) {
    std::map<ConId, ConId> leader;
    auto find = [&](ConId con_id) {
        while (leader[con_id] != con_id) con_id = leader[con_id];
        return con_id;
    };
    auto join = [&](ConId a, ConId b) {
        leader.try_emplace(a, a), leader.try_emplace(b, b);
        leader[find(a)] = find(b);
    };
    for (ConId const con_id : ordered) {
        leader.try_emplace(con_id, con_id);
        auto const book = books.find(con_id);
        auto const* described = index.of(con_id).described;
        auto const under = book != books.end() && book->second.instrument->under_con_id ? book->second.instrument->under_con_id
                           : described != nullptr                                       ? described->under_con_id
                                                                                        : std::nullopt;
        if (under) join(con_id, *under);
    }
    for (auto const& [unused, rows] : index.actions()) {
        for (auto const* row : rows) join(rows.front()->con_id, row->con_id);
    }
    std::map<ConId, std::size_t> places;
    std::vector<std::vector<ConId>> groups;
    for (ConId const con_id : ordered) {
        auto const [at, added] = places.try_emplace(find(con_id), groups.size());
        if (added) groups.emplace_back();
        groups[at->second].push_back(con_id);
    }
    return groups;
}

std::size_t facts_of(ledger::StatementOfInstrument const& says) { return says.trades.size() + says.lots.size() + says.actions.size() + 1; }

/// What was found of each part, put together.
class Findings {
public:
    void add(ledger::Verdict const& verdict) {
        for (auto const& each : verdict.certifications) {
            auto& day = days_[each.trade_date];
            if (day.trade_date != each.trade_date) {
                day = each;
                continue;
            }
            day.executions += each.executions;
            day.positions += each.positions;
            day.lots += each.lots;
            day.corrected += each.corrected;
            day.open += each.open;
            if (each.statement_realized_pnl) {
                day.statement_realized_pnl = day.statement_realized_pnl.value_or(base::Decimal(0)) + *each.statement_realized_pnl;
            }
            if (each.state == model::CertificationState::differs) day.state = each.state;
        }
        differences_.insert(differences_.end(), verdict.differences.begin(), verdict.differences.end());
    }
    [[nodiscard]] std::vector<model::CertificationDifference> differences(Date from, Date to) const {
        std::vector<model::CertificationDifference> own;
        std::copy_if(differences_.begin(), differences_.end(), std::back_inserter(own), [&](model::CertificationDifference const& each) {
            return (each.trade_date >= from && each.trade_date <= to) || each.kind == model::DifferenceKind::statement_gap;
        });
        return own;
    }
    /// Those of the statement's own days, and holes beside them.
    [[nodiscard]] std::vector<model::Certification> days(Date from, Date to) const {
        std::vector<model::Certification> days;
        for (auto const& [date, day] : days_) {
            bool const own = date >= from && date <= to;
            if (own || day.state == model::CertificationState::provisional) days.push_back(day);
        }
        return days;
    }

private:
    std::map<Date, model::Certification> days_;
    std::vector<model::CertificationDifference> differences_;
};

/// What an earlier import of the same days corrected is corrected still, and counts with what this one did.
void count_earlier_corrections(std::vector<model::CertificationDifference> const& known,
                               std::vector<model::CertificationDifference> const& found, std::vector<model::Certification>& days) {
    for (auto const& row : known) {
        if (row.state != model::DifferenceState::corrected) continue;
        bool const again = std::any_of(found.begin(), found.end(), [&](model::CertificationDifference const& each) {
            return each.trade_date == row.trade_date && each.kind == row.kind && each.con_id == row.con_id && each.subject == row.subject;
        });
        auto const day = std::find_if(days.begin(), days.end(), [&](auto const& each) { return each.trade_date == row.trade_date; });
        if (!again && day != days.end()) ++day->corrected;
    }
}

Result<void> judge_again(store::Store& store, ImportTarget const& target, Date since) {
    auto const now = target.now();
    POSSYNC_TRY(auto const claims, store.load_claims(target.account_id, since));
    POSSYNC_TRY(auto const book, store.load(target.account_id, now, now - ledger::end_of_day(since, target.policy.fold)));
    POSSYNC_TRY(auto verdict, ledger::certify(book, claims, since, target.policy.fold));
    ledger::include(verdict, told_before(claims.differences, since, book));
    model::StatementRecords records;
    records.account_id = target.account_id;
    records.imported_at = now;
    records.certifications = verdict.certifications;
    records.differences = verdict.differences;
    for (auto const& day : verdict.certifications) records.judged_dates.push_back(day.trade_date);
    store::CommitRequest request;
    request.gateway_id = target.lease.gateway_id;
    request.epoch = target.lease.epoch;
    request.now = now;
    request.statements = {std::move(records)};
    return store.commit(request);
}

}  // namespace

std::vector<model::CertificationDifference> told_before(std::vector<model::CertificationDifference> const& known, Date since,
                                                        model::AccountBook const& book) {
    auto const done = [&](model::CertificationDifference const& each) {
        auto const found = book.instruments.find(each.con_id);
        if (found == book.instruments.end() || each.subject.empty()) return false;
        if (each.kind == model::DifferenceKind::corporate_action_undecided) {
            auto const quantity = base::Decimal::parse(each.statement_value);
            return quantity && ledger::was_stated(found->second.adjustments, *quantity, each.trade_date);
        }
        if (each.kind != model::DifferenceKind::execution_cancelled) return false;
        return std::any_of(found->second.executions.begin(), found->second.executions.end(), [&](model::Execution const& execution) {
            return model::cancelled_on(execution) && execution.superseded_by.ends_with(":" + each.subject);
        });
    };
    std::vector<model::CertificationDifference> told;
    std::copy_if(known.begin(), known.end(), std::back_inserter(told), [&](model::CertificationDifference const& each) {
        bool const open = each.state == model::DifferenceState::open;
        return each.trade_date >= since && (!open || (ledger::told_by_joining(each.kind) && !done(each)));
    });
    return told;
}

Result<ImportResult> import_statement(store::Store& store, Statement const& statement, ImportTarget const& target) {
    auto const account_id = target.account_id;
    auto const& policy = target.policy;
    auto const now = target.now();
    ledger::StatementIndex const index(statement, policy.fold);

    // What is known already: of the account, and of statements before.
    POSSYNC_TRY(auto claims, store.load_claims(account_id, statement.from));
    ledger::StatementPart part;
    part.index = &index;
    // What the gateway said after the statement was closed, or made, is newer. Where that lies ahead (the day is not over and the
    // statement does not say when it was made, or the clock is wrong), nothing tells which one is.
    part.latest = !claims.last_synced_at || (*claims.last_synced_at < index.known_until() && index.known_until() <= now);
    part.live_since = claims.live_since;
    std::optional<Timestamp> covered_evening;
    std::optional<Date> covered_to;
    for (auto const& before : claims.statements) {
        if (before.to > statement.to && (ledger::lists_trades(before) || ledger::lists_positions(before))) part.latest = false;
        part.listed_before = part.listed_before || (before.to < statement.to && ledger::lists_positions(before));
        if (!ledger::lists_trades(before)) continue;
        bool const same_days = before.from <= statement.to && statement.from <= before.to;
        if (same_days && made_later(before, statement)) part.outdated = true;
        if (before.to >= statement.from) continue;
        Timestamp const end = ledger::end_of_day(before.to, policy.fold);
        if (!part.covered_until || end > *part.covered_until) {
            part.covered_until = end;
            covered_evening = ledger::evening_of(before.to, policy.fold);
            covered_to = before.to;
        }
    }

    // The instruments it concerns, each with its facts from the last flat point on.
    POSSYNC_TRY(model::AccountBook book, store.load(account_id, now, base::Duration(0)));
    POSSYNC_TRY(auto const moved, store.instruments_moved(account_id, index.begin(), index.end()));
    std::set<ConId> others(moved.begin(), moved.end());
    for (auto const& [con_id, instrument] : book.instruments) {
        if (!instrument.positions.empty() && instrument.positions.back().open()) others.insert(con_id);
    }
    auto const ordered = ledger::concerned(others, index);
    auto const held = std::exchange(book.instruments, {});
    auto const groups = group(ordered, index, held);
    Timestamp const since = part.covered_until ? std::min(*part.covered_until, index.begin() - taken_back_within) : Timestamp{0};

    ImportResult result;
    result.account = statement.account;
    result.from = statement.from;
    result.to = statement.to;
    result.source = statement.source;
    result.trades = static_cast<int>(statement.trades.size());
    result.cash_transactions = static_cast<int>(statement.cash.size());
    result.remainders = statement.remainders;

    model::StatementRecord record;
    record.from = statement.from;
    record.to = statement.to;
    record.generated_at = statement.generated_at;
    record.query_name = statement.query_name;
    record.source = statement.source;
    record.sections = sections_of(statement, "");
    record.trades = result.trades;
    // The verdict is on this statement's days, by all that is listed for their evenings; its neighbours tell the holes beside it and
    // claim nothing more.
    model::StatementClaims own;
    own.statements = {record};
    std::set<Date> evenings;
    auto const listed_later = [&](Date date) {  // by a statement that was made later: its list stands
        return std::any_of(claims.statements.begin(), claims.statements.end(), [&](model::StatementRecord const& other) {
            return made_later(other, statement) && ledger::lists_positions(other) && other.from <= date && other.to >= date &&
                   !ledger::has_business_day(date, ledger::day_after(other.to));
        });
    };
    std::set<Date> kept_lists;
    for (auto const& position : statement.positions) {
        if (listed_later(position.date)) kept_lists.insert(position.date);
    }
    if (listed_later(index.position_date())) kept_lists.insert(index.position_date());
    for (auto const& other : claims.statements) {
        bool const within = other.to >= statement.from && other.to < statement.to;
        if (!within || !ledger::lists_positions(other)) continue;
        own.statements.push_back(other);
        evenings.insert(other.to);
    }
    std::vector<model::StatementRecord> neighbours;
    for (auto const& other : claims.statements) {
        auto nearest = [&](bool earlier) {
            return std::find_if(neighbours.begin(), neighbours.end(), [&](auto const& each) { return (each.to < statement.from) == earlier; });
        };
        if (!ledger::lists_trades(other) || (other.to >= statement.from && other.from <= statement.to)) continue;
        bool const earlier = other.to < statement.from;
        auto const known = nearest(earlier);
        if (known == neighbours.end()) {
            neighbours.push_back(covering(other));
        } else if (earlier ? other.to > known->to : other.from < known->from) {
            *known = covering(other);
        }
    }

    std::size_t all = 0;
    for (auto const con_id : ordered) all += facts_of(index.of(con_id));
    std::size_t done = 0;
    Findings findings;
    std::vector<model::InstrumentSuccession> successions;
    store::CommitRequest request;
    auto commit = [&]() -> Result<void> {
        request.gateway_id = target.lease.gateway_id;
        request.epoch = target.lease.epoch;
        request.now = target.now();
        return store.commit(std::exchange(request, {}));
    };

    for (std::size_t next = 0; next < groups.size() || next == 0;) {
        part.instruments.clear();
        std::map<ConId, model::InstrumentBook> gathered;
        std::size_t facts = 0;
        for (; next < groups.size() && (facts == 0 || facts < facts_per_transaction); ++next) {
            for (ConId const con_id : groups[next]) {
                part.instruments.push_back(con_id);
                facts += facts_of(index.of(con_id));
                POSSYNC_TRY(auto loaded, store.load_history(account_id, con_id, since));
                if (loaded.instrument.con_id() != 0) gathered[con_id] = std::move(loaded);
            }
        }
        book.instruments = model::side_by_side(std::move(gathered));
        POSSYNC_TRY(auto plan, ledger::plan_statement(book, part, now, policy));
        successions.insert(successions.end(), plan.successions.begin(), plan.successions.end());
        if (!plan.change_set.empty()) {
            auto const counts = model::count_changes(plan.change_set);
            result.positions_created += counts.positions_created;
            result.positions_updated += counts.positions_updated;
            result.positions_closed += counts.positions_closed;
            result.changed = true;
            model::apply(book, plan.change_set);
            request.change_sets = {model::share(std::move(plan.change_set))};
        }
        own.positions.clear();
        own.trades.clear();
        for (ConId const con_id : part.instruments) {
            auto claimed = ledger::trade_claims(index, con_id);
            std::move(claimed.begin(), claimed.end(), std::back_inserter(own.trades));
        }
        // In the order in which certify looks at them, and in which they are kept.
        std::sort(own.trades.begin(), own.trades.end(), [](auto const& a, auto const& b) {
            return std::tie(a.con_id, a.trade_date, a.exec_id) < std::tie(b.con_id, b.trade_date, b.exec_id);
        });
        if (part.outdated) keep_known(own.trades, claims.trades);
        std::set<ConId> const wanted(part.instruments.begin(), part.instruments.end());
        for (auto const& position : statement.positions) {
            if (wanted.contains(position.con_id) && !kept_lists.contains(position.date)) own.positions.push_back(position);
        }
        for (auto const& position : claims.positions) {
            bool const listed = evenings.contains(position.date) || kept_lists.contains(position.date);
            if (wanted.contains(position.con_id) && listed) own.positions.push_back(position);
        }
        if (next >= groups.size()) {
            own.statements.insert(own.statements.end(), neighbours.begin(), neighbours.end());
        }
        if (own.statements.size() > 1) {
            std::sort(own.statements.begin(), own.statements.end(), [](auto const& a, auto const& b) { return a.from < b.from; });
        }
        POSSYNC_TRY(auto verdict, ledger::certify(book, own, statement.from, policy.fold));
        ledger::include(verdict, plan.differences);
        findings.add(verdict);
        done += facts;
        model::StatementRecords claimed;
        claimed.account_id = account_id;
        claimed.imported_at = now;
        claimed.trades = own.trades;
        request.statements = {std::move(claimed)};
        if (next >= groups.size()) break;  // the last part goes with everything else
        POSSYNC_TRY_VOID(commit());
        if (target.progress) target.progress(done, all);
    }

    auto days = findings.days(statement.from, statement.to);
    count_earlier_corrections(claims.differences, findings.differences(statement.from, statement.to), days);
    model::StatementRecords records;
    records.account_id = account_id;
    records.imported_at = now;
    for (auto const& other : claims.statements) {
        if (other.from == record.from && other.to == record.to) keep_known(record, statement, other);
    }
    records.statements = {record};
    records.cash = statement.cash;
    records.successions = std::move(successions);
    records.rates = statement.rates;
    records.certifications = days;
    records.differences = findings.differences(statement.from, statement.to);
    for (auto& each : not_spoken_of(claims.differences, statement)) records.differences.push_back(std::move(each));
    records.remainders = statement.remainders;
    records.base_currency = statement.base_currency;
    if (statement.has_positions) {
        std::ranges::copy_if(statement.positions, std::back_inserter(records.positions),
                             [&](auto const& position) { return !kept_lists.contains(position.date); });
        if (!kept_lists.contains(index.position_date())) records.position_dates = {index.position_date()};  // also when nothing is held then
        for (auto const& position : records.positions) {
            if (std::find(records.position_dates.begin(), records.position_dates.end(), position.date) == records.position_dates.end()) {
                records.position_dates.push_back(position.date);
            }
        }
    }
    for (Date date = statement.from; date <= statement.to; date = ledger::day_after(date)) records.judged_dates.push_back(date);
    request.statements.push_back(std::move(records));
    if (statement.has_trades) {
        // Trade dates run from evening to evening, and a statement right after another goes on where that one ended.
        Timestamp from = index.begin() - (index.end() - index.evening());
        if (covered_evening && *covered_evening < from && !ledger::has_business_day(*covered_to, statement.from)) from = *covered_evening;
        request.coverage.push_back({account_id, "executions", from, index.known_until(), "complete", "statement"});
    }
    POSSYNC_TRY_VOID(commit());
    if (target.progress) target.progress(all, all);

    result.differences = findings.differences(statement.from, statement.to);
    for (auto const& each : result.differences) each.state == model::DifferenceState::open ? ++result.open : ++result.corrected;
    result.revision = book.revision;
    // Verdicts on neighbouring days may rest on what this statement changed: an evening's fill, a trade that was taken back.
    Date const around = ledger::day_after(statement.from, -days_judged_again);
    bool const neighbours_judged = std::any_of(claims.statements.begin(), claims.statements.end(), [&](auto const& other) {
        bool const within = other.from >= statement.from && other.to <= statement.to;
        bool const tells_more = (ledger::lists_trades(other) && !statement.has_trades) ||
                                (ledger::lists_positions(other) && !statement.has_positions);
        return other.to >= around && (!within || tells_more || part.outdated);
    });
    if (neighbours_judged) POSSYNC_TRY_VOID(judge_again(store, target, around));
    POSSYNC_TRY(auto const after, store.load_claims(account_id, statement.to));
    result.certified_through = ledger::certified_through(after.certifications);
    return result;
}

}  // namespace possync::reconciliation
