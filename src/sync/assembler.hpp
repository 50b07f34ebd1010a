// SnapshotAssembler: rows of a position list -> one CompleteSnapshot per account, and only when the End message of
// the same request on the same connection came. A disconnect, a timeout or a new request throws the builder away:
// half a list never becomes a value. Pure; one object per gateway.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/observation.hpp"

namespace possync::sync {

class SnapshotAssembler {
public:
    /// A list was asked for. Whatever was half built before is discarded.
    void begin(std::int64_t connection_number, std::int64_t request_number);
    [[nodiscard]] bool building() const { return building_; }
    /// One row of the list. A repeated row replaces the earlier one: the last value counts.
    void add(std::string_view account, model::BrokerRow row);
    /// A row of this account was lost: there is no snapshot of it in this list, whatever else comes.
    void spoil(std::string_view account);
    /// The End message. Gives a snapshot for each of `accounts`, an empty one where no row came and none where one was lost;
    /// rows of other accounts are dropped. Nothing when no list of this connection is being built.
    [[nodiscard]] std::optional<std::map<std::string, model::CompleteSnapshot>> complete(
        std::int64_t connection_number, std::vector<std::string> const& accounts);
    void discard();

private:
    bool building_ = false;
    std::int64_t connection_number_ = 0;
    std::int64_t request_number_ = 0;
    struct Row {
        model::ConId con_id = 0;
        std::size_t order = 0;  ///< of arrival
        model::BrokerRow row;
    };
    struct Rows {
        std::vector<Row> rows;
        int held = 0;
        bool ascending = true;  ///< gateways may list in any order
    };
    static void keep_last_of_each(std::vector<Row>& rows, int& held);

    std::map<std::string, Rows, std::less<>> accounts_;
    std::set<std::string, std::less<>> spoiled_;
    /// Rows of one account mostly follow each other.
    std::string_view last_account_;
    Rows* last_rows_ = nullptr;
};

}  // namespace possync::sync
