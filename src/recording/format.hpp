// The text of a recording: one line an event, readable with any editor. docs/recordings.md is the specification.
//
//     possync-recording 1 started=2026-11-23T14:30:00.000000Z by=pass-through
//     152 1 open
//     180 1 > 71\02\071\0\0
//
// Parsing is total: whatever the bytes are, the answer is a Recording or one error that names file and line. Nothing here
// knows what a payload means. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace possync::recording {

inline constexpr int format_version = 1;
inline constexpr std::string_view magic = "possync-recording";

/// Who sent the bytes, or closed the connection.
enum class Side { client, gateway };

enum class EventKind {
    opened,     ///< the client's connection to the gateway stands
    failed,     ///< it could not be made; payload: why
    closed,     ///< by `side`
    frame,      ///< a whole message, read and redacted field by field
    unread,     ///< a whole frame that this program could not decode; only account codes are replaced
    cut,        ///< a message this program does not read: its id alone
    raw,        ///< bytes outside any frame
    sync,       ///< the operator asked the recording service for a sync; payload: account, or empty
    ended,      ///< the recording was ended in good order: the last line
    truncated,  ///< it ended for want of room; payload: why. The last line
};

struct Event {
    int line = 0;
    base::Duration time{0};  ///< since the recording began
    int connection = 0;      ///< 1, 2, ...; 0: of none
    EventKind kind = EventKind::frame;
    Side side = Side::gateway;
    std::string payload;
};

/// What made a recording.
enum class Recorder { service, one_shot, pass_through };

struct Header {
    base::Timestamp started;
    Recorder recorder = Recorder::pass_through;
    std::uint64_t seed = 1;  ///< of the recorded service's reconnect pauses
    bool operator==(Header const&) const = default;
};

/// A line of the recorded service's configuration, TOML.
struct Setting {
    int line = 0;
    std::string text;
};

struct Recording {
    Header header;
    std::vector<Setting> settings;
    std::vector<Event> events;
    std::string warning;  ///< how it broke off, when neither `end` nor `truncated` is its last line
};

/// Errors: invalid_input "NAME:LINE: what, and what to do".
[[nodiscard]] base::Result<Recording> parse(std::string_view text, std::string const& name);

void write(std::string& out, Header const& header);
void write(std::string& out, Setting const& setting);
void write(std::string& out, Event const& event);

/// Printable ASCII as it is; NUL as \0, the backslash as \\, every other byte, and a blank at the end, as \xHH.
void escape(std::string& out, std::string_view bytes);
/// Nothing when it is no escaped text.
[[nodiscard]] std::optional<std::string> unescape(std::string_view text);

}  // namespace possync::recording
