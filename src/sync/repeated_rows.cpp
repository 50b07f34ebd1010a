#include "sync/repeated_rows.hpp"

#include <algorithm>
#include <utility>

namespace possync::sync {

namespace {

/// So many rows may have left the list in a row before the ones behind them are decoded anew.
constexpr std::size_t look_ahead = 8;

}  // namespace

void RepeatedRows::begin() {
    running_ = true;
    last_ = std::exchange(now_, {});
    now_.reserve(last_.size());
    next_ = 0;
}

RepeatedRows::Row const* RepeatedRows::take_if_repeated(std::string_view payload) {
    if (!running_) return nullptr;
    std::size_t const end = std::min(last_.size(), next_ + look_ahead);
    for (std::size_t i = next_; i < end; ++i) {
        if (last_[i].payload != payload) continue;
        now_.push_back(std::move(last_[i]));
        next_ = i + 1;
        return &now_.back();
    }
    return nullptr;
}

void RepeatedRows::add(std::string_view payload, std::string_view account, model::BrokerRow row) {
    if (!running_) return;
    bool const changed_in_place = next_ < last_.size() && last_[next_].account == account &&
                                  last_[next_].row->instrument.con_id() == row->instrument.con_id();
    if (changed_in_place) ++next_;
    now_.push_back({std::string(payload), std::string(account), std::move(row)});
}

}  // namespace possync::sync
