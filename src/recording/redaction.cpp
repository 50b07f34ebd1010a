#include "recording/redaction.hpp"

#include <algorithm>

#include "tws/decode.hpp"
#include "tws/encode.hpp"
#include "tws/outgoing.hpp"

namespace possync::recording {

namespace {

constexpr std::string_view capitals = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view smalls = "0123456789abcdefghijklmnopqrstuvwxyz";
/// A shorter code may be part of any word: it is replaced only where it stands alone.
constexpr std::size_t unmistakable = 5;
constexpr std::size_t text_unmistakable = 4;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }

/// Writes n into the last `places` of `text`, as far as it fits.
void put_number(std::string& text, std::size_t places, std::size_t n, std::string_view digits, std::size_t base) {
    for (std::size_t i = 0; i < places; ++i, n /= base)
        text[text.size() - 1 - i] = digits[n % base];
}
bool fits(std::size_t places, std::size_t n, std::size_t base) {
    for (; places > 0 && n > 0; --places)
        n /= base;
    return n == 0;
}

/// What the broker gives as an account: capitals and digits. A group's or an alias' name is a text.
bool is_code(std::string_view text) {
    return text.size() > 1 && std::any_of(text.begin(), text.end(), is_digit) &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_digit(c) || (c >= 'A' && c <= 'Z'); });
}

/// Up to three letters in front stay: they tell paper from live, and individual accounts from advisers'.
std::string pseudonym(std::string_view code, std::size_t n) {
    std::string result(code);
    std::size_t digits = 0;
    while (digits < code.size() && is_digit(code[code.size() - 1 - digits]))
        ++digits;
    if (code.size() - digits <= 3 && fits(digits, n, 10)) {
        put_number(result, digits, n, capitals, 10);
    } else {
        put_number(result, std::max<std::size_t>(code.size() - 1, 1), n, capitals, 36);
    }
    return result;
}

/// D for paper; U, F, I for individual accounts, advisers and what belongs to them; at times one more letter.
std::size_t shaped_at(std::string_view bytes, std::size_t at) {
    std::size_t i = at;
    if (bytes[i] == 'D') ++i;
    if (i == bytes.size() || (bytes[i] != 'U' && bytes[i] != 'F' && bytes[i] != 'I')) return 0;
    ++i;
    if (i < bytes.size() && bytes[i] >= 'A' && bytes[i] <= 'Z') ++i;
    std::size_t const digits = i;
    std::size_t const letters = i - at;
    while (i < bytes.size() && is_digit(bytes[i]))
        ++i;
    char const before = at == 0 ? '\0' : bytes[at - 1];
    // In binary a text follows its length, and what comes after it may look like one more digit.
    auto const told = static_cast<unsigned char>(before);
    if (told >= letters + 5 && told <= letters + 9 && told <= i - at) return told;
    if (is_word(before) || i - digits < 5 || i - digits > 9) return 0;
    char const after = i == bytes.size() ? '\0' : bytes[i];
    // Execution ids are hexadecimal words between full stops.
    return is_word(after) || after == '.' || before == '.' ? 0 : i - at;
}

/// The texts of a message that name somebody.
struct Names {
    std::vector<std::string_view> accounts;
    std::vector<std::string_view> texts;

    void list(std::string_view all) {
        while (!all.empty()) {
            auto const comma = all.find(',');
            accounts.push_back(all.substr(0, comma));
            all = comma == std::string_view::npos ? std::string_view{} : all.substr(comma + 1);
        }
    }

    template <typename Message>
    void operator()(Message const& m) {
        if constexpr (requires { m.accounts; }) list(m.accounts);
        if constexpr (requires { m.account; }) list(m.account);
        if constexpr (requires { m.group; }) list(m.group);
        if constexpr (requires { m.model_code; }) texts.push_back(m.model_code);
        if constexpr (requires { m.order_ref; }) texts.push_back(m.order_ref);
        if constexpr (requires { m.submitter; }) texts.push_back(m.submitter);
        if constexpr (requires { m.advanced_reject; }) texts.push_back(m.advanced_reject);
        if constexpr (requires { m.codes; }) {
            for (auto const& code : m.codes) {
                list(code.account);
                list(code.family_code);
            }
        }
        if constexpr (requires {
                          m.key;
                          m.value;
                      }) {
            if (m.key.starts_with("Account") && m.key != "AccountType" && m.key != "AccountReady") list(m.value);
        }
    }
};

/// The id in front of a frame, in the form it has.
std::string_view id_of(std::string_view payload) {
    if (payload.starts_with('\0')) return payload.substr(0, 4);
    auto const end = payload.find('\0');
    return end == std::string_view::npos ? payload.substr(0, 0) : payload.substr(0, end + 1);
}

}  // namespace

