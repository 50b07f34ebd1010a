#include "http/cursor.hpp"

#include <openssl/evp.h>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace possync::http {

namespace json = boost::json;

std::string base64_url(std::string_view bytes) {
    std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
    int const size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<unsigned char const*>(bytes.data()), static_cast<int>(bytes.size()));
    out.resize(static_cast<std::size_t>(size));
    while (!out.empty() && out.back() == '=')
        out.pop_back();
    for (char& c : out)
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    return out;
}

std::optional<std::string> from_base64_url(std::string_view text) {
    std::string padded(text);
    for (char& c : padded) {
        if (c == '+' || c == '/' || c == '=') return std::nullopt;
        c = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    std::size_t const padding = (4 - padded.size() % 4) % 4;
    if (padding == 3) return std::nullopt;
    padded.append(padding, '=');
    std::string out(padded.size() / 4 * 3, '\0');
    int const size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<unsigned char const*>(padded.data()), static_cast<int>(padded.size()));
    if (size < 0 || static_cast<std::size_t>(size) < padding) return std::nullopt;
    out.resize(static_cast<std::size_t>(size) - padding);
    return out;
}

std::string to_text(PageCursor const& cursor) {
    json::array place;
    for (auto const& value : cursor.place)
        value ? place.emplace_back(json::string(*value)) : place.emplace_back(nullptr);
    return base64_url(json::serialize(json::array{json::string(cursor.view), json::string(cursor.sort), std::move(place)}));
}

std::optional<PageCursor> parse_page_cursor(std::string_view text) {
    if (text.size() > 4096) return std::nullopt;
    auto const decoded = from_base64_url(text);
    if (!decoded) return std::nullopt;
    boost::system::error_code bad;
    auto const value = json::parse(*decoded, bad);
    if (bad || !value.is_array()) return std::nullopt;
    auto const& array = value.get_array();
    if (array.size() != 3 || !array[0].is_string() || !array[1].is_string() || !array[2].is_array()) return std::nullopt;
    PageCursor cursor;
    cursor.view = std::string(array[0].get_string());
    cursor.sort = std::string(array[1].get_string());
    for (auto const& each : array[2].get_array()) {
        if (each.is_null()) {
            cursor.place.emplace_back(std::nullopt);
        } else if (each.is_string()) {
            cursor.place.emplace_back(std::string(each.get_string()));
        } else {
            return std::nullopt;
        }
    }
    return cursor;
}

}  // namespace possync::http
