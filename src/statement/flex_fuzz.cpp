// libFuzzer target: a reader fed with any bytes, in pieces of a size that the first byte tells. Whatever comes, it answers with
// statements or one error, the same as for the whole at once.
#include <cstdint>
#include <string_view>

#include "base/check.hpp"
#include "statement/flex_reader.hpp"

namespace {

using namespace possync;

struct Utc final : base::ZoneRules {
    base::Result<base::Timestamp> to_utc(std::string_view, base::LocalTime const& local) const override {
        return base::from_utc_local(local);
    }
    base::Result<base::LocalTime> to_local(std::string_view, base::Timestamp time) const override {
        return base::utc_local(time);
    }
};

struct Outcome {
    bool fine = false;
    std::vector<model::Statement> statements;
};

Outcome read(std::string_view bytes, std::size_t piece) {
    static Utc const zones;
    Outcome outcome;
    statement::FlexReader reader({"fuzz.xml"}, zones, [&](model::Statement statement) -> base::Result<void> {
        outcome.statements.push_back(std::move(statement));
        return {};
    });
    base::Result<void> fed;
    for (std::size_t at = 0; at < bytes.size() && fed; at += piece)
        fed = reader.feed(bytes.substr(at, piece));
    auto const finished = reader.finish();
    CHECK(fed.has_value() || !finished.has_value());
    CHECK(finished.has_value() || !finished.error().message.empty());
    outcome.fine = finished.has_value();
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    if (size == 0) return 0;
    std::string_view const bytes(reinterpret_cast<char const*>(data) + 1, size - 1);
    auto const whole = read(bytes, bytes.size() + 1);
    auto const pieces = read(bytes, data[0] % 64 + 1U);
    CHECK(whole.fine == pieces.fine);
    if (whole.fine) CHECK(whole.statements == pieces.statements);
    return 0;
}
