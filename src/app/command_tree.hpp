// What follows from the command line's own description of itself: the man page and the completions of shells. They are made
// by the program that they describe, at build time, so none of them can name a command or an option that it does not have,
// or leave one out.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace possync::app {

/// possync(1) as troff.
[[nodiscard]] std::string man_page(CLI::App const& app, std::string const& version);
[[nodiscard]] std::string bash_completion(CLI::App const& app);
[[nodiscard]] std::string zsh_completion(CLI::App const& app);
[[nodiscard]] std::string fish_completion(CLI::App const& app);

}  // namespace possync::app
