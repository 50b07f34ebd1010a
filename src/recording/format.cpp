#include "recording/format.hpp"

#include <array>
#include <charconv>

#include <fmt/format.h>

namespace possync::recording {

using base::ErrorCode;
using base::Result;

namespace {

constexpr std::array<std::string_view, 3> recorder_words{"service", "one-shot", "pass-through"};
constexpr std::string_view hex_digits = "0123456789abcdef";

/// The word of an event with its direction.
std::string_view word_of(Event const& event) {
    bool const out = event.side == Side::client;
    switch (event.kind) {
    case EventKind::opened: return "open";
    case EventKind::failed: return "failed";
    case EventKind::closed: return "close";
    case EventKind::frame: return out ? ">" : "<";
    case EventKind::unread: return out ? ">?" : "<?";
    case EventKind::cut: return out ? ">cut" : "<cut";
    case EventKind::raw: return out ? ">raw" : "<raw";
    case EventKind::sync: return "sync";
    case EventKind::ended: return "end";
    case EventKind::truncated: return "truncated";
    }
    return "";
}

struct Word {
    std::string_view text;
    EventKind kind;
    Side side;
};
constexpr std::array<Word, 14> words{{{"open", EventKind::opened, Side::client},
                                      {"failed", EventKind::failed, Side::client},
                                      {"close", EventKind::closed, Side::client},
                                      {">", EventKind::frame, Side::client},
                                      {"<", EventKind::frame, Side::gateway},
                                      {">?", EventKind::unread, Side::client},
                                      {"<?", EventKind::unread, Side::gateway},
                                      {">cut", EventKind::cut, Side::client},
                                      {"<cut", EventKind::cut, Side::gateway},
                                      {">raw", EventKind::raw, Side::client},
                                      {"<raw", EventKind::raw, Side::gateway},
                                      {"sync", EventKind::sync, Side::client},
                                      {"end", EventKind::ended, Side::client},
                                      {"truncated", EventKind::truncated, Side::client}}};

template <typename Number>
bool read_number(std::string_view text, Number& to) {
    auto const [stop, error] = std::from_chars(text.data(), text.data() + text.size(), to);
    return !text.empty() && error == std::errc{} && stop == text.data() + text.size();
}

/// The next word; the rest loses it and one blank behind it.
std::string_view take_word(std::string_view& rest) {
    auto const blank = rest.find(' ');
    std::string_view const word = rest.substr(0, blank);
    rest = blank == std::string_view::npos ? std::string_view{} : rest.substr(blank + 1);
    return word;
}

std::string quoted(std::string_view text) {
    std::string shown;
    escape(shown, text.substr(0, 40));
    return "'" + shown + (text.size() > 40 ? "..." : "") + "'";
}

class Parser {
public:
    explicit Parser(std::string const& name) : name_(name) {}

    Result<Recording> parse(std::string_view text) {
        bool ended = false;
        while (!text.empty()) {
            ++line_;
            auto const end = text.find('\n');
            std::string_view line = text.substr(0, end);
            bool const whole = end != std::string_view::npos;
            text = whole ? text.substr(end + 1) : std::string_view{};
            if (line.ends_with('\r')) line.remove_suffix(1);  // it may have come through a mail
            if (line_ == 1) {
                POSSYNC_TRY_VOID(header(line));
                continue;
            }
            if (!whole) {
                // A recorder that was killed leaves half a line; what stands before it is sound.
                recording_.warning = fmt::format("{}:{}: the last line breaks off and is passed over", name_, line_);
                break;
            }
            if (line.empty() || line.starts_with('#')) continue;
            if (ended) return fail("there is more behind the last line");
            if (line.starts_with("setting ")) {
                if (!recording_.events.empty()) return fail("a setting stands behind the first event");
                auto const value = unescape(line.substr(8));
                if (!value) return fail("the setting is no escaped text");
                recording_.settings.push_back({line_, *value});
                continue;
            }
            POSSYNC_TRY_VOID(event(line));
            auto const kind = recording_.events.back().kind;
            ended = kind == EventKind::ended || kind == EventKind::truncated;
        }
        if (line_ == 0) {
            line_ = 1;
            return fail("the file is empty; a recording begins with 'possync-recording 1'");
        }
        if (!ended && recording_.warning.empty()) {
            recording_.warning = fmt::format(
                "{}:{}: there is no last line 'end' or 'truncated': the recorder was killed or the disk was full", name_, line_);
        }
        return std::move(recording_);
    }

private:
    std::unexpected<base::Error> fail(std::string const& what) const {
        return base::fail(ErrorCode::invalid_input, fmt::format("{}:{}: {}", name_, line_, what));
    }

