#include "app/secret_file.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

namespace possync::app {

using base::ErrorCode;
using base::fail;

base::Result<base::Secret> read_secret_file(std::string const& path, std::string const& key) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) {
        return fail(ErrorCode::invalid_input, fmt::format("{} {} cannot be read: {}", key, path, std::generic_category().message(errno)));
    }
    if ((info.st_mode & 077) != 0 && !path.starts_with("/run/secrets/")) {
        return fail(ErrorCode::invalid_input, fmt::format("{} {} can be read by others; say chmod 600 {}", key, path, path));
    }
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    std::string secret = text.str();
    while (!secret.empty() && static_cast<unsigned char>(secret.back()) <= ' ') secret.pop_back();
    if (!file || secret.empty() || secret.size() > 256 || secret.find_first_of(" \r\n\t") != std::string::npos) {
        return fail(ErrorCode::invalid_input, fmt::format("{} {} does not hold one secret and nothing else", key, path));
    }
    return base::Secret(std::move(secret));
}

}  // namespace possync::app
