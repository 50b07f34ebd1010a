#include "app/output.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "app/database.hpp"

namespace possync::app {

using base::Result;

namespace {

struct OutputFile {
    std::FILE* file = nullptr;
    std::string path;
    std::optional<base::Error> failed;
};
OutputFile output;

base::Error output_error() { return {base::ErrorCode::io, fmt::format("{} cannot be written: {}", output.path, std::strerror(errno))}; }

}  // namespace

Result<void> begin_output(std::string const& path) {
    output.path = path;
    output.failed.reset();
    output.file = std::fopen((path + ".partial").c_str(), "wb");
    if (output.file == nullptr) return std::unexpected(output_error());
    return {};
}

Result<void> end_output(bool keep) {
    std::FILE* const file = std::exchange(output.file, nullptr);
    bool const written = keep && !output.failed && std::fflush(file) == 0 && ::fsync(::fileno(file)) == 0;
    auto error = output.failed ? *output.failed : output_error();
    std::fclose(file);
    std::string const partial = output.path + ".partial";
    if (written) {
        if (std::rename(partial.c_str(), output.path.c_str()) == 0) return {};
        error = output_error();
    }
    std::remove(partial.c_str());
    if (!keep) return {};
    return std::unexpected(error);
}

void print(std::string const& text) {
    std::FILE* const to = output.file != nullptr ? output.file : stdout;
    if (std::fwrite(text.data(), 1, text.size(), to) != text.size() && !output.failed) output.failed = output_error();
}

void print_line(std::string text) {
    if (text.empty() || text.back() != '\n') text += '\n';
    print(text);
}

query::TableOptions table_options() {
    query::TableOptions options;
    if (::isatty(STDOUT_FILENO) != 0) {
        winsize size{};
        if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) options.width = size.ws_col;
        options.colour = ::getenv("NO_COLOR") == nullptr;
    }
    return options;
}

Result<std::unique_ptr<query::Reader>> open_reader(Configuration const& configuration) {
    POSSYNC_TRY(auto const database, open_database(configuration));
    return database->open_reader();
}

}  // namespace possync::app
