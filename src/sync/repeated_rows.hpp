// RepeatedRows: the last list of positions as bytes and as rows, so that a row that comes again byte for byte is
// neither decoded nor built again. Lists mostly repeat in order, with rows changed, added and left out here and there;
// any other order is read correctly, only not faster. Pure; one object per gateway.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/observation.hpp"

namespace possync::sync {

class RepeatedRows {
public:
    struct Row {
        std::string payload;
        std::string account;
        model::BrokerRow row;
    };
    /// A list was asked for; what came of the one before is compared with it.
    void begin();
    /// The list ended, well or not. Rows that come by themselves afterwards are not part of it.
    void end() { running_ = false; }
    /// The row of the last list with these bytes, when it is next in turn; it is then part of this list. Valid until
    /// the next call.
    [[nodiscard]] Row const* take_if_repeated(std::string_view payload);
    /// A row that had to be decoded.
    void add(std::string_view payload, std::string_view account, model::BrokerRow row);

private:
    bool running_ = false;
    std::vector<Row> last_;
    std::vector<Row> now_;
    std::size_t next_ = 0;  ///< in last_
};

}  // namespace possync::sync
