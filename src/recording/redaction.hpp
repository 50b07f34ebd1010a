// What leaves with a recording, and what does not. Account codes become others of the same shape (DU1234567 -> DU0000001),
// the same code always the same one; order references, model codes and user names become texts of the same length. Messages
// that this program does not read are cut down to their id. Everything else stays byte for byte.
//
// Every replacement has the length of what it replaces, so that neither fields nor the binary form's lengths move, and so
// that a finished file can be mended in place. Frames are redacted by their decoded fields first, then by a scan of the
// bytes for every code that is known, and for what is shaped like one. Pure.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "recording/format.hpp"

namespace possync::recording {

class Redactor {
public:
    struct Frame {
        EventKind kind = EventKind::frame;  ///< frame, unread or cut
        std::string payload;
    };
    /// A whole frame behind the handshake. `server_version` 0: the handshake is not done.
    [[nodiscard]] Frame frame(Side side, std::string_view payload, int server_version);
    /// Any other bytes or text: the scan alone.
    [[nodiscard]] std::string scan(std::string_view bytes);

    /// From now on this code is replaced wherever it stands.
    void learn_account(std::string_view code);
    [[nodiscard]] std::map<std::string, std::string, std::less<>> const& accounts() const { return accounts_; }

    struct Leak {
        std::size_t at = 0;
        std::string replacement;  ///< as long as what stands there
    };
    /// Where known account codes still stand in a recording's text: what was written before they were known.
    [[nodiscard]] std::vector<Leak> leaks(std::string_view text) const;

private:
    void replace_account(std::string& payload, std::string_view code, std::size_t at);
    void replace_text(std::string& payload, std::string_view text, std::size_t at);
    void replace_known(std::string& bytes, bool texts_too);
    /// Length of the known code, or of what is shaped like a code, that begins here; 0: none does.
    [[nodiscard]] std::size_t code_at(std::string_view bytes, std::size_t at) const;
    [[nodiscard]] std::size_t known_at(std::string_view bytes, std::size_t at) const;

    std::map<std::string, std::string, std::less<>> accounts_;
    std::map<std::string, std::string, std::less<>> texts_;
    std::set<std::string, std::less<>> given_;       ///< replacements in use
    std::set<std::size_t, std::greater<>> lengths_;  ///< of the known codes, longest first
    std::array<bool, 256> first_{};                  ///< bytes that a known code begins with
    std::size_t counter_ = 0;
};

}  // namespace possync::recording
