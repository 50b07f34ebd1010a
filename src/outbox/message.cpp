#include <boost/json.hpp>
#include <fmt/format.h>

#include "outbox/sink.hpp"
#include "query/json.hpp"

namespace possync::outbox {

namespace {

template <typename Row>
boost::json::value rows_as_json(std::vector<Row> const& rows) {
    return boost::json::parse(query::to_json(rows));
}

}  // namespace

Message make_message(store::Notification const& notification, query::RevisionRows const& rows) {
    Message message;
    message.account = notification.account;
    boost::json::object body;
    if (notification.gap_from) {
        message.id = fmt::format("{}:{}-{}", notification.account, *notification.gap_from, notification.revision);
        body = {{"id", message.id},
                {"type", "gap"},
                {"account", notification.account},
                {"from_revision", *notification.gap_from},
                {"revision", notification.revision}};
    } else {
        message.id = fmt::format("{}:{}", notification.account, notification.revision);
        body = {{"id", message.id}, {"type", "change"}, {"account", notification.account}, {"revision", notification.revision}};
        if (notification.recorded_at) body["recorded_at"] = base::to_rfc3339(*notification.recorded_at);
        body["positions"] = rows_as_json(rows.positions);
        body["events"] = rows_as_json(rows.events);
        body["closes"] = rows_as_json(rows.closes);
    }
    message.body = boost::json::serialize(body);
    return message;
}

std::string subject_token(std::string const& account) {
    std::string token;
    for (char const c : account) {
        bool const plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        token += plain ? c : '_';
    }
    return token.empty() ? "_" : token;
}

}  // namespace possync::outbox
