// NATS JetStream: published to SUBJECT.ACCOUNT with the message's id, which the server goes by to drop what it has; taken once a
// stream acknowledges it. Somebody must have made a stream for the subject: without one the server answers that nobody took it.
#include <nats/nats.h>

#include <fmt/format.h>

#include "outbox/libcurl.hpp"
#include "outbox/sink.hpp"
#include "shared_library/shared_library.hpp"

namespace possync::outbox {

using base::ErrorCode;
using base::Result;

namespace {

// clang-format off
#define POSSYNC_LIBNATS_FUNCTIONS(each) \
    each(jsCtx_Destroy) each(jsPubAck_Destroy) each(jsPubOptions_Init) each(js_Publish) each(natsConnection_Connect) \
    each(natsConnection_Destroy) each(natsConnection_JetStream) each(natsConnection_Status) each(natsOptions_Create) \
    each(natsOptions_Destroy) each(natsOptions_LoadCATrustedCertificates) each(natsOptions_SetAllowReconnect) \
    each(natsOptions_SetName) each(natsOptions_SetTimeout) each(natsOptions_SetToken) each(natsOptions_SetURL) \
    each(natsStatus_GetText)
// clang-format on

#define POSSYNC_LIBNATS_NAME(name) #name,
constexpr char const* names[] = {POSSYNC_LIBNATS_FUNCTIONS(POSSYNC_LIBNATS_NAME)};
constinit shared_library::SharedLibrary libnats{POSSYNC_LIBNATS_SONAME, POSSYNC_LIBNATS_PACKAGE, "publishing to NATS", names};
#define POSSYNC_LIBNATS_FUNCTION(name) constinit shared_library::SharedFunction<decltype(::name)> const name{libnats, #name};
POSSYNC_LIBNATS_FUNCTIONS(POSSYNC_LIBNATS_FUNCTION)

class Nats final : public Sink {
public:
    explicit Nats(SinkOptions options) : options_(std::move(options)) {}
    ~Nats() override { close(); }

    Result<void> deliver(Message const& message, base::Timestamp) override {
        POSSYNC_TRY_VOID(connect());
        auto const milliseconds = options_.timeout.count() / 1000;
        jsPubOptions publish;
        jsPubOptions_Init(&publish);
        publish.MsgId = message.id.c_str();
        publish.MaxWait = milliseconds;
        jsPubAck* acknowledged = nullptr;
        jsErrCode code{};
        std::string const subject = options_.subject + "." + subject_token(message.account);
        natsStatus const status = js_Publish(&acknowledged, stream_, subject.c_str(), message.body.data(),
                                             static_cast<int>(message.body.size()), &publish, &code);
        jsPubAck_Destroy(acknowledged);
        if (status == NATS_OK) return {};
        std::string why = natsStatus_GetText(status);
        if (status == NATS_NO_RESPONDERS) why = fmt::format("no stream takes {}; make one, as in docs/notifications.md", subject);
        if (code != 0) why += fmt::format(" (JetStream error {})", static_cast<int>(code));
        close();  // the next try begins afresh
        return base::fail(status == NATS_TIMEOUT ? ErrorCode::timeout : ErrorCode::unavailable, why);
    }

private:
    Result<void> connect() {
        if (stream_ != nullptr && natsConnection_Status(connection_) == NATS_CONN_STATUS_CONNECTED) return {};
        POSSYNC_TRY_VOID(libnats.load());
        close();
        natsOptions* made = nullptr;
        natsStatus status = natsOptions_Create(&made);
        std::unique_ptr<natsOptions, shared_library::Free<natsOptions_Destroy>> const options(made);
        auto const set = [&](natsStatus result) { status = status == NATS_OK ? result : status; };
        if (status == NATS_OK) {
            set(natsOptions_SetURL(made, options_.url.c_str()));
            set(natsOptions_SetName(made, "possync"));
            set(natsOptions_SetTimeout(made, options_.timeout.count() / 1000));
            set(natsOptions_SetAllowReconnect(made, false));  // the dispatcher tries again, in its own time
            if (!options_.secret.empty()) set(natsOptions_SetToken(made, options_.secret.reveal().c_str()));
            if (!options_.ca_file.empty()) set(natsOptions_LoadCATrustedCertificates(made, options_.ca_file.c_str()));
            // Never without the certificates to trust, where they cannot be read: the token would go out all the same.
            if (status == NATS_OK) set(natsConnection_Connect(&connection_, made));
            if (status == NATS_OK) set(natsConnection_JetStream(&stream_, connection_, nullptr));
        }
        if (status == NATS_OK) return {};
        close();
        return base::fail(ErrorCode::unavailable, natsStatus_GetText(status));
    }

    void close() {
        if (connection_ == nullptr) return;
        jsCtx_Destroy(stream_);
        natsConnection_Destroy(connection_);
        stream_ = nullptr;
        connection_ = nullptr;
    }

    SinkOptions options_;
    natsConnection* connection_ = nullptr;
    jsCtx* stream_ = nullptr;
};

}  // namespace

base::Result<void> load_library(SinkType type) { return type == SinkType::nats ? libnats.load() : load_libcurl(); }

std::unique_ptr<Sink> make_nats(SinkOptions const& options) { return std::make_unique<Nats>(options); }

}  // namespace possync::outbox
