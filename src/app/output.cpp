#include "app/output.hpp"

#include <cstdio>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

#include "store/sqlite/sqlite_reader.hpp"

namespace possync::app {

using base::Result;

void print(std::string const& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

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
    POSSYNC_TRY(auto const path, sqlite_path(configuration.database_url));
    return store::open_sqlite_reader(path);
}

}  // namespace possync::app
