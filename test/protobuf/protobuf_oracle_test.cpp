// The hand-written binary codec against libprotobuf: random messages of every kind, filled by reflection, are written by the
// one and read by the other, both ways, and must come back with every field as it was.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tws/decode.hpp"
#include "tws/encode.hpp"
#include "tws_messages.pb.h"

namespace possync::tws {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int newest = 226;

/// Quantities stand as decimals in texts; all other texts are free.
bool is_quantity(FieldDescriptor const& field) {
    auto const& name = field.name();
    return name == "position" || name == "shares" || name == "cum_qty" || name == "min_tick";
}
/// What readers take the date out of.
bool is_date(FieldDescriptor const& field) { return field.name() == "last_trade_date"; }

double random_price() {
    auto const digits = *rc::gen::inRange<std::int64_t>(-999'999'999'999, 999'999'999'999);
    return std::stod(base::Decimal::from_parts(digits, *rc::gen::inRange(0, 9)).to_string());
}

void fill(Message& message) {
    auto const* const reflection = message.GetReflection();
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
        FieldDescriptor const* const field = message.GetDescriptor()->field(i);
        if (field->is_repeated()) {
            for (int n = *rc::gen::inRange(0, 3); n > 0; --n) {
                if (field->cpp_type() == FieldDescriptor::CPPTYPE_INT32) {
                    reflection->AddInt32(&message, field, *rc::gen::arbitrary<std::int32_t>());
                } else {
                    fill(*reflection->AddMessage(&message, field));
                }
            }
            continue;
        }
        if (*rc::gen::inRange(0, 4) == 0) continue;  // absent
        switch (field->cpp_type()) {
            case FieldDescriptor::CPPTYPE_INT32: reflection->SetInt32(&message, field, *rc::gen::arbitrary<std::int32_t>()); break;
            case FieldDescriptor::CPPTYPE_INT64: reflection->SetInt64(&message, field, *rc::gen::arbitrary<std::int64_t>()); break;
            case FieldDescriptor::CPPTYPE_BOOL: reflection->SetBool(&message, field, *rc::gen::arbitrary<bool>()); break;
            case FieldDescriptor::CPPTYPE_DOUBLE: reflection->SetDouble(&message, field, random_price()); break;
            case FieldDescriptor::CPPTYPE_STRING:
                if (is_quantity(*field)) {
                    reflection->SetString(&message, field, base::Decimal::from_parts(*rc::gen::inRange(-100000, 100000), *rc::gen::inRange(0, 5)).to_string());
                } else if (is_date(*field)) {
                    reflection->SetString(&message, field, *rc::gen::element<std::string>("20270115", "202701", ""));
                } else {
                    reflection->SetString(&message, field, *rc::gen::element<std::string>("", "AAPL", "x y", "中文", std::string(200, 'a')));
                }
                break;
            case FieldDescriptor::CPPTYPE_MESSAGE: fill(*reflection->MutableMessage(&message, field)); break;
            default: FAIL() << field->full_name();
        }
    }
}

std::string frame(int id, std::string const& body) {
    std::string payload{'\0', '\0', static_cast<char>((id + 200) >> 8), static_cast<char>((id + 200) & 0xFF)};
    return payload + body;
}

/// libprotobuf writes, we read and write, libprotobuf reads: every field is back. What is absent may come back as its default.
template <typename Oracle, typename Decode>
void both_ways(int id, Decode decode_and_encode) {
    Oracle message;
    fill(message);
    std::string const again = decode_and_encode(frame(id, message.SerializeAsString()));
    RC_ASSERT(again.size() >= 8u);
    Oracle back;
    RC_ASSERT(back.ParseFromString(again.substr(8)));
    google::protobuf::util::MessageDifferencer differ;
    differ.set_message_field_comparison(google::protobuf::util::MessageDifferencer::EQUIVALENT);
    // Defaults of ours that stand for "absent".
    auto const* const request = Oracle::descriptor()->FindFieldByName("request_id");
    if (request != nullptr && !message.GetReflection()->HasField(message, request)) {
        message.GetReflection()->SetInt32(&message, request, back.GetReflection()->GetInt32(back, request));
    }
    std::string difference;
    differ.ReportDifferencesToString(&difference);
    if (!differ.Compare(message, back)) RC_FAIL(Oracle::descriptor()->name() + ": " + difference);
}

std::string answer_again(std::string const& payload) {
    auto const decoded = decode(payload, newest);
    RC_ASSERT(decoded.has_value());
    std::string again;
    encode(again, *decoded, newest);
    return again;
}

std::string request_again(std::string const& payload) {
    auto const decoded = decode_request(payload, newest);
    RC_ASSERT(decoded.has_value());
    std::string again;
    std::visit(
        [&](auto const& request) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(request)>, UnknownRequest>) encode(again, OutgoingMessage(request), newest);
        },
        *decoded);
    return again;
}

/// Numbers that this program presets, because 0 would mean something else.
template <typename Settings>
void preset(Settings& settings) {
    if (!settings.has_master_client_id()) settings.set_master_client_id(-1);
}

