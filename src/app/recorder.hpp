// Recorder: a recording as a file, written behind the connection. The caller hands over copies of what passed; cutting,
// redacting and writing happen on a thread of the recorder's own, so that neither a slow disk nor a large frame delays the
// connection. Too much waiting, a full disk or the size limit end the recording with one line, never the connection.
//
// All members may be called from one thread at a time. The destructor ends the recording in good order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "recording/format.hpp"

namespace possync::app {

struct RecorderOptions {
    std::string path;
    std::uint64_t size_limit = 64 << 20;
    recording::Recorder recorder = recording::Recorder::pass_through;
    std::uint64_t seed = 1;
    std::vector<std::string> settings;  ///< lines of TOML
    std::vector<std::string> accounts;  ///< codes known beforehand
    bool keep_previous = false;         ///< a file of that name becomes PATH.previous; else it is an error
    /// Told once, on the recorder's thread, when the recording ends before its time.
    std::function<void(std::string const& why)> on_end;
};

class Recorder {
public:
    /// Errors: refused when the file exists, io when it cannot be made.
    [[nodiscard]] static base::Result<std::unique_ptr<Recorder>> open(RecorderOptions options);
    ~Recorder();
    Recorder(Recorder const&) = delete;
    Recorder& operator=(Recorder const&) = delete;

    /// The number of the new connection in the recording.
    int opened();
    void failed(std::string_view why);
    void bytes(int connection, recording::Side side, std::string_view bytes);
    void closed(int connection, recording::Side side);
    void sync(std::string_view account);

private:
    class Implementation;
    explicit Recorder(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

/// "64M", "512K", "1G" or bytes; at least 64K.
[[nodiscard]] base::Result<std::uint64_t> parse_size(std::string_view text);
/// The shortest text that parse_size reads back.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

}  // namespace possync::app