    Result<void> header(std::string_view line) {
        if (take_word(line) != magic) return fail("this is no recording; one begins with 'possync-recording 1'");
        int version = 0;
        auto const number = take_word(line);
        if (!read_number(number, version) || version < 1) return fail(quoted(number) + " is no format version");
        if (version > format_version) {
            return fail(fmt::format("the recording has format {}, this program reads formats up to {}; use a newer possync",
                                    version, format_version));
        }
        bool have_start = false;
        while (!line.empty()) {
            auto const word = take_word(line);
            auto const equals = word.find('=');
            std::string_view const key = word.substr(0, equals);
            std::string_view const value = equals == std::string_view::npos ? std::string_view{} : word.substr(equals + 1);
            if (key == "started") {
                auto const time = base::parse_rfc3339(value);
                if (!time) return fail(quoted(value) + " is no time; write started=2026-11-23T14:30:00.000000Z");
                recording_.header.started = *time;
                have_start = true;
            } else if (key == "by") {
                std::size_t i = 0;
                while (i < recorder_words.size() && recorder_words[i] != value)
                    ++i;
                if (i == recorder_words.size()) return fail(quoted(value) + " is not one of service, one-shot, pass-through");
                recording_.header.recorder = static_cast<Recorder>(i);
            } else if (key == "seed") {
                if (!read_number(value, recording_.header.seed)) return fail(quoted(value) + " is no seed");
            } else {
                return fail("nobody knows the word " + quoted(word) + " in the first line");
            }
        }
        if (!have_start) return fail("the first line does not say when it started; write started=2026-11-23T14:30:00.000000Z");
        return {};
    }

    Result<void> event(std::string_view rest) {
        Event event;
        event.line = line_;
        std::int64_t time = 0;
        auto const time_text = take_word(rest);
        // A year is more than any recording lasts; the limit keeps all sums of times in range.
        if (!read_number(time_text, time) || time < 0 || time > 366LL * 86'400 * 1'000'000) {
            return fail(quoted(time_text) + " is no time in microseconds since the start");
        }
        event.time = base::Duration(time);
        if (!recording_.events.empty() && event.time < recording_.events.back().time) return fail("time goes back");
        auto const number = take_word(rest);
        if (!read_number(number, event.connection) || event.connection < 0)
            return fail(quoted(number) + " is no connection number");
        auto const name = take_word(rest);
        Word const* found = nullptr;
        for (auto const& each : words) {
            if (each.text == name) found = &each;
        }
        if (found == nullptr) return fail("nobody knows the event " + quoted(name));
        event.kind = found->kind;
        event.side = found->side;
        auto payload = unescape(rest);
        if (!payload) return fail("the payload is no escaped text: \\0, \\\\ and \\xHH are the only escapes");
        event.payload = std::move(*payload);
        POSSYNC_TRY_VOID(check(event));
        recording_.events.push_back(std::move(event));
        return {};
    }

    Result<void> check(Event& event) {
        auto const connection = static_cast<std::size_t>(event.connection);
        bool const open = connection < open_.size() && open_[connection];
        switch (event.kind) {
        case EventKind::opened:
            if (connection != open_.size()) return fail("connections are numbered 1, 2, 3 as they open");
            open_.push_back(true);
            return {};
        case EventKind::closed:
            if (event.payload != "client" && event.payload != "gateway")
                return fail("say who closed it: close client, or close gateway");
            event.side = event.payload == "client" ? Side::client : Side::gateway;
            if (!open) return fail(fmt::format("connection {} is not open", connection));
            open_[connection] = false;
            return {};
        case EventKind::frame:
        case EventKind::unread:
        case EventKind::cut:
        case EventKind::raw:
            if (!open) return fail(fmt::format("connection {} is not open", connection));
            if (event.payload.empty()) return fail("there is no payload");
            return {};
        default: return {};
        }
    }

    std::string const& name_;
    int line_ = 0;
    Recording recording_;
    std::vector<bool> open_{false};  ///< by connection number; there is no 0
};

}  // namespace

Result<Recording> parse(std::string_view text, std::string const& name) { return Parser(name).parse(text); }

void write(std::string& out, Header const& header) {
    out += fmt::format("{} {} started={} by={}", magic, format_version, base::to_rfc3339(header.started),
                       recorder_words[static_cast<std::size_t>(header.recorder)]);
    if (header.recorder != Recorder::pass_through) out += fmt::format(" seed={}", header.seed);
    out += '\n';
}

void write(std::string& out, Setting const& setting) {
    out += "setting ";
    escape(out, setting.text);
    out += '\n';
}

void write(std::string& out, Event const& event) {
    out += fmt::format("{} {} {}", event.time.count(), event.connection, word_of(event));
    std::string_view payload = event.payload;
    if (event.kind == EventKind::closed) payload = event.side == Side::client ? "client" : "gateway";
    if (!payload.empty()) {
        out += ' ';
        escape(out, payload);
    }
    out += '\n';
}

void escape(std::string& out, std::string_view bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        char const c = bytes[i];
        if (c == '\0') {
            out += "\\0";
        } else if (c == '\\') {
            out += "\\\\";
        } else if (c < ' ' || c > '~' || (c == ' ' && i + 1 == bytes.size())) {
            auto const byte = static_cast<unsigned char>(c);
            out += "\\x";
            out += hex_digits[byte >> 4];
            out += hex_digits[byte & 15];
        } else {
            out += c;
        }
    }
}

std::optional<std::string> unescape(std::string_view text) {
    std::string bytes;
    bytes.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char const c = text[i];
        if (c < ' ' || c > '~') return std::nullopt;
        if (c != '\\') {
            bytes += c;
            continue;
        }
        if (++i == text.size()) return std::nullopt;
        if (text[i] == '0') {
            bytes += '\0';
        } else if (text[i] == '\\') {
            bytes += '\\';
        } else if (text[i] == 'x' && i + 2 < text.size()) {
            auto const high = hex_digits.find(text[i + 1]);
            auto const low = hex_digits.find(text[i + 2]);
            if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
            bytes += static_cast<char>(high << 4 | low);
            i += 2;
        } else {
            return std::nullopt;
        }
    }
    return bytes;
}

}  // namespace possync::recording