RC_GTEST_PROP(ProtobufOracle, Answers, ()) {
    both_ways<oracle::ErrorMessage>(4, answer_again);
    both_ways<oracle::AccountValue>(6, answer_again);
    both_ways<oracle::PortfolioValue>(7, answer_again);
    both_ways<oracle::AccountUpdateTime>(8, answer_again);
    both_ways<oracle::NextValidId>(9, answer_again);
    both_ways<oracle::ExecutionDetails>(11, answer_again);
    both_ways<oracle::ManagedAccounts>(15, answer_again);
    both_ways<oracle::CurrentTime>(49, answer_again);
    both_ways<oracle::RequestNumber>(52, answer_again);
    both_ways<oracle::AccountDownloadEnd>(54, answer_again);
    both_ways<oracle::RequestNumber>(55, answer_again);
    both_ways<oracle::CommissionReport>(59, answer_again);
    both_ways<oracle::Position>(61, answer_again);
    both_ways<oracle::PositionEnd>(62, answer_again);
    both_ways<oracle::AccountSummary>(63, answer_again);
    both_ways<oracle::RequestNumber>(64, answer_again);
    both_ways<oracle::PositionMulti>(71, answer_again);
    both_ways<oracle::RequestNumber>(72, answer_again);
    both_ways<oracle::AccountUpdateMulti>(73, answer_again);
    both_ways<oracle::RequestNumber>(74, answer_again);
    both_ways<oracle::FamilyCodes>(78, answer_again);
    both_ways<oracle::Pnl>(94, answer_again);
    both_ways<oracle::PnlSingle>(95, answer_again);
    both_ways<oracle::CurrentTime>(109, answer_again);
}

RC_GTEST_PROP(ProtobufOracle, ContractDataAndSettingsHavePresets, ()) {
    for (int const id : {10, 18}) {
        both_ways<oracle::ContractData>(id, [](std::string const& payload) {
            oracle::ContractData preset;
            preset.mutable_details()->set_price_magnifier(1);
            auto const again = answer_again(payload.substr(0, 4) + preset.SerializeAsString() + payload.substr(4));
            oracle::ContractData sent, back;
            RC_ASSERT(sent.ParseFromString(payload.substr(4)) && back.ParseFromString(again.substr(8)));
            if (!sent.details().has_price_magnifier()) back.mutable_details()->clear_price_magnifier();
            return again.substr(0, 8) + back.SerializeAsString();
        });
    }
    both_ways<oracle::GatewaySettings>(110, [](std::string const& payload) {
        auto const again = answer_again(payload);
        oracle::GatewaySettings sent, back;
        RC_ASSERT(sent.ParseFromString(payload.substr(4)) && back.ParseFromString(again.substr(8)));
        if (!sent.api().settings().has_master_client_id()) back.mutable_api()->mutable_settings()->clear_master_client_id();
        return again.substr(0, 8) + back.SerializeAsString();
    });
}

RC_GTEST_PROP(ProtobufOracle, Requests, ()) {
    both_ways<oracle::RequestAccountUpdates>(6, request_again);
    both_ways<oracle::RequestExecutions>(7, request_again);
    both_ways<oracle::RequestContractData>(9, request_again);
    for (int const id : {17, 49, 61, 64, 80, 105}) both_ways<oracle::NoFields>(id, request_again);
    both_ways<oracle::RequestAccountSummary>(62, request_again);
    for (int const id : {63, 75, 77, 93, 95, 108}) both_ways<oracle::RequestNumber>(id, request_again);
    both_ways<oracle::StartApi>(71, request_again);
    both_ways<oracle::RequestOfModel>(74, request_again);
    both_ways<oracle::RequestAccountUpdatesMulti>(76, request_again);
    both_ways<oracle::RequestOfModel>(92, request_again);
    both_ways<oracle::RequestPnlSingle>(94, request_again);
}

/// Damaged bytes: where libprotobuf reads a message, we do, but for quantities that are no numbers and field numbers that the
/// encoding does not allow (0, more than 29 bits), some of which it lets pass.
RC_GTEST_PROP(ProtobufOracle, TheSameBytesAreMessages, ()) {
    oracle::ExecutionDetails message;
    fill(message);
    message.set_request_id(7);
    std::string body = message.SerializeAsString();
    auto const at = *rc::gen::inRange<std::size_t>(0, body.size());
    switch (*rc::gen::inRange(0, 3)) {
        case 0: body.resize(at); break;
        case 1: body[at] = static_cast<char>(*rc::gen::inRange(0, 256)); break;
        default: body.insert(at, 1, static_cast<char>(*rc::gen::inRange(0, 256)));
    }
    oracle::ExecutionDetails parsed;
    bool const theirs = parsed.ParseFromString(body);
    auto const ours = decode(frame(11, body), newest);
    if (theirs && !ours) {
        std::string const why = ours.error().what;
        RC_ASSERT(why == "not a decimal number" || why == "not a field number");
    }
}

}  // namespace
}  // namespace possync::tws