Redactor::Frame Redactor::frame(Side side, std::string_view payload, int server_version) {
    Frame result{EventKind::frame, std::string(payload)};
    Names names;
    bool decoded = false;
    bool unknown = false;
    if (server_version > 0 && side == Side::gateway) {
        if (auto const message = tws::decode(payload, server_version)) {
            decoded = true;
            unknown = std::holds_alternative<tws::UnknownMessage>(*message);
            if (std::holds_alternative<tws::GatewaySettings>(*message)) {
                // The whole settings name trusted addresses and folders; what this program reads of them does not.
                result.payload.clear();
                tws::encode(result.payload, *message, server_version);
                result.payload.erase(0, 4);
                return result;
            }
            std::visit([&](auto const& each) { names(each); }, *message);
        }
    } else if (server_version > 0) {
        if (auto const request = tws::decode_request(payload, server_version)) {
            decoded = true;
            unknown = std::holds_alternative<tws::UnknownRequest>(*request);
            std::visit([&](auto const& each) { names(each); }, *request);
        }
    }
    if (decoded && unknown) {
        result.kind = EventKind::cut;
        result.payload = std::string(id_of(payload));
        return result;
    }
    for (auto const code : names.accounts) {
        if (!code.empty()) replace_account(result.payload, code, static_cast<std::size_t>(code.data() - payload.data()));
    }
    for (auto const text : names.texts) {
        if (!text.empty()) replace_text(result.payload, text, static_cast<std::size_t>(text.data() - payload.data()));
    }
    if (!decoded) result.kind = EventKind::unread;
    replace_known(result.payload, !decoded);
    return result;
}

std::string Redactor::scan(std::string_view bytes) {
    std::string result(bytes);
    replace_known(result, true);
    return result;
}

void Redactor::learn_account(std::string_view code) {
    if (code.size() < 2 || accounts_.contains(code)) return;
    std::string replacement;
    bool taken = true;
    while (taken) {
        replacement = pseudonym(code, ++counter_);
        // Codes of two letters can run out of others; a third would only be the same again.
        taken = fits(code.size() - 1, counter_, 36) &&
                (replacement == code || accounts_.contains(replacement) || given_.contains(replacement));
    }
    given_.insert(replacement);
    accounts_.emplace(code, std::move(replacement));
    lengths_.insert(code.size());
    first_[static_cast<unsigned char>(code.front())] = true;
}

void Redactor::replace_account(std::string& payload, std::string_view code, std::size_t at) {
    if (!is_code(code)) {
        if (code != "All") replace_text(payload, code, at);  // the protocol's own word
        return;
    }
    learn_account(code);
    payload.replace(at, code.size(), accounts_.find(code)->second);
}

void Redactor::replace_text(std::string& payload, std::string_view text, std::size_t at) {
    auto found = texts_.find(text);
    if (found == texts_.end()) {
        std::string replacement(text.size(), 'x');
        std::size_t places = 1;
        std::size_t const n = texts_.size() + 1;
        while (places < text.size() && !fits(places, n, 36))
            ++places;
        put_number(replacement, places, n, smalls, 36);
        found = texts_.emplace(text, std::move(replacement)).first;
    }
    payload.replace(at, text.size(), found->second);
}

std::size_t Redactor::known_at(std::string_view bytes, std::size_t at) const {
    if (!first_[static_cast<unsigned char>(bytes[at])]) return 0;
    for (auto const length : lengths_) {
        if (length > bytes.size() - at || !accounts_.contains(bytes.substr(at, length))) continue;
        if (length >= unmistakable) return length;
        char const before = at == 0 ? '\0' : bytes[at - 1];
        bool const told = static_cast<unsigned char>(before) == length;
        bool const alone = !is_word(before) && (at + length == bytes.size() || !is_word(bytes[at + length]));
        if (told || alone) return length;
    }
    return 0;
}

std::size_t Redactor::code_at(std::string_view bytes, std::size_t at) const {
    if (auto const length = known_at(bytes, at); length > 0) return length;
    char const c = bytes[at];
    return c == 'D' || c == 'U' || c == 'F' || c == 'I' ? shaped_at(bytes, at) : 0;
}

void Redactor::replace_known(std::string& bytes, bool texts_too) {
    std::string const original = bytes;
    for (std::size_t at = 0; at < original.size();) {
        std::size_t const length = code_at(original, at);
        if (length == 0) {
            ++at;
            continue;
        }
        std::string_view const code = std::string_view(original).substr(at, length);
        if (!given_.contains(code)) {
            learn_account(code);
            bytes.replace(at, length, accounts_.find(code)->second);
        }
        at += length;
    }
    if (!texts_too) return;
    for (auto const& [text, replacement] : texts_) {
        if (text.size() < text_unmistakable) continue;
        for (auto at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + text.size())) {
            bytes.replace(at, text.size(), replacement);
        }
    }
}

std::vector<Redactor::Leak> Redactor::leaks(std::string_view text) const {
    std::vector<Leak> found;
    for (std::size_t at = 0; at < text.size();) {
        std::size_t const length = known_at(text, at);
        auto const code = text.substr(at, length);
        if (length >= unmistakable && !given_.contains(code)) found.push_back({at, accounts_.find(code)->second});
        at += std::max<std::size_t>(length, 1);
    }
    return found;
}

}  // namespace possync::recording
